//! The API key, as psend and pserve accept it.

/// The key that the guide's scripts use. It is public, so it is only accepted and sent on loopback (contracts §8).
pub(crate) const TEST_KEY: &str = "test-api-key-12345";

/// Returns the key in the text of a key file: its one line, trimmed. Empty if the file is.
///
/// # Errors
/// If there are more lines. The message shows none of them.
pub(crate) fn key_in(text: &str) -> Result<&str, String> {
    let key = text.trim();
    if key.lines().count() > 1 { Err("holds more than one line; expected one key".to_owned()) } else { Ok(key) }
}
