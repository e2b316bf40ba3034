//! `pgen`: realistic API events as JSON Lines.

fn main() -> std::process::ExitCode {
    pulsepipe::pgen::main()
}
