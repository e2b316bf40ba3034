-- The device and the response time of each event, for searches and for the figures of the dashboard.
ALTER TABLE events ADD COLUMN device TEXT;
ALTER TABLE events ADD COLUMN response_time_ms REAL;
UPDATE events SET
    device = CAST(json_extract(body, '$.context.tags.device_type') AS TEXT),
    response_time_ms = CAST(json_extract(body, '$.metrics.response_time_ms') AS REAL);

DROP INDEX ix_events_newest;
CREATE INDEX ix_events_newest ON events (
    tenant_id, timestamp, id, event_type, severity, service, endpoint, status_code, user_id, country, region, city, device,
    response_time_ms
);

-- How many events were duplicates, and how many were refused for their rate, in each hour of their arrival.
CREATE TABLE tallies (
    tenant_id TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    hour      INTEGER NOT NULL, -- microseconds since 1970-01-01T00:00:00Z at which it begins
    count     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, name, hour)
) STRICT, WITHOUT ROWID;
