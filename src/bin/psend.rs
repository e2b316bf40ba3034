//! `psend`: every event delivered over HTTP, its outcome on record.

fn main() -> std::process::ExitCode {
    pulsepipe::psend::main()
}
