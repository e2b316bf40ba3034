//! A world as data, read from TOML.
//!
//! Every fault of a file is found here. The error names file, line and key.

mod check;
mod form;

pub(crate) use self::form::Profile;
pub(crate) use self::form::{Endpoint, ExtraField, Method, Payload, Service, Status};
use crate::error::{Error, Result};
use crate::world::curve::Curve;
use crate::world::origin::ProfileText;

/// The built-in profile, as `pgen --print-profile` prints it.
pub const BUILT_IN: &str = include_str!("pulsestream.toml");

impl Profile {
    /// PulseStream's profile.
    pub(crate) fn built_in() -> Self {
        Self::parse(BUILT_IN, "the built-in profile").expect("the tests read the built-in profile")
    }

    /// The curve called business.
    pub(crate) fn business_curve(&self) -> Curve {
        self.traffic.curve().expect("parse refuses a profile without one")
    }

    /// Reads a profile. Messages call it `name`.
    ///
    /// # Errors
    /// A usage error that names file, line and key if the text is not a profile.
    pub(crate) fn parse(text: &str, name: &str) -> Result<Self> {
        let mut profile: Self =
            toml::from_str(text).map_err(|e| Error::usage(format!("{name}: {}", e.to_string().trim_end())))?;
        profile.origin = ProfileText::new(name, text);
        profile.check()?;
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::curve::NamedCurve;

    fn with(old: &str, new: &str) -> String {
        assert!(BUILT_IN.contains(old), "{old}");
        match Profile::parse(&BUILT_IN.replacen(old, new, 1), "mine.toml") {
            Ok(_) => "no error".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_built_in_profile_is_valid_and_has_the_business_curve() {
        let profile = Profile::built_in();
        assert_eq!(profile.services.iter().map(|s| s.endpoints.len()).sum::<usize>(), 54);
        assert_eq!(profile.traffic.curve(), Some(NamedCurve::Business.curve()));
    }

    #[test]
    fn a_fault_names_file_line_and_key() {
        let unknown = with("weekend_factor = 0.6", "weekend_factr = 0.6");
        assert!(
            unknown.contains("mine.toml") && unknown.contains("weekend_factr") && unknown.contains("line "),
            "{unknown}"
        );
        let negative = with("share = 70", "share = -70");
        assert!(negative.contains("-70: expected a share") && negative.contains("share = -70"), "{negative}");
        let line = BUILT_IN.lines().position(|line| line.starts_with("share = 70")).expect("it stands there") + 1;
        assert!(negative.contains(&format!("line {line}")), "{negative}");
        let missing = with("service = \"order-service\"", "service = \"ordr-service\"");
        assert!(
            missing.contains("payloads.service: ordr-service is not one of") && missing.contains("line "),
            "{missing}"
        );
        let gone = with("[[services]]", "[[servces]]");
        assert!(gone.contains("servces"), "{gone}");
        assert!(with("error_rate = 0.02", "error_rate = 2").contains("2: expected a fraction"));
        assert!(with("methods = { POST = 1 }", "methods = { PAST = 1 }").contains("PAST is not one of GET"));
        assert!(with("code = 504", "code = 604").contains("604: expected a status"));
        assert!(with("error_type = \"TimeoutError\"", "").contains("504 needs an error_type"));
    }
}
