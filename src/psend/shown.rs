//! Requests as people may see them: without any secret.

use std::sync::Arc;

use hyper::header::HeaderValue;

use super::secret::Secrets;
use super::transport::{Request, head};

/// The head of a request, with every secret in it blanked.
pub(super) fn head(request: &Request, secrets: &Secrets) -> String {
    let mut shown = request.clone();
    for (_, value) in Arc::make_mut(&mut shown.head).headers.iter_mut().filter(|(_, value)| value.is_sensitive()) {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let blanked = secrets.blank(text.clone());
        // Of a header from a file that is no known secret, nothing is shown.
        let blanked = if blanked == text { "***".to_owned() } else { blanked };
        *value = HeaderValue::from_bytes(blanked.as_bytes()).unwrap_or(HeaderValue::from_static("***"));
    }
    let mut text = Vec::new();
    head::write(&mut text, &shown);
    secrets.blank(String::from_utf8_lossy(&text).into_owned())
}
