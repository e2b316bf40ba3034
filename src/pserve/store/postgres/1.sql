-- The events that pserve holds, one row each. Times are microseconds since 1970-01-01T00:00:00Z.

-- A number with more digits than PostgreSQL's type numeric has no place in JSONB. JSON allows it.
CREATE FUNCTION pserve_payload(body TEXT) RETURNS JSONB LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN body::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
END $$;

-- Texts are compared byte for byte, as the API does, so that no index depends on the system's locales.
CREATE TABLE events (
    id               BIGSERIAL PRIMARY KEY,
    tenant_id        TEXT COLLATE "C" NOT NULL,
    external_id      TEXT COLLATE "C" NOT NULL, -- the client's event_id
    timestamp        BIGINT NOT NULL,
    ingested_at      BIGINT NOT NULL,
    event_type       TEXT COLLATE "C",
    severity         TEXT COLLATE "C",
    service          TEXT COLLATE "C",
    endpoint         TEXT COLLATE "C",
    status_code      INTEGER,
    user_id          TEXT COLLATE "C",
    country          TEXT COLLATE "C",
    region           TEXT COLLATE "C",
    city             TEXT COLLATE "C",
    device           TEXT COLLATE "C",
    response_time_ms DOUBLE PRECISION,
    body             TEXT NOT NULL, -- the event as it came, byte for byte
    payload          JSONB GENERATED ALWAYS AS (pserve_payload(body)) STORED, -- the same, for queries in SQL
    CONSTRAINT uq_events_tenant_external_id UNIQUE (tenant_id, external_id)
);

-- The default takes longer to compress an event than the server does to index it. Not every PostgreSQL has this one.
DO $$
BEGIN
    ALTER TABLE events ALTER body SET COMPRESSION lz4, ALTER payload SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;

-- A search reads these from their newest end. An entry of an index has room for less than 2.7 kB, and some texts may be longer.
CREATE INDEX ix_events_newest ON events (tenant_id, timestamp, id) INCLUDE (external_id);
CREATE INDEX ix_events_status_code ON events (tenant_id, status_code, timestamp, id);
CREATE INDEX ix_events_event_type ON events (tenant_id, event_type, timestamp, id) WHERE octet_length(event_type) <= 1000;
CREATE INDEX ix_events_severity ON events (tenant_id, severity, timestamp, id) WHERE octet_length(severity) <= 1000;
CREATE INDEX ix_events_service ON events (tenant_id, service, timestamp, id) WHERE octet_length(service) <= 1000;
CREATE INDEX ix_events_endpoint ON events (tenant_id, endpoint, timestamp, id) WHERE octet_length(endpoint) <= 1000;
CREATE INDEX ix_events_user_id ON events (tenant_id, user_id, timestamp, id) WHERE octet_length(user_id) <= 1000;
CREATE INDEX ix_events_country ON events (tenant_id, country, timestamp, id) WHERE octet_length(country) <= 1000;
CREATE INDEX ix_events_region ON events (tenant_id, region, timestamp, id) WHERE octet_length(region) <= 1000;
CREATE INDEX ix_events_city ON events (tenant_id, city, timestamp, id) WHERE octet_length(city) <= 1000;
CREATE INDEX ix_events_device ON events (tenant_id, device, timestamp, id) WHERE octet_length(device) <= 1000;

-- How many events were duplicates, and how many were refused for their rate, in each hour of their arrival.
CREATE TABLE tallies (
    tenant_id TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    hour      BIGINT NOT NULL, -- microseconds since 1970-01-01T00:00:00Z at which it begins
    count     BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name, hour)
);

-- How many events each tenant has, so that a search without filters need not count them.
CREATE TABLE totals (
    tenant_id TEXT COLLATE "C" PRIMARY KEY,
    events    BIGINT NOT NULL
);
