//! `pshape`: traffic curves and faults on a stream of events.

fn main() -> std::process::ExitCode {
    pulsepipe::pshape::main()
}
