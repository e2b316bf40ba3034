//! Connects to the address of a name that answers first (RFC 8305, "Happy Eyeballs"). One that refuses or does not answer does not use
//! up the time of the others.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::net::TcpStream;

/// How long to wait for an address before trying the next one too (RFC 8305, 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to one of these addresses. Tries all of them within this time.
///
/// # Errors
/// The last error with its address, or `None` if there is no address.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    within: Duration,
) -> Result<TcpStream, Option<(SocketAddr, io::Error)>> {
    let head_start = HEAD_START.min(within / u32::try_from(2 * addresses.len().max(1)).unwrap_or(u32::MAX));
    let attempt = |address: SocketAddr| async move { TcpStream::connect(address).await.map_err(|e| (address, e)) };
    let mut rest = in_turn(addresses).into_iter();
    let mut under_way = FuturesUnordered::new();
    let mut last = None;
    loop {
        under_way.extend(rest.next().map(attempt));
        if under_way.is_empty() {
            return Err(last);
        }
        tokio::select! {
            Some(done) = under_way.next() => match done {
                Ok(stream) => return Ok(stream),
                // A refusal says more than the lack of a local address of that family.
                Err(failed) if last.is_some() && failed.1.kind() == io::ErrorKind::AddrNotAvailable => {}
                Err(failed) => last = Some(failed),
            },
            () = tokio::time::sleep(head_start), if rest.len() > 0 => {}
        }
    }
}

/// The addresses in their order, but with alternating families, so that a family that does not work delays the other only once.
fn in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut one, mut other): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv6() == first);
    one.reverse();
    other.reverse();
    let mut turns = Vec::with_capacity(addresses.len());
    while turns.len() < addresses.len() {
        turns.extend(one.pop());
        turns.extend(other.pop());
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;
    use tokio::net::TcpListener;

    /// An address that takes no connection and says nothing, for its queue is full; and what keeps it so.
    fn silent() -> (SocketAddr, impl Sized) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        rustix::net::listen(&listener, 0).expect("a queue may be short");
        let address = listener.local_addr().expect("an address");
        let try_one = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
        let queued: Vec<_> = std::iter::from_fn(try_one).collect();
        (address, (listener, queued))
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
    }

    #[test]
    fn an_address_that_says_nothing_does_not_use_up_the_time_of_the_next() {
        run(async {
            let (silent, _held) = silent();
            let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let right = server.local_addr().expect("an address");
            let began = Instant::now();
            let stream = connect(&[silent, silent, right], Duration::from_secs(20)).await.expect("one answers");
            assert_eq!(stream.peer_addr().expect("connected"), right);
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
            // If there is little time, they share it.
            let many = [[silent; 20].as_slice(), &[right]].concat();
            let within = Duration::from_secs(2);
            assert!(tokio::time::timeout(within, connect(&many, within)).await.expect("in time").is_ok());
        });
    }

    #[test]
    fn an_address_that_refuses_leads_to_the_next_at_once_and_the_last_refusal_is_told() {
        run(async {
            let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let right = server.local_addr().expect("an address");
            let refusing = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
            let began = Instant::now();
            assert!(connect(&[refusing, refusing, right], Duration::from_secs(20)).await.is_ok());
            assert!(began.elapsed() < HEAD_START, "{:?}", began.elapsed());
            let told = connect(&[refusing], Duration::from_secs(20)).await.expect_err("it refuses").expect("a reason");
            assert_eq!((told.0, told.1.kind()), (refusing, io::ErrorKind::ConnectionRefused));
            assert!(connect(&[], Duration::from_secs(20)).await.expect_err("there is none").is_none());
        });
    }

    #[test]
    fn families_take_turns() {
        let of = |text: &str| text.parse::<SocketAddr>().expect(text);
        let (a, b, c) = (of("[::1]:1"), of("[::2]:1"), of("127.0.0.1:1"));
        assert_eq!(in_turn(&[a, b, c]), [a, c, b]);
        assert_eq!(in_turn(&[c, a, b]), [c, a, b]);
    }
}
