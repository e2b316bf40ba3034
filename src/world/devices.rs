//! Device types and the user agents that they send.

use serde::Deserialize;

use super::value::{List, Name, Share};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Device {
    /// Its name in `tags.device_type`.
    #[serde(rename = "type")]
    pub(crate) name: Name,
    pub(crate) share: Share,
    pub(crate) agents: List<String>,
}
