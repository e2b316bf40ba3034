//! Which of its standard streams the process was started with.
//!
//! Rust's runtime opens /dev/null in the place of a closed one before `main`, so that a result written to `>&-` would be lost and
//! end with success. That cannot be told apart from a /dev/null of the user's afterwards, for Python and Node.js open theirs with
//! the same flags; so it is looked at before the runtime does so.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::io::{Errno, fcntl_getfd};
use rustix::stdio::{stdin, stdout};

use crate::error::Place;

const STDIN: u8 = 1;
const STDOUT: u8 = 2;

/// The streams that were closed.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Runs before the runtime: no allocation, no thread, two system calls.
extern "C" fn look() {
    for (bit, stream) in [(STDIN, stdin()), (STDOUT, stdout())] {
        if fcntl_getfd(stream) == Err(Errno::BADF) {
            CLOSED.fetch_or(bit, Ordering::Relaxed);
        }
    }
}

// The list of functions that the loader calls before the program's entry, which safe Rust has no name for.
#[allow(unsafe_code)]
#[used]
#[cfg_attr(any(target_os = "linux", target_os = "freebsd"), unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static LOOK: extern "C" fn() = look;

/// Checks that a standard stream was open when the process was started.
///
/// # Errors
/// If it was closed: nothing can be read from it or written to it.
pub(super) fn check_open(place: &Place) -> io::Result<()> {
    let bit = match place {
        Place::Stdin => STDIN,
        Place::Stdout => STDOUT,
        Place::Path(_) => 0,
    };
    if CLOSED.load(Ordering::Relaxed) & bit == 0 { Ok(()) } else { Err(io::Error::other("it is closed")) }
}
