//! Distributions of numbers in a profile.

use super::table::Value;
use crate::error::Result;

/// The largest number: JSON readers hold it exactly.
const MOST: f64 = 9_007_199_254_740_992.0;

/// A distribution, cut off at bounds.
#[derive(Debug, Clone)]
pub(crate) struct Distribution {
    pub(crate) shape: Shape,
    /// Smaller values become this one.
    pub(crate) min: f64,
    /// Larger values become this one.
    pub(crate) max: f64,
}

#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// All numbers from the first to the second are equally frequent.
    Uniform(f64, f64),
    Normal {
        mean: f64,
        deviation: f64,
    },
    Lognormal {
        median: f64,
        sigma: f64,
    },
    Exponential {
        mean: f64,
    },
    Pareto {
        least: f64,
        shape: f64,
    },
    /// Probabilities from 0 to 1 with their values, linear between them.
    Quantiles(Vec<(f64, f64)>),
}

const SHAPES: [&str; 6] = ["uniform", "normal", "lognormal", "exponential", "pareto", "quantiles"];

/// How many items an array has.
#[derive(Debug, Clone)]
pub(crate) struct Lengths {
    pub(crate) distribution: Distribution,
    pub(crate) most: u32,
}

impl Distribution {
    /// Reads `[low, high]`, or a table with a shape, and `min` and `max`.
    pub(super) fn read(value: Value<'_>) -> Result<Self> {
        if value.raw().is_array() {
            let (low, high) = interval(&value)?;
            return Ok(Self { shape: Shape::Uniform(low, high), min: low, max: high });
        }
        let mut table = value.clone().table()?;
        let mut found = SHAPES.iter().filter(|shape| table.has(shape));
        let (Some(name), None) = (found.next(), found.next()) else {
            return Err(value.fault(format_args!("expected exactly one of {}", SHAPES.join(", "))));
        };
        let shape = Shape::read(name, table.need(name)?)?;
        // Keys of other shapes are known, and would have been refused above.
        for other in SHAPES {
            table.take(other);
        }
        let mut bound = |key, default| table.take(key).map_or(Ok(default), |bound| bound.number_in(-MOST, MOST));
        let (min, max) = (bound("min", -MOST)?, bound("max", MOST)?);
        if min > max {
            return Err(value.fault(format_args!("min {min} is above max {max}")));
        }
        table.finish()?;
        Ok(Self { shape, min, max })
    }
}

impl Shape {
    /// Whether a uniform distribution has bounds that are whole numbers.
    pub(super) fn has_whole_bounds(&self) -> bool {
        match self {
            Self::Uniform(low, high) => low.fract() == 0.0 && high.fract() == 0.0,
            _ => true,
        }
    }

    fn read(name: &str, value: Value<'_>) -> Result<Self> {
        match name {
            "uniform" => {
                let (low, high) = interval(&value)?;
                return Ok(Self::Uniform(low, high));
            }
            "quantiles" => return quantiles(&value).map(Self::Quantiles),
            _ => {}
        }
        let mut table = value.table()?;
        let shape = match name {
            "normal" => Self::Normal {
                mean: table.need("mean")?.number_in(-MOST, MOST)?,
                deviation: table.need("deviation")?.number_in(0.0, MOST)?,
            },
            "lognormal" => Self::Lognormal {
                median: table.need("median")?.positive()?,
                sigma: table.need("sigma")?.number_in(0.0, 10.0)?,
            },
            "exponential" => Self::Exponential { mean: table.need("mean")?.positive()? },
            _ => Self::Pareto {
                least: table.need("least")?.positive()?,
                shape: table.need("shape")?.number_in(0.1, 1000.0)?,
            },
        };
        table.finish()?;
        Ok(shape)
    }
}

impl Lengths {
    /// Reads a number, `[low, high]`, or a distribution.
    pub(super) fn read(value: Value<'_>) -> Result<Self> {
        const LONGEST: f64 = 10_000.0;
        if value.raw().is_integer() {
            let length = value.number_in(0.0, LONGEST)?;
            let distribution = Distribution { shape: Shape::Uniform(length, length), min: length, max: length };
            return Ok(Self::of(distribution));
        }
        let distribution = Distribution::read(value.clone())?;
        if distribution.min < 0.0 || distribution.max > LONGEST {
            return Err(value.fault(format_args!("expected lengths from 0 to {LONGEST}; min and max bound them")));
        }
        Ok(Self::of(distribution))
    }

    fn of(distribution: Distribution) -> Self {
        // From 0 to 10,000, as the caller made sure.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let most = distribution.max.ceil() as u32;
        Self { distribution, most }
    }
}

/// `[low, high]`.
fn interval(value: &Value<'_>) -> Result<(f64, f64)> {
    let [low, high] = value.pair("two numbers, such as [1, 6]")?;
    let (low, high) = (low.number_in(-MOST, MOST)?, high.number_in(-MOST, MOST)?);
    if low <= high {
        Ok((low, high))
    } else {
        Err(value.fault(format_args!("[{low}, {high}]: expected the smaller first")))
    }
}

/// `[[0, 1], [0.5, 80], [1, 5000]]`.
fn quantiles(value: &Value<'_>) -> Result<Vec<(f64, f64)>> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for item in value.list()? {
        let [probability, number] = item.pair("a probability and a value, such as [0.5, 80]")?;
        let (p, x) = (probability.number_in(0.0, 1.0)?, number.number_in(-MOST, MOST)?);
        if points.last().is_some_and(|(before, at)| p <= *before || x < *at) {
            return Err(item.fault(format_args!("[{p}, {x}]: expected probabilities and values in ascending order")));
        }
        points.push((p, x));
    }
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    if first != 0.0 || (last - 1.0).abs() > 0.0 {
        return Err(value.fault("expected probabilities from 0 to 1: the first is 0 and the last is 1"));
    }
    Ok(points)
}
