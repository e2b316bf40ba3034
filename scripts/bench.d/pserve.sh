#!/usr/bin/env bash
# pserve with psend on the same cores: events a second, answered when they are on disk; and how long it looks among a million.
# POSTGRES names an empty database to measure as well, such as postgres:///bench?host=/run/postgresql.
set -euo pipefail

export EVENTS=${EVENTS:-1m}

# The median of the milliseconds that 21 calls of a path take, in a pserve that holds all events.
milliseconds() {
    for _ in {1..21}; do
        curl -sf -o /dev/null -w '%{time_total}\n' -H 'X-API-Key: test-api-key-12345' "$PULSE_URL/api/v1/ingestion/$1"
    done | sort -n | awk 'NR == 11 { printf "%.1f", $1 * 1000 }'
}

# A row for each filter of a search, and one for the figures of the dashboard.
searches() {
    local name=$1 filter
    for filter in '' service=payment-service severity=critical event_type=user_action endpoint=/api/v1/payments/capture \
        status_code=500 user_id=user_7 country=US region=APAC city=Berlin device_type=mobile event_id_contains=123456 \
        start_time=2026-01-05T06:00:00Z 'service=payment-service&status_code=500&region=EU'; do
        printf 'pserve, %s, search among %s, %s, ms\t%s\t< 20\t\n' "$name" "$EVENTS" "${filter:-no filter}" \
            "$(milliseconds "events/search?$filter")"
    done
    printf 'pserve, %s, figures of the dashboard, ms\t%s\t< 100\t\n' "$name" "$(milliseconds figures)"
}

# pserve runs this script again, with its URL in the environment.
if [ "${1:-}" = searches ]; then
    searches "$2"
    exit
fi

pgen -q -n "$EVENTS" --seed 1 --start 2026-01-05T00:00:00Z -o "$WORK/events.jsonl"
head -n 200000 "$WORK/events.jsonl" >"$WORK/some.jsonl"

# Events a second into an empty database: DB, events, flags of psend.
rate() {
    local db=$1 events=$2 begun
    shift 2
    case $db in
        *.db) rm -f "$db" "$db"-* ;;
        postgres*) pserve -q --db "$db" --reset --yes ;;
    esac
    begun=$(date +%s%N)
    pserve -q --listen 127.0.0.1:0 --db "$db" --exec "psend -q $* $events >/dev/null"
    echo $(($(wc -l <"$events") * 1000000000 / ($(date +%s%N) - begun)))
}

measure() {
    local name=$1 db=$2 singles=$3 batches=$4
    printf 'pserve, %s, 100 connections, events/s\t%s\t%s\tone event a request\n' "$name" \
        "$(rate "$db" "$WORK/some.jsonl" -c 100)" "$singles"
    printf 'pserve, %s, batches of 100, events/s\t%s\t%s\t\n' "$name" \
        "$(rate "$db" "$WORK/events.jsonl" --batch 100 -c 8)" "$batches"
    # What is stored in memory has ended with the server.
    [ "$db" = memory: ] && return
    pserve -q --listen 127.0.0.1:0 --db "$db" --exec "bash $BENCH/pserve.sh searches $name"
}

measure SQLite "$WORK/bench.db" '>= 15000' '>= 45000'
measure memory memory: '' ''
if [ -n "${POSTGRES:-}" ]; then
    measure PostgreSQL "$POSTGRES" '>= 5000' ''
else
    printf 'pserve, PostgreSQL\t\t\tskipped: POSTGRES names no database\n'
fi
