#!/usr/bin/env -S jq -c -f
# The members of benches/twenty_fields.toml, from PulseStream's events: what users did before pgen wrote any shape.
{
  timestamp, level: ({info: "INFO", warning: "WARN"}[.severity] // "ERROR"), logger: "com.example.gateway.AccessLog",
  thread: "http-nio-8080-exec", message: "\(.title) \(.metrics.status_code)",
  service: {name: .source.service, version: .source.version, environment: .source.environment},
  http: {method: .source.method, path: (.title | split(" ")[1]), status: .metrics.status_code,
    request_bytes: .metrics.request_size_bytes, response_bytes: .metrics.response_size_bytes,
    cache_hit: .metrics.cache_hit, protocol: "HTTP/1.1"},
  duration_ms: .metrics.response_time_ms,
  client: {ip: .context.ip_address, agent: .context.user_agent, country: .context.tags.country, city: .context.tags.city,
    device: .context.tags.device_type},
  user: {id: .context.user_id}, session_id: .context.session_id, request_id: .context.request_id,
  trace: {id: .payload.trace_id, sampled: true}, host: "gw-0\(.metrics.request_size_bytes % 4 + 1)"
}
