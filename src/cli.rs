//! Runs a tool: parse, run, exit code. The one place that knows the process: its arguments, signals, standard streams.

pub mod console;
pub mod files;
pub mod input;
pub mod key_file;
pub mod output;
mod pipe;
pub mod stop;
pub mod values;

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, Command, Parser};

use crate::error::{At, Error, Place};
pub use console::Console;
pub use stop::{Signals, Stop};

/// How a run that was not cut short by an [`Error`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The job is done.
    Done,
    /// The job could not be finished; why has been said on stderr already.
    Unfinished,
    /// A requirement was not met (pstats).
    NotMet,
    /// A signal with this number ended the run in an orderly way.
    Signalled(i32),
    /// A command that the tool ran ended with this status (pserve --exec).
    Status(u8),
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        ExitCode::from(match ending {
            Ending::Done => 0,
            Ending::Unfinished => 1,
            Ending::NotMet => 99,
            Ending::Signalled(signal) => 128u8.wrapping_add(signal.to_le_bytes()[0]),
            Ending::Status(status) => status,
        })
    }
}

/// Parses the command line into `A`, runs the tool and turns its end into an exit code.
///
/// A closed standard output ends a tool quietly with status 0; psend, which owes an outcome to every event, deals with it
/// before it comes here.
pub fn run<A: Parser>(tool: &'static str, body: impl FnOnce(A, &Console) -> Result<Ending, Error>) -> ExitCode {
    let console = Console::new(tool);
    let ended = match parse() {
        Ok(args) => body(args, &console),
        // In a pipe of several tools it matters whose command line was wrong.
        Err(wrong) if wrong.use_stderr() => {
            console.note(wrong.render().to_string().trim_end());
            return ExitCode::from(2);
        }
        Err(help) => help.print().and_then(|()| io::stdout().flush()).at(&Place::Stdout).map(|()| Ending::Done),
    };
    match ended {
        Ok(ending) => ending.into(),
        Err(error) if error.is_closed_stdout() => ExitCode::SUCCESS,
        Err(error) => {
            console.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn parse<A: Parser>() -> Result<A, clap::Error> {
    let mut command = A::command().mut_args(take_negative_values);
    let args = join_negative_values(&command, std::env::args_os());
    let mut matches = command.try_get_matches_from_mut(args)?;
    A::from_arg_matches_mut(&mut matches).map_err(|wrong| wrong.format(&mut command))
}

/// Lets a value begin with a hyphen where it is no name and no text, so that `--spikes -5%` is answered with the form of a
/// probability (contracts §8) and not as if -5 were a flag. A flag whose value can be any text says so itself.
fn take_negative_values(arg: Arg) -> Arg {
    let texts = [TypeId::of::<String>(), TypeId::of::<PathBuf>()];
    let value = arg.get_value_parser().type_id();
    let typed = arg.get_action().takes_values() && !arg.is_positional() && !texts.iter().any(|text| value == *text);
    if typed { arg.allow_hyphen_values(true) } else { arg }
}

/// The same where a value may be left out: `--recover -5%` is `--recover=-5%`, for no flag begins with a number, while what
/// `--recover --quiet` means is another flag.
fn join_negative_values(command: &Command, args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let optional: Vec<String> = command
        .get_arguments()
        .filter(|arg| arg.get_num_args().is_some_and(|n| n.min_values() == 0 && n.takes_values()))
        .filter_map(|arg| arg.get_long().map(|name| format!("--{name}")))
        .collect();
    let is_negative = |arg: &OsStr| matches!(arg.as_encoded_bytes(), [b'-', b'0'..=b'9' | b'.', ..]);
    let mut joined: Vec<OsString> = Vec::new();
    for arg in args {
        match joined.last_mut() {
            Some(flag) if is_negative(&arg) && optional.iter().any(|name| *flag == **name) => {
                flag.push("=");
                flag.push(arg);
            }
            _ => joined.push(arg),
        }
    }
    joined
}
