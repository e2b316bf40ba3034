//! A world in either form.

use std::path::Path;

use super::curve::Curve;
use super::profile::Profile;
use super::shipped;
use super::template::TemplateWorld;
use crate::cli::input;
use crate::error::{Error, Result};

/// A world, as a profile describes it.
#[derive(Debug, Clone)]
pub enum World {
    /// Events of an API in PulseStream's form.
    Services(Box<Profile>),
    /// Events of any form.
    Templates(Box<TemplateWorld>),
}

impl World {
    /// PulseStream's world.
    pub(crate) fn built_in() -> Self {
        Self::Services(Box::new(Profile::built_in()))
    }

    /// Reads a profile: a file, standard input for `-`, or a shipped one if there is no file of that name.
    ///
    /// # Errors
    /// A usage error that names file, line and key if the file cannot be read or is not a profile.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        if !path.exists()
            && let Some(shipped) = path.to_str().and_then(shipped::named)
        {
            return Self::parse(shipped.text, &format!("the shipped profile {}", shipped.name));
        }
        let name = format!("--profile {}", path.display());
        let text = input::text(path).map_err(|e| {
            let hint = if e.kind() == std::io::ErrorKind::NotFound { shipped::hint() } else { String::new() };
            Error::usage(format!("{name}: {e}{hint}"))
        })?;
        Self::parse(&text, &name)
    }

    /// Reads a profile. Messages call it `name`.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        if TemplateWorld::is_form_of(text) {
            TemplateWorld::parse(text, name).map(|world| Self::Templates(Box::new(world)))
        } else {
            Profile::parse(text, name).map(|profile| Self::Services(Box::new(profile)))
        }
    }

    /// The curve called business.
    pub fn business_curve(&self) -> Curve {
        match self {
            Self::Services(profile) => profile.business_curve(),
            Self::Templates(world) => world.business_curve(),
        }
    }
}
