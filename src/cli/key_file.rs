//! A file that holds one key, as psend and pserve accept it.

/// Returns the key in the text of the file: its one line, trimmed. Empty if the file is.
///
/// # Errors
/// If there are more lines. The message shows none of them.
pub fn key_in(text: &str) -> Result<&str, String> {
    let key = text.trim();
    if key.lines().count() > 1 { Err("holds more than one line; expected one key".to_owned()) } else { Ok(key) }
}
