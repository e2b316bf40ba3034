//! JSON reports among the files of a comparison.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::cli::compressed;
use crate::error::{Error, Result};

/// A JSON report is no longer than this.
const LONGEST_REPORT: u64 = 256 << 20;

/// A JSON report and its file.
pub(crate) type NamedReport = (String, Value);

/// The JSON report in a file; `None` if the file holds something else.
///
/// # Errors
/// If the file cannot be read: a usage error that names the flag and the file.
pub(crate) fn report_in(flag: &str, path: &Path) -> Result<Option<NamedReport>> {
    /// What only a report has on its first line, or in its first value.
    #[derive(Deserialize)]
    struct Marks {
        #[serde(rename = "input")]
        _input: IgnoredAny,
        #[serde(rename = "requirements")]
        _requirements: IgnoredAny,
        #[serde(rename = "run")]
        _run: IgnoredAny,
    }
    let unread = |e: std::io::Error| Error::usage(format!("{flag} {}: {e}", path.display()));
    let is_file = path.as_os_str() != "-" && std::fs::metadata(path).map_err(unread)?.is_file();
    if !is_file {
        return Ok(None);
    }
    let open = || -> std::io::Result<_> {
        let text = compressed::read(File::open(path)?)?;
        let mut from = BufReader::new(text.take(LONGEST_REPORT));
        skip_mark(&mut from)?;
        Ok(from)
    };
    let first = serde_json::Deserializer::from_reader(open().map_err(unread)?).into_iter::<Marks>().next();
    if !matches!(first, Some(Ok(_))) {
        return Ok(None);
    }
    let mut text = String::new();
    open().and_then(|mut from| from.read_to_string(&mut text)).map_err(unread)?;
    let report = serde_json::from_str(&text)
        .map_err(|e| Error::usage(format!("{flag} {}: not a JSON report of pstats: {e}", path.display())))?;
    Ok(Some((path.display().to_string(), report)))
}

/// Skips a byte order mark.
fn skip_mark(from: &mut BufReader<impl Read>) -> std::io::Result<()> {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    if from.fill_buf()?.starts_with(MARK) {
        from.consume(MARK.len());
    }
    Ok(())
}
