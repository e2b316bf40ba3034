//! `pserve`: an embedded PulseStream to try it all on.

fn main() -> std::process::ExitCode {
    pulsepipe::pserve::main()
}
