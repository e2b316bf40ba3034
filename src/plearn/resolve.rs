//! From the command line to a [`Config`].

use super::args::{Args, Format};
use super::config::{Against, Config, Form, Job, Rules};
use super::require::Requirement;
use crate::error::{Error, Result};

/// Offsets within a line have 32 bits.
const LONGEST_LINE: u64 = 1 << 30;

/// Resolves the flags.
///
/// # Errors
/// A usage error that names the flag.
pub(super) fn resolve(args: Args) -> Result<Config> {
    if args.min_count.0 == 0 {
        return Err(Error::usage("--min-count 0: expected a number above 0"));
    }
    for (flag, paths) in [("--drop", &args.drop), ("--keep", &args.keep)] {
        if paths.iter().any(|path| path.split('.').any(str::is_empty)) {
            return Err(Error::usage(format!("{flag}: expected the path of a member, such as context.user_id")));
        }
    }
    if let Some(path) = args.keep.iter().find(|path| args.drop.contains(path)) {
        return Err(Error::usage(format!("--drop {path} and --keep {path}: give only one of them")));
    }
    if args.max_line.0 > LONGEST_LINE {
        return Err(Error::usage(format!("--max-line {}: expected at most {LONGEST_LINE} bytes", args.max_line)));
    }
    let rules = Rules { min_count: args.min_count.0, drop: args.drop, keep: args.keep, max_values: args.max_values };
    if let Some(text) = args.require.first().filter(|_| args.like.is_empty()) {
        return Err(Error::usage(format!(
            "--require '{text}': requirements are on a comparison; expected --like FILE too"
        )));
    }
    let read = |text: &String| Requirement::parse(text).map_err(|e| Error::usage(format!("--require {e}")));
    let requirements = args.require.iter().map(read).collect::<Result<_>>()?;
    let job = match (args.format, args.like.is_empty()) {
        (None | Some(Format::World), true) => Job::Learn(Form::World),
        (Some(Format::State), true) => Job::Learn(Form::State),
        (None | Some(Format::Text), false) => Job::Compare(Against { real: args.like, is_json: false, requirements }),
        (Some(Format::Json), false) => Job::Compare(Against { real: args.like, is_json: true, requirements }),
        (Some(format), true) => {
            return Err(Error::usage(format!(
                "--format {}: expected world or state; text and json are forms of a comparison (--like FILE)",
                format.name()
            )));
        }
        (Some(format), false) => {
            return Err(Error::usage(format!("--format {}: expected text or json with --like", format.name())));
        }
    };
    Ok(Config {
        files: args.files,
        job,
        output: args.output,
        rules,
        max_line: usize::try_from(args.max_line.0).unwrap_or(usize::MAX),
        every: args.every.map(|every| every.0),
        quiet: args.quiet,
    })
}
