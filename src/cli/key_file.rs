//! A key that has a file of its own, as psend and pserve both take it.

/// The key in such a file's text: its one line, without the space around it. Empty where nothing stands there.
///
/// # Errors
/// Where there are more lines. The message shows none of them.
pub fn key_in(text: &str) -> Result<&str, String> {
    let key = text.trim();
    if key.lines().count() > 1 { Err("holds more than one line, where one key is wanted".to_owned()) } else { Ok(key) }
}
