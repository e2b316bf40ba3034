-- The events that pserve holds, one row each. Times are microseconds since 1970-01-01T00:00:00Z.
CREATE TABLE events (
    id          INTEGER PRIMARY KEY,
    tenant_id   TEXT    NOT NULL,
    external_id TEXT    NOT NULL, -- the client's event_id
    timestamp   INTEGER NOT NULL,
    ingested_at INTEGER NOT NULL,
    event_type  TEXT,
    severity    TEXT,
    service     TEXT,
    endpoint    TEXT,
    status_code INTEGER,
    user_id     TEXT,
    country     TEXT,
    region      TEXT,
    city        TEXT,
    body        TEXT    NOT NULL, -- the event as it came, byte for byte
    CONSTRAINT uq_events_tenant_external_id UNIQUE (tenant_id, external_id)
) STRICT;

-- A search walks this index from its newest end and finds every field that it can filter by, so that it reads the wide rows
-- of the events it returns and of no other.
CREATE INDEX ix_events_newest ON events (
    tenant_id, timestamp, id, event_type, severity, service, endpoint, status_code, user_id, country, region, city
);
