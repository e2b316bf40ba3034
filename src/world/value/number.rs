//! Numbers and ranges in a profile.

use serde::de::{Deserialize, Deserializer, Error};
use toml::Spanned;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $holds:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name {
            number: f64,
            at: usize,
        }

        impl $name {
            pub(crate) fn get(self) -> f64 {
                self.number
            }

            /// The offset of its first byte in the profile's text.
            pub(crate) fn at(self) -> usize {
                self.at
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let found = Spanned::<f64>::deserialize(deserializer)?;
                let (number, at) = (*found.get_ref(), found.span().start);
                let holds: fn(f64) -> bool = $holds;
                if holds(number) {
                    Ok(Self { number, at })
                } else {
                    Err(D::Error::custom(format_args!(concat!("{}: expected ", $expected), number)))
                }
            }
        }
    };
}

number!(
    /// A weight relative to the others of its list, from 0 to a million.
    Share,
    |n| (0.0..=1e6).contains(&n),
    "a share from 0 to 1000000"
);
number!(
    /// From 0 to 1.
    Fraction,
    |n| (0.0..=1.0).contains(&n),
    "a fraction from 0 to 1, such as 0.05"
);
number!(
    /// A time or a factor, above 0 and at most 100,000, so that products of a few fit 64 bits.
    Positive,
    |n| n > 0.0 && n <= 1e5,
    "a number above 0, at most 100000"
);

/// An exponent of Zipf's law, from 0 to 10: beyond that, all but the first of a list would hardly ever occur.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exponent(f64);

impl Exponent {
    pub(crate) fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Exponent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if (0.0..=10.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(D::Error::custom(format_args!("{number}: expected an exponent from 0 to 10, such as 1.0")))
        }
    }
}

impl Positive {
    pub(crate) const ONE: Self = Self { number: 1.0, at: 0 };
}

/// A range of whole numbers, both ends included: `[lo, hi]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) low: u32,
    pub(crate) high: u32,
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [low, high] = <[u32; 2]>::deserialize(deserializer)?;
        // A larger size is a mistake. Up to here, sums and products in the engines cannot overflow.
        if low <= high && high <= 1_000_000_000 {
            Ok(Self { low, high })
        } else {
            Err(D::Error::custom(format_args!("[{low}, {high}]: expected two numbers, the smaller first")))
        }
    }
}

/// A range of positive numbers, both ends included: `[lo, hi]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [low, high] = <[Positive; 2]>::deserialize(deserializer)?.map(Positive::get);
        if low <= high {
            Ok(Self { low, high })
        } else {
            Err(D::Error::custom(format_args!("[{low}, {high}]: expected two numbers, the smaller first")))
        }
    }
}
