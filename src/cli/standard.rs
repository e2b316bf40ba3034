//! Which standard streams were open when the process was started.
//! Before `main`, Rust's runtime opens /dev/null in place of a closed stream. A result that is written to `>&-` would be
//! lost, and the tool would end with success. Afterwards this cannot be distinguished from a /dev/null of the user, because
//! Python and Node.js open theirs with the same flags. So the streams are checked before the runtime does this.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::io::{Errno, fcntl_getfd};
use rustix::stdio::{stdin, stdout};

use crate::error::Place;

const STDIN: u8 = 1;
const STDOUT: u8 = 2;

/// The streams that were closed.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Runs before the runtime: it makes two system calls, allocates nothing and starts no thread.
extern "C" fn look() {
    for (bit, stream) in [(STDIN, stdin()), (STDOUT, stdout())] {
        if fcntl_getfd(stream) == Err(Errno::BADF) {
            CLOSED.fetch_or(bit, Ordering::Relaxed);
        }
    }
}

// The list of functions that the loader calls before the program's entry point. Safe Rust cannot express this.
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
