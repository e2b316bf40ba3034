//! `plearn`: learns a world from real events, for pgen.

fn main() -> std::process::ExitCode {
    pulsepipe::plearn::main()
}
