//! The help of all tools: `-h` is one screen of everyday flags, `--help` is everything and begins with examples.

use clap::builder::StyledStr;
use clap::{Arg, Command};

/// The width of help on terminals that are not narrower.
const WIDTH: usize = 80;

/// What a tool's help says besides its flags.
pub(crate) struct Help {
    /// Commands that `--help` begins with, one per line.
    pub examples: &'static str,
    /// The long names of the flags that `-h` shows, one line each. `--help` shows all flags.
    pub everyday: &'static [&'static str],
    /// The last lines of `--help`.
    pub exit_status: &'static str,
}

impl Help {
    /// Adds this help to a tool's command.
    pub(super) fn add_to(&self, command: Command) -> Command {
        let more = format!("Run `{} --help` for examples, all flags and details.", command.get_name());
        command
            .max_term_width(WIDTH)
            .before_long_help(format!("Examples:\n{}", self.examples))
            .after_help(more)
            .after_long_help(self.exit_status)
            .mut_args(|arg| {
                let everyday = arg.is_positional() || arg.get_long().is_some_and(|flag| self.everyday.contains(&flag));
                arg.hide_short_help(!everyday)
            })
    }
}

/// The text of `-h` or `--help`. `-h` has one line per flag, so it leaves lists of values to `--help`.
pub(super) fn text(command: &mut Command, long: bool) -> StyledStr {
    if long {
        return command.render_long_help();
    }
    command.clone().mut_args(|arg: Arg| arg.hide_possible_values(true)).render_help()
}
