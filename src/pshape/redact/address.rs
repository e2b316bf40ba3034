//! Stand-ins for IP addresses. Two addresses that begin with the same bits get stand-ins that begin with equally many same bits, so
//! subnets stay subnets.
//!
//! This is the scheme of Crypto-PAn (Xu, Fan, Ammar, Moon 2002): each bit is flipped or not by a pseudorandom function of the bits
//! before it. One value of the function gives the flips of all seven or eight bits of a byte, one for each way to begin it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::key::Function;

/// The addresses of a key.
pub(super) struct Addresses(Function);

impl Addresses {
    /// The addresses that a pseudorandom function decides.
    pub(super) fn new(function: Function) -> Self {
        Self(function)
    }

    /// The stand-in for an address, or `None` for one that is nobody's: unspecified or loopback.
    pub(super) fn stand_in(&self, address: IpAddr) -> Option<IpAddr> {
        if address.is_unspecified() || address.is_loopback() {
            return None;
        }
        Some(match address {
            IpAddr::V4(four) => Ipv4Addr::from(self.bytes(four.octets())).into(),
            // The address is the IPv4 one, in another notation.
            IpAddr::V6(six) => match six.to_ipv4_mapped() {
                Some(four) => Ipv4Addr::from(self.bytes(four.octets())).to_ipv6_mapped().into(),
                None => Ipv6Addr::from(self.bytes(six.octets())).into(),
            },
        })
    }

    fn bytes<const N: usize>(&self, bytes: [u8; N]) -> [u8; N] {
        let mut out = [0; N];
        for at in 0..N {
            let flips = self.flips(&bytes, at);
            // The node of a binary tree that the bits so far lead to. The root is 1.
            let mut node = 1usize;
            for bit in (0..8).rev().map(|place| bytes[at] >> place & 1) {
                let flip = flips[node / 128] >> (node % 128) & 1;
                out[at] = out[at] << 1 | (bit ^ u8::from(flip == 1));
                node = node << 1 | usize::from(bit);
            }
        }
        out
    }

    /// The flips of the byte at a place, one for each node of its tree: the last level, and those before it.
    fn flips<const N: usize>(&self, bytes: &[u8; N], at: usize) -> [u128; 2] {
        let mut input = [0u8; 19];
        input[1] = u8::try_from(N).unwrap_or(0);
        input[2..2 + at].copy_from_slice(&bytes[..at]);
        [0, 1].map(|half| {
            input[0] = half;
            self.0.at(&input[..2 + at])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::Key;
    use super::*;
    use proptest::prelude::*;

    fn addresses() -> Addresses {
        Addresses::new(Key::new(b"0123456789abcdef").expect("a key").function("addresses"))
    }

    fn four(address: u32) -> u32 {
        match addresses().stand_in(Ipv4Addr::from(address).into()) {
            Some(IpAddr::V4(four)) => four.into(),
            _ => address,
        }
    }

    proptest! {
        #[test]
        fn common_prefixes_keep_their_length(a in any::<u32>(), bits in 0u32..32, b in any::<u32>()) {
            let special = |a: u32| a == 0 || a >> 24 == 127;
            let b = if bits == 0 { b } else { a >> (32 - bits) << (32 - bits) | b >> bits };
            prop_assume!(!special(a) && !special(b));
            prop_assert_eq!((four(a) ^ four(b)).leading_zeros(), (a ^ b).leading_zeros());
        }

        #[test]
        fn prefixes_of_ipv6_keep_their_length(a in any::<u128>(), bits in 1u32..128, b in any::<u128>()) {
            let b = a >> (128 - bits) << (128 - bits) | b >> bits;
            let six = |address: u128| match addresses().stand_in(Ipv6Addr::from(address).into()) {
                Some(IpAddr::V6(six)) => u128::from(six),
                _ => 0,
            };
            prop_assert_eq!((six(a) ^ six(b)).leading_zeros(), (a ^ b).leading_zeros());
        }
    }

    #[test]
    fn addresses_of_nobody_stay_and_a_mapped_one_is_the_ipv4_one() {
        let stand_in = |text: &str| addresses().stand_in(text.parse().expect("an address"));
        for nobody in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
            assert_eq!(stand_in(nobody), None);
        }
        let four = stand_in("192.0.2.7").expect("a stand-in");
        assert_eq!(stand_in("::ffff:192.0.2.7").expect("a stand-in").to_string(), format!("::ffff:{four}"));
    }
}
