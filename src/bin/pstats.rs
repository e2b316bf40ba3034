//! `pstats`: summarises and judges events and outcomes.

fn main() -> std::process::ExitCode {
    pulsepipe::pstats::main()
}
