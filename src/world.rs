//! What events describe: services, traffic, latency, locations and devices. The figures are data (`world/pulsestream.toml`);
//! nothing here knows how an event is written.

pub mod curve;
pub(crate) mod devices;
pub(crate) mod geography;
pub(crate) mod latency;
pub mod profile;
pub(crate) mod value;
