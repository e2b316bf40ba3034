//! The profiles that come with pgen.

use super::profile::BUILT_IN;

/// A shipped profile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shipped {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Its text, with comments.
    pub(crate) text: &'static str,
}

/// Every shipped profile. The first is the default.
pub(crate) const ALL: [Shipped; 8] = [
    Shipped { name: "pulsestream", text: BUILT_IN },
    Shipped { name: "nginx", text: include_str!("shipped/nginx.toml") },
    Shipped { name: "envoy", text: include_str!("shipped/envoy.toml") },
    Shipped { name: "kubernetes-audit", text: include_str!("shipped/kubernetes-audit.toml") },
    Shipped { name: "cloudtrail", text: include_str!("shipped/cloudtrail.toml") },
    Shipped { name: "otlp-logs", text: include_str!("shipped/otlp-logs.toml") },
    Shipped { name: "ecs", text: include_str!("shipped/ecs.toml") },
    Shipped { name: "github-webhook", text: include_str!("shipped/github-webhook.toml") },
];

/// The shipped profile of this name.
pub(crate) fn named(name: &str) -> Option<Shipped> {
    ALL.into_iter().find(|shipped| shipped.name == name)
}

/// The names of all of them.
pub(crate) fn names() -> String {
    ALL.map(|shipped| shipped.name).join(", ")
}

/// What a message adds if a profile is neither a file nor shipped.
pub(crate) fn hint() -> String {
    format!("; shipped profiles are {}", names())
}
