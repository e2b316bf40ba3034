//! What is done to a database without serving it: `--export` and `--reset`.

use std::io::{BufRead, IsTerminal, stdin};

use super::store::StoreError;
use super::store::open::Db;
use crate::cli::output::Output;
use crate::cli::{Console, Ending, numbers};
use crate::error::{Error, Result};

/// How many bytes of events are written at once.
const BLOCK: usize = 64 << 10;

/// Writes the stored events of a tenant, or of all, to standard output, one per line.
///
/// # Errors
/// If the database cannot be read, or the output not written.
pub(super) fn export(db: &Db, tenant: Option<&str>) -> Result<Ending> {
    let (store, _writer) = open(db)?;
    let mut out = Output::open(None)?;
    let mut block = Vec::with_capacity(2 * BLOCK);
    let mut written = Ok(());
    let mut reader = store.reader().map_err(failed)?;
    let read = reader.export(tenant, &mut |event| {
        // A stored event may have line breaks between its tokens, and nowhere else.
        block.extend(event.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        block.push(b'\n');
        if block.len() >= BLOCK {
            written = out.put(&block);
            block.clear();
        }
        written.is_ok()
    });
    match written.and_then(|()| out.put(&block)) {
        // Whoever reads has had enough.
        Err(error) if error.is_closed_stdout() => return Ok(Ending::Done),
        written => written?,
    }
    read.map_err(failed)?;
    out.finish()?;
    Ok(Ending::Done)
}

/// Removes all events, after asking unless `is_sure`.
///
/// # Errors
/// If the database fails, or nobody can be asked.
pub(super) fn reset(db: &Db, is_sure: bool, quiet: bool, console: &Console) -> Result<Ending> {
    if !is_sure && !stdin().is_terminal() {
        return Err(Error::usage(
            "--reset removes all events and asks first, which needs a terminal; --yes does not ask",
        ));
    }
    let (_store, mut writer) = open(db)?;
    if !is_sure {
        console.block(format_args!("Remove all events of all tenants from {db}? [y/N] "));
        let mut answer = String::new();
        stdin().lock().read_line(&mut answer).map_err(|e| Error::failed(format!("standard input: {e}")))?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            console.note("nothing was removed");
            return Ok(Ending::Done);
        }
    }
    let removed = writer.clear().map_err(failed)?;
    writer.close().map_err(failed)?;
    if !quiet {
        console.note(format_args!("{} removed from {db}", numbers::counted(removed, "event", "events")));
    }
    Ok(Ending::Done)
}

type Opened = (std::sync::Arc<dyn super::store::Store>, Box<dyn super::store::Writer>);

/// Opens a database that exists.
fn open(db: &Db) -> Result<Opened> {
    match db {
        Db::File(path) if !path.exists() => Err(Error::failed(format!("{db}: there is no such database"))),
        db => db.open(),
    }
}

#[allow(clippy::needless_pass_by_value)] // the shape that map_err wants
fn failed(error: StoreError) -> Error {
    Error::failed(error.to_string())
}
