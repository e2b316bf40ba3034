//! Programs that a test needs beyond Rust and a C compiler.

/// Whether one of these programs is missing, which is said before the test is skipped. `what` needs them.
#[allow(clippy::print_stderr)] // a test that cannot run says why
pub fn lacks(what: &str, programs: &[&str]) -> bool {
    let search = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let is_there = |name: &str| std::env::split_paths(&search).any(|folder| folder.join(name).is_file());
    let missing = programs.iter().find(|name| !is_there(name));
    if let Some(name) = missing {
        eprintln!("skipped: {what} needs {name}");
    }
    missing.is_some()
}
