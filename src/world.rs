//! What events describe. The figures are data (`world/pulsestream.toml`, `world/shipped`); nothing here knows how an event is written.
//!
//! A world is one of two forms: the [`profile`] of an API with its services, users and places, whose events have PulseStream's form,
//! or a [`template`] of any JSON.

pub(crate) mod curve;
pub(crate) mod devices;
pub(crate) mod form;
pub(crate) mod geography;
pub(crate) mod latency;
pub(crate) mod origin;
pub mod profile;
pub(crate) mod shipped;
pub(crate) mod template;
pub(crate) mod value;

pub use self::form::World;
