//! What the events describe: services, traffic, latency, places and devices. The figures are data (`world/pulsestream.toml`);
//! nothing here knows how an event is written.

pub mod curve;
pub mod devices;
pub mod geography;
pub mod latency;
pub mod profile;
pub mod value;
