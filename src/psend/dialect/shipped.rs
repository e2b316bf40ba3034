//! The dialects that psend knows by name.

/// Name and text of each.
const SHIPPED: [(&str, &str); 13] = [
    ("pulsestream", include_str!("../dialects/pulsestream.toml")),
    ("plain", include_str!("../dialects/plain.toml")),
    ("ndjson", include_str!("../dialects/ndjson.toml")),
    ("elasticsearch", include_str!("../dialects/elasticsearch.toml")),
    ("splunk-hec", include_str!("../dialects/splunk-hec.toml")),
    ("loki", include_str!("../dialects/loki.toml")),
    ("otlp-logs", include_str!("../dialects/otlp-logs.toml")),
    ("otlp-traces", include_str!("../dialects/otlp-traces.toml")),
    ("datadog-logs", include_str!("../dialects/datadog-logs.toml")),
    ("cloudevents", include_str!("../dialects/cloudevents.toml")),
    ("cloudevents-structured", include_str!("../dialects/cloudevents-structured.toml")),
    ("clickhouse", include_str!("../dialects/clickhouse.toml")),
    ("couchdb", include_str!("../dialects/couchdb.toml")),
];

/// The text of the dialect with this name.
pub(in crate::psend) fn shipped(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names, for a message.
pub(in crate::psend) fn names() -> String {
    SHIPPED.map(|(name, _)| name).join(", ")
}
