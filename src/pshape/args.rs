//! The command line: as typed ([`Args`]), and resolved ([`Config`]).

use std::path::PathBuf;

use clap::Parser;

use crate::cli::Console;
use crate::cli::values::{ByteSize, Shard};
use crate::error::{Error, Result};
use crate::jsonl::DEFAULT_MAX_LINE;
use crate::record::event::FieldMap;
use crate::record::filter::Filter;
use crate::seed::{self, Seed};

use super::effect::label::Label;
use super::effect::{Active, KINDS, Setup, Wants};
use super::engine::Plan;
use super::event::Fields;
use super::spec::Spec;
use super::window::Origin;

/// Traffic curves and faults on a stream of events, each fault on the record.
///
/// Reads JSON Lines, makes them behave as production does, and hands on byte for byte what no effect touches. A pure function
/// of input, flags and seed: the same three give the same bytes.
#[derive(Debug, Parser)]
#[command(name = "pshape", version, max_term_width = 100)]
pub(super) struct Args {
    /// Files of events, in order; `-` or none: standard input
    files: Vec<PathBuf>,

    /// Multiply response times: P[,factor=2..10|pareto:1.5][,burst=20]
    #[arg(long, value_name = "P", help_heading = "Effects on values")]
    spikes: Option<String>,

    /// Multiply all response times: FACTOR[,p=P][,burst=20]
    #[arg(long, value_name = "FACTOR", help_heading = "Effects on values")]
    slow: Option<String>,

    /// Turn successes into errors: P[,codes=500:3/503:2][,burst=20]
    #[arg(long, value_name = "P", help_heading = "Effects on values")]
    errors: Option<String>,

    /// Turn errors into successes, all or a share: P[,burst=20]
    #[arg(long, value_name = "P", num_args = 0..=1, default_missing_value = "1", help_heading = "Effects on values")]
    recover: Option<String>,

    /// Give each event a fresh id that begins so; copies of one id stay copies
    #[arg(long, value_name = "PREFIX", help_heading = "Effects on values")]
    new_ids: Option<String>,

    /// Let effects act only on events like these: service=payment-service,status_code>=500
    #[arg(long = "where", value_name = "CONDITIONS")]
    filter: Option<String>,

    /// Write the faults of an event into the event too, as metadata.faults
    #[arg(long)]
    label: bool,

    /// Write the events here (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write each injected fault here, as JSON Lines
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,

    /// Fixes every random choice [default: drawn, and shown]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// This run's part of the whole, I/N from 1 or auto: its choices are its own, and truth is marked with it
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// Where the fields stand in another schema: timestamp=ts,latency=dur_ms,status=code,id=uuid
    #[arg(long, value_name = "ROLE=PATH,…")]
    fields: Option<FieldMap>,

    /// Lines longer than this pass as they are
    #[arg(long, value_name = "BYTES", default_value_t = ByteSize(DEFAULT_MAX_LINE as u64))]
    max_line: ByteSize,

    /// The most that is held back for late events, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = ByteSize(128 << 20))]
    max_held: ByteSize,

    /// No summary at the end
    #[arg(short, long)]
    quiet: bool,
}

/// What a run is to do.
pub(super) struct Config {
    /// The inputs, in order.
    pub files: Vec<PathBuf>,
    /// Where the events go; none for standard output.
    pub output: Option<PathBuf>,
    /// Where the truth goes, if anywhere.
    pub truth: Option<PathBuf>,
    /// What the engine works with.
    pub plan: Plan,
    /// The longest line that is looked at, in bytes.
    pub max_line: usize,
    /// No summary.
    pub quiet: bool,
}

impl Args {
    /// Resolves defaults and builds the effects; says on stderr which seed was drawn.
    ///
    /// # Errors
    /// Where a value is out of range or names what is not there.
    pub(super) fn resolve(self, console: &Console) -> Result<Config> {
        let mut fields = Fields::new(self.fields.clone().unwrap_or_default());
        let number = self.seed.unwrap_or_else(seed::draw);
        let seed = self.shard.map_or(Seed::new(number), |shard| Seed::new(number).shard(shard.index));
        let filter = self
            .filter
            .as_deref()
            .map(|text| {
                Filter::parse(text, fields.map())
                    .map_err(|why| Error::usage(format!("invalid value '{text}' for --where: {why}")))
            })
            .transpose()?;
        let mut effects = Vec::new();
        let mut wants = Wants::default();
        for kind in &KINDS {
            if let Some(text) = self.given(kind.flag) {
                let spec = Spec::parse(&format!("--{}", kind.flag), text, kind.head)?;
                let setup = Setup { fields: &mut fields, seed, name: kind.fault.to_owned(), wants: &mut wants };
                effects.push(Active::build(kind, spec, filter.as_ref(), setup)?);
            }
        }
        if self.seed.is_none() && !effects.is_empty() {
            console.note(format_args!("to repeat this run: --seed {number}"));
        }
        let label = self.label.then(|| Label::new(&mut fields));
        let (shard, max_held) = (self.shard, bytes(self.max_held));
        Ok(Config {
            files: self.files,
            output: self.output,
            truth: self.truth,
            plan: Plan { effects, fields, wants, origin: Origin::default(), label, shard, max_held },
            max_line: bytes(self.max_line),
            quiet: self.quiet,
        })
    }

    fn given(&self, flag: &str) -> Option<&str> {
        match flag {
            "spikes" => self.spikes.as_deref(),
            "slow" => self.slow.as_deref(),
            "errors" => self.errors.as_deref(),
            "recover" => self.recover.as_deref(),
            "new-ids" => self.new_ids.as_deref(),
            _ => None,
        }
    }
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}
