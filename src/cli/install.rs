//! What is installed beside a tool: its man page and completions for shells. Both are made from the tool's command line, so they
//! cannot differ from it.

use clap::builder::EnumValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold};

use super::help::Help;

/// All tools, in the order in which they stand in a pipe.
const TOOLS: [&str; 6] = ["pgen", "pshape", "psend", "pstats", "pserve", "plearn"];

const COMPLETIONS: &str = "completions";
const MAN: &str = "man";

/// Adds `--completions` and `--man`.
pub(super) fn add_to(command: Command) -> Command {
    let completions = Arg::new(COMPLETIONS)
        .long(COMPLETIONS)
        .value_name("SHELL")
        .value_parser(EnumValueParser::<Shell>::new())
        .help("Print completions for a shell");
    let man = Arg::new(MAN).long(MAN).action(ArgAction::SetTrue).help("Print the man page");
    let last = |arg: Arg| arg.exclusive(true).hide_short_help(true).help_heading("Installation").display_order(1000);
    command.arg(last(completions)).arg(last(man))
}

/// What these flags ask for, if they were given.
pub(super) fn asked(command: &Command, help: &Help, matches: &ArgMatches) -> Option<Vec<u8>> {
    if let Some(shell) = matches.get_one::<Shell>(COMPLETIONS) {
        return Some(completions(command, *shell));
    }
    matches.get_flag(MAN).then(|| man(command, help))
}

fn completions(command: &Command, shell: Shell) -> Vec<u8> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command.clone(), name, &mut script);
    script
}

/// The man page, with sections in the usual order (man-pages(7)).
fn man(command: &Command, help: &Help) -> Vec<u8> {
    // Man leaves out the help of a flag that `-h` does not show.
    let shown = command.clone().mut_args(|arg| arg.hide_short_help(false));
    let man = Man::new(shown).manual("pulsepipe");
    let mut page = Vec::new();
    let write = |page: &mut Vec<u8>| {
        man.render_title(page)?;
        man.render_name_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_description_section(page)?;
        examples(help).to_writer(page)?;
        man.render_options_section(page)?;
        exit_status(help).to_writer(page)?;
        man.render_version_section(page)?;
        see_also(command).to_writer(page)
    };
    write(&mut page).expect("a vector takes all bytes");
    page
}

fn examples(help: &Help) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]).control("nf", []);
    for line in help.examples.lines() {
        roff.text([line.trim_start().into()]);
    }
    roff.control("fi", []);
    roff
}

fn exit_status(help: &Help) -> Roff {
    let text = help.exit_status.strip_prefix("Exit status: ").unwrap_or(help.exit_status);
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]).text([text.into()]);
    roff
}

fn see_also(command: &Command) -> Roff {
    let others = TOOLS.iter().filter(|tool| **tool != command.get_name());
    let mut text: Vec<Inline> = others.flat_map(|tool| [bold(*tool), "(1), ".into()]).collect();
    text.pop();
    text.push("(1)".into());
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).text(text);
    roff
}
