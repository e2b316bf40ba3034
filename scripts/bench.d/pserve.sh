#!/usr/bin/env bash
# pserve against SQLite's shell: the same events, once with one request per event, answered when it is on disk, and once as a
# file of INSERTs, 100 per commit, without network or checks, with the same table, constraint and sync.
set -euo pipefail

if ! command -v sqlite3 >/dev/null; then
    printf 'pserve, 100 connections / sqlite3 shell\t\t\tskipped: needs sqlite3\n'
    exit
fi
export EVENTS=$WORK/events.jsonl SQL=$WORK/events.sql DB=$WORK/bench.db
pgen -q -n 100k --seed 1 --start 2026-01-05T00:00:00Z -o "$EVENTS"
{
    echo 'PRAGMA page_size=8192; PRAGMA journal_mode=wal; PRAGMA synchronous=full;'
    cat "$BENCH/../../src/pserve/store/schema.sql"
    awk -v q="'" '
        NR % 100 == 1 { print (NR > 1 ? "COMMIT;" : "") "BEGIN;" }
        { body = $0; gsub(q, q q, body)
          print "INSERT INTO events (tenant_id, external_id, timestamp, ingested_at, body) VALUES (" \
                q "default" q "," q "evt_" NR q "," NR "," NR "," q body q ");" }
        END { print "COMMIT;" }' "$EVENTS"
} >"$SQL"

ratio=$(bash "$BENCH/ratio" \
    'rm -f $DB*; pserve -q --listen 127.0.0.1:0 --db $DB --exec "psend -q -c 100 $EVENTS"' \
    'rm -f $DB*; sqlite3 $DB <$SQL')
printf 'pserve, 100 connections / sqlite3 shell\t%s\t\tone event a request, 100k events\n' "$ratio"
