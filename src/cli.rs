//! Runs a tool: parses the command line, runs it, returns an exit code. Only this module knows the process: its arguments, signals
//! and standard streams.

pub(crate) mod api_key;
pub(crate) mod certificates;
pub(crate) mod color;
pub(crate) mod compressed;
pub(crate) mod console;
pub(crate) mod ending;
pub(crate) mod files;
mod form;
mod help;
pub mod input;
mod install;
pub(crate) mod numbers;
pub(crate) mod output;
pub(crate) mod part_of_run;
mod relay;
pub(crate) mod screen;
pub(crate) mod shard;
pub(crate) mod sheet;
mod standard;
pub(crate) mod stop;
mod stream;
pub mod values;
mod whole;

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::{Arg, Command, Parser};

use crate::error::Result;
use color::Color;
pub(crate) use console::Console;
pub(crate) use ending::Ending;
use files::Files;
pub(crate) use help::Help;
use output::Output;
pub(crate) use stop::Signals;
pub use stop::Stop;

/// A tool's command line.
pub(crate) trait CommandLine: Parser {
    /// Its help.
    const HELP: Help;

    /// The files that it names, and the standard streams that are used in place of one.
    fn files(&self) -> Files;
}

/// Parses the command line into `A`, checks that its files are distinct, runs the tool and turns the result into an exit code.
///
/// A closed standard output ends a tool quietly with status 0. psend owes an outcome to every event, so it handles this case itself.
pub(crate) fn run<A: CommandLine>(tool: &'static str, body: impl FnOnce(A, &Console) -> Result<Ending>) -> ExitCode {
    let console = Console::new(tool);
    let ended = match parse::<A>() {
        Ok(args) => args.files().check().and_then(|()| body(args, &console)),
        // In a pipe of several tools it matters whose command line was wrong.
        Err(Stopped::Wrong(error)) => {
            console.note(error.render().to_string().trim_end());
            return ExitCode::from(2);
        }
        Err(Stopped::Asked(text)) => print(&text).map(|()| Ending::Done),
        Err(Stopped::Made(made)) => Output::open(None).and_then(|mut out| out.put(&made)).map(|()| Ending::Done),
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

/// Why there is nothing to run.
enum Stopped {
    /// The command line is wrong.
    Wrong(clap::Error),
    /// Only help or the version was asked for.
    Asked(StyledStr),
    /// Only a man page or completions were asked for.
    Made(Vec<u8>),
}

fn print(text: &StyledStr) -> Result<()> {
    let text = if Color::Auto.shows_on(&std::io::stdout()) { text.ansi().to_string() } else { text.to_string() };
    Output::open(None)?.put(text.as_bytes())
}

fn parse<A: CommandLine>() -> std::result::Result<A, Stopped> {
    let mut command = A::HELP.add_to(install::add_to(A::command())).mut_args(take_negative_values);
    let args = join_negative_values(&command, std::env::args_os());
    let mut matches = command.try_get_matches_from_mut(&args).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp => {
            let long = args.iter().any(|arg| arg == "--help");
            Stopped::Asked(help::text(&mut command, long))
        }
        ErrorKind::DisplayVersion => Stopped::Asked(error.render()),
        ErrorKind::InvalidUtf8 => Stopped::Wrong(not_utf8(&mut command, &args)),
        _ => Stopped::Wrong(error),
    })?;
    if let Some(made) = install::asked(&command, &A::HELP, &matches) {
        return Err(Stopped::Made(made));
    }
    A::from_arg_matches_mut(&mut matches).map_err(|error| Stopped::Wrong(error.format(&mut command)))
}

/// Names the flag whose value is not valid UTF-8, because clap does not. The message omits the value, which may be a key.
fn not_utf8(command: &mut Command, args: &[OsString]) -> clap::Error {
    let named = |at: usize| {
        let arg = args[at].to_string_lossy();
        match arg.split_once('=') {
            Some((flag, _)) if flag.starts_with("--") => flag.to_owned(),
            _ if arg.starts_with('-') => arg.chars().take(2).collect(),
            _ => args[at - 1].to_string_lossy().into_owned(),
        }
    };
    let is_file = |flag: &str| {
        let is_it = |arg: &&Arg| {
            arg.get_long().is_some_and(|long| flag.strip_prefix("--") == Some(long))
                || arg.get_short().is_some_and(|short| flag == format!("-{short}"))
        };
        command
            .get_arguments()
            .find(is_it)
            .is_none_or(|arg| arg.get_value_parser().type_id() == TypeId::of::<PathBuf>())
    };
    let flag = (1..args.len()).filter(|at| args[*at].to_str().is_none()).map(named).find(|flag| !is_file(flag));
    let flag = flag.map_or_else(String::new, |flag| format!("{flag}: "));
    command.error(ErrorKind::InvalidUtf8, format!("{flag}the value is not valid UTF-8"))
}

/// Lets a value begin with a hyphen if it is neither a name nor free text, so that the error for `--spikes -5%` names the form of a
/// probability (contracts §8) rather than a flag `-5`. A flag that accepts any text allows this itself.
fn take_negative_values(arg: Arg) -> Arg {
    let texts = [TypeId::of::<String>(), TypeId::of::<OsString>(), TypeId::of::<PathBuf>()];
    let value = arg.get_value_parser().type_id();
    let typed = arg.get_action().takes_values() && !arg.is_positional() && !texts.iter().any(|text| value == *text);
    if typed { arg.allow_hyphen_values(true) } else { arg }
}

/// Does the same for flags whose value is optional: `--recover -5%` becomes `--recover=-5%`, because no flag begins with a number.
/// In `--recover --quiet` the second is another flag.
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
