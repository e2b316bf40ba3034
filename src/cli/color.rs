//! Whether output is coloured: `--color`, then NO_COLOR and CLICOLOR_FORCE, then whether it goes to a terminal.

use std::env::var_os;
use std::io::IsTerminal;

/// The words of `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Color {
    /// On terminals, unless NO_COLOR is set; everywhere if CLICOLOR_FORCE is.
    Auto,
    /// Wherever the output goes.
    Always,
    /// Nowhere.
    Never,
}

impl Color {
    /// Whether colours are shown on this stream.
    pub(crate) fn shows_on(self, stream: &impl IsTerminal) -> bool {
        let is_set = |name: &str, off: &str| var_os(name).is_some_and(|value| !value.is_empty() && value != off);
        self.decides(is_set("NO_COLOR", ""), is_set("CLICOLOR_FORCE", "0"), obeys_escapes(stream))
    }

    /// NO_COLOR (<https://no-color.org>) outranks CLICOLOR_FORCE (<https://bixense.com/clicolors>), and a flag both.
    fn decides(self, no_color: bool, forced: bool, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => !no_color && (forced || terminal),
        }
    }
}

/// Whether this stream is a terminal that supports escape codes, according to TERM.
pub(crate) fn obeys_escapes(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_outranks_no_color_which_outranks_clicolor_force_which_outranks_the_terminal() {
        assert!(Color::Always.decides(true, false, false) && !Color::Never.decides(false, true, true));
        assert!(Color::Auto.decides(false, true, false) && Color::Auto.decides(false, false, true));
        assert!(!Color::Auto.decides(true, true, true) && !Color::Auto.decides(false, false, false));
    }
}
