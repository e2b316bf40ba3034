//! The figures that are compared, as the JSON report names them.

use crate::pstats::inference::verdict::{Better, Scale};

/// From when to when a latency counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LatencySpan {
    /// Of events, the response time; of outcomes, the last attempt.
    Latency,
    /// From when an event was due or taken up to its end.
    EndToEnd,
}

impl LatencySpan {
    /// The key of the JSON report.
    fn key(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::EndToEnd => "end_to_end",
        }
    }
}

/// A figure of latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Statistic {
    Mean,
    P50,
    P90,
    P95,
    P99,
    P999,
}

impl Statistic {
    const ALL: [Self; 6] = [Self::Mean, Self::P50, Self::P90, Self::P95, Self::P99, Self::P999];

    /// Its name, without a unit.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p999",
        }
    }

    /// The quantile in millionths; `None` for the mean.
    pub(crate) fn millionths(self) -> Option<u32> {
        match self {
            Self::Mean => None,
            Self::P50 => Some(500_000),
            Self::P90 => Some(900_000),
            Self::P95 => Some(950_000),
            Self::P99 => Some(990_000),
            Self::P999 => Some(999_000),
        }
    }
}

/// A figure of a run, of all lines or of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    Latency(LatencySpan, Statistic),
    ErrorRate,
    SuccessRate,
    Throughput,
}

impl Figure {
    /// Those that every comparison has, of latencies of this span.
    pub(crate) fn usual(span: LatencySpan) -> Vec<Self> {
        let latencies = [Statistic::P50, Statistic::P95, Statistic::P99, Statistic::Mean];
        let latencies = latencies.map(|statistic| Self::Latency(span, statistic));
        latencies.into_iter().chain([Self::ErrorRate, Self::SuccessRate, Self::Throughput]).collect()
    }

    /// All that can be compared.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let of = |span| Statistic::ALL.map(|statistic| Self::Latency(span, statistic));
        let rest = [Self::ErrorRate, Self::SuccessRate, Self::Throughput];
        of(LatencySpan::Latency).into_iter().chain(of(LatencySpan::EndToEnd)).chain(rest)
    }

    /// The figure with this path, whose unit may be left out.
    pub(crate) fn named(path: &str) -> Option<Self> {
        Self::all().find(|figure| {
            let known = figure.path();
            known == path || known.strip_suffix("_ms") == Some(path)
        })
    }

    /// Its path in the JSON report, below `events` or `outcomes`, or below a group.
    pub(crate) fn path(self) -> String {
        match self {
            Self::Latency(span, statistic) => format!("{}.{}_ms", span.key(), statistic.name()),
            Self::ErrorRate => "error_rate".to_owned(),
            Self::SuccessRate => "success_rate".to_owned(),
            Self::Throughput => "throughput".to_owned(),
        }
    }

    /// Its last name, without a unit.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Latency(_, statistic) => statistic.name(),
            Self::ErrorRate => "error_rate",
            Self::SuccessRate => "success_rate",
            Self::Throughput => "throughput",
        }
    }

    /// How it is subtracted. Latencies and throughputs spread by factors, and people think of them so; a share of errors may
    /// be 0, and a change from 0.1 % to 0.2 % is not a doubling that matters.
    pub(crate) fn scale(self) -> Scale {
        match self {
            Self::Latency(..) | Self::Throughput => Scale::Ratio,
            Self::ErrorRate | Self::SuccessRate => Scale::Points,
        }
    }

    /// Which way it is better.
    pub(crate) fn better(self) -> Better {
        match self {
            Self::Latency(..) | Self::ErrorRate => Better::Lower,
            Self::SuccessRate | Self::Throughput => Better::Higher,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_found_by_its_path_with_its_unit_or_without() {
        let p95 = Figure::Latency(LatencySpan::EndToEnd, Statistic::P95);
        assert_eq!([Figure::named("end_to_end.p95"), Figure::named("end_to_end.p95_ms")], [Some(p95); 2]);
        assert_eq!(Figure::named("throughput"), Some(Figure::Throughput));
        assert_eq!([Figure::named("p95"), Figure::named("latency.max"), Figure::named("")], [None; 3]);
        assert!(Figure::all().all(|figure| Figure::named(&figure.path()) == Some(figure)));
    }
}
