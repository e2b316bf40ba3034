//! What users hold in their hands: device types and the user agents that fit them.

use serde::Deserialize;

use super::value::{List, Name, Share};

/// A type of device.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Device {
    /// Its name in `tags.device_type`.
    #[serde(rename = "type")]
    pub(crate) name: Name,
    /// Its share of all events.
    pub(crate) share: Share,
    /// The user agents that such a device sends.
    pub(crate) agents: List<String>,
}
