-- How many events each tenant has, so that a search without filters need not count them.
CREATE TABLE totals (
    tenant_id TEXT    NOT NULL PRIMARY KEY,
    events    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO totals SELECT tenant_id, count(*) FROM events GROUP BY tenant_id;
