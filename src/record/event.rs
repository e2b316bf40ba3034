//! The event (contracts §2): which field says what, by PulseStream's schema or, with `--fields`, by another.

use std::str::FromStr;

use super::latency::Unit;

/// The meaning of a field of an event, whatever its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub(crate) enum Role {
    /// Its identity.
    Id,
    /// When it happened.
    Timestamp,
    /// info, warning, error or critical.
    Severity,
    /// Which service.
    Service,
    /// Which route.
    Endpoint,
    /// Which HTTP method.
    Method,
    /// The response time.
    Latency,
    /// The HTTP status code.
    Status,
    /// Whether a cache answered.
    CacheHit,
    /// The size of the response in bytes.
    ResponseSize,
    /// Who.
    User,
    /// The region of the world.
    Region,
    /// The country.
    Country,
    /// The city.
    City,
    /// The type of device.
    Device,
    /// What happened, in words.
    Message,
    /// What went wrong.
    ErrorDetails,
}

/// Each role, its name in `--fields`, and its path in PulseStream events.
const ROLES: [(Role, &str, &str); 17] = [
    (Role::Id, "id", "event_id"),
    (Role::Timestamp, "timestamp", "timestamp"),
    (Role::Severity, "severity", "severity"),
    (Role::Service, "service", "source.service"),
    (Role::Endpoint, "endpoint", "source.endpoint"),
    (Role::Method, "method", "source.method"),
    (Role::Latency, "latency", "metrics.response_time_ms"),
    (Role::Status, "status", "metrics.status_code"),
    (Role::CacheHit, "cache_hit", "metrics.cache_hit"),
    (Role::ResponseSize, "response_size", "metrics.response_size_bytes"),
    (Role::User, "user", "context.user_id"),
    (Role::Region, "region", "context.tags.region"),
    (Role::Country, "country", "context.tags.country"),
    (Role::City, "city", "context.tags.city"),
    (Role::Device, "device", "context.tags.device_type"),
    (Role::Message, "message", "message"),
    (Role::ErrorDetails, "error_details", "error_details"),
];

/// The dotted path of each role in an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldMap {
    paths: [String; ROLES.len()],
    latency_unit: Unit,
}

impl Default for FieldMap {
    /// PulseStream's schema.
    fn default() -> Self {
        Self { paths: ROLES.map(|(_, _, path)| path.to_owned()), latency_unit: Unit::default() }
    }
}

impl FieldMap {
    /// The dotted path of this role.
    pub(crate) fn path(&self, role: Role) -> &str {
        &self.paths[role as usize]
    }

    /// The unit of the numbers under [`Role::Latency`].
    pub(crate) fn latency_unit(&self) -> Unit {
        self.latency_unit
    }

    /// Whether a name in a filter is a role's name or the last key of a PulseStream path.
    pub(crate) fn knows(&self, name: &str) -> bool {
        Self::names().any(|known| known == name)
    }

    /// The names that filters and groups accept besides dotted paths: those of roles, and the last keys of PulseStream's paths.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        ROLES.iter().flat_map(|(_, role, path)| {
            let key = path.rsplit('.').next().filter(|key| key != role);
            std::iter::once(*role).chain(key)
        })
    }

    /// Resolves a name in a filter or a group to a dotted path. The name of a role and the last key of a PulseStream path
    /// (`status_code`, `region`) mean the path of that role. Any other name is a path itself.
    pub(crate) fn resolve<'a>(&'a self, name: &'a str) -> &'a str {
        ROLES
            .iter()
            .find(|(_, role, path)| name == *role || Some(name) == path.rsplit('.').next())
            .map_or(name, |(role, ..)| self.path(*role))
    }
}

impl FromStr for FieldMap {
    type Err = String;

    /// Parses `--fields timestamp=ts,latency=duration:s,status=code,id=uuid`. Other roles keep their paths. A unit may follow the path
    /// of a latency; a colon within a key is written `\:` there.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut map = Self::default();
        let mut given = Vec::new();
        for pair in text.split(',').map(str::trim) {
            let (name, path) = pair
                .split_once('=')
                .filter(|(_, path)| !path.is_empty())
                .ok_or_else(|| format!("'{pair}': expected ROLE=PATH, such as timestamp=ts or latency=dur_ms"))?;
            let (role, ..) = ROLES.iter().find(|(_, known, _)| *known == name).ok_or_else(|| {
                let known: Vec<&str> = ROLES.iter().map(|(_, name, _)| *name).collect();
                format!("'{name}' is not a role; the roles are {}", known.join(", "))
            })?;
            if given.contains(role) {
                return Err(format!("'{name}' is given twice"));
            }
            let (path, unit) = split_unit(*role, path)?;
            if path.replace("\\.", "-").split('.').any(str::is_empty) {
                return Err(format!(
                    "'{path}' is not a path: expected keys separated by single dots, such as metrics.took"
                ));
            }
            given.push(*role);
            map.latency_unit = unit.unwrap_or(map.latency_unit);
            map.paths[*role as usize] = path;
        }
        Ok(map)
    }
}

/// Splits a path from the unit that may follow it.
fn split_unit(role: Role, text: &str) -> Result<(String, Option<Unit>), String> {
    let colon = text.rfind(':').filter(|at| role == Role::Latency && !text[..*at].ends_with('\\'));
    let Some(colon) = colon else { return Ok((text.replace("\\:", ":"), None)) };
    let (path, unit) = (&text[..colon], &text[colon + 1..]);
    let unit = unit.parse::<Unit>().map_err(|units| {
        format!("'{unit}' in 'latency={text}' is not a unit: {units}; a colon that belongs to the key is written \\:")
    })?;
    Ok((path.replace("\\:", ":"), Some(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_stand_in_the_order_of_their_table() {
        for (place, (role, ..)) in ROLES.iter().enumerate() {
            assert_eq!(*role as usize, place);
        }
    }

    #[test]
    fn other_schemas_are_mapped_role_by_role() {
        let map: FieldMap = "timestamp=ts,latency=took.ms".parse().expect("roles and paths");
        assert_eq!(map.path(Role::Timestamp), "ts");
        assert_eq!(map.path(Role::Latency), "took.ms");
        assert_eq!(map.path(Role::Service), "source.service");
        assert!("color=x".parse::<FieldMap>().is_err_and(|e| e.contains("'color' is not a role")));
        assert!("timestamp".parse::<FieldMap>().is_err());
        assert!("id=a,id=b".parse::<FieldMap>().is_err_and(|e| e == "'id' is given twice"));
        for bad in ["latency=a..b", "latency=.a", "latency=a."] {
            assert!(bad.parse::<FieldMap>().is_err_and(|e| e.contains("is not a path")), "{bad}");
        }
        assert!(r"latency=http\.req.took".parse::<FieldMap>().is_ok());
    }

    #[test]
    fn a_unit_may_stand_behind_the_path_of_a_latency() {
        let map = |text: &str| text.parse::<FieldMap>();
        let latency = |text: &str| map(text).map(|map| (map.path(Role::Latency).to_owned(), map.latency_unit()));
        assert_eq!(latency("latency=duration:s"), Ok(("duration".to_owned(), Unit::Seconds)));
        assert_eq!(latency("latency=took.time:us,status=code"), Ok(("took.time".to_owned(), Unit::Microseconds)));
        assert_eq!(latency("latency=duration"), Ok(("duration".to_owned(), Unit::Milliseconds)));
        assert_eq!(latency(r"latency=http\:s"), Ok(("http:s".to_owned(), Unit::Milliseconds)));
        assert_eq!(latency(r"latency=http\:took:ns"), Ok(("http:took".to_owned(), Unit::Nanoseconds)));
        for bad in ["latency=duration:sec", "latency=http:took", "latency=duration:", "latency=duration:S"] {
            let message = latency(bad).expect_err(bad);
            assert!(
                message.contains("is not a unit: units are ns, us, ms and s") && message.contains(r"\:"),
                "{message}"
            );
        }
        assert!(latency("latency=:s").is_err_and(|e| e.contains("is not a path")));
        // No other role has a unit, so that a colon is the key's.
        assert_eq!(map("id=x:s").map(|map| map.path(Role::Id).to_owned()), Ok("x:s".to_owned()));
    }

    #[test]
    fn filters_may_use_short_names() {
        let map = FieldMap::default();
        assert_eq!(map.resolve("service"), "source.service");
        assert_eq!(map.resolve("status_code"), "metrics.status_code");
        assert_eq!(map.resolve("payload.amount"), "payload.amount");
    }
}
