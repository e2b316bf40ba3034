#!/usr/bin/env bash
# pstats' figures: GB/s on pgen's events, spaced JSON and unknown layouts, outcomes per second, two threads against one, peers, memory.
set -euo pipefail
cd "$(dirname "$0")"

line() { printf '%s\t%s\t%s\t%s\n' "$@"; }

# The median of RUNS rates of `pstats … FILE`, on one core: bytes (or lines) over seconds.
rate() {
    local amount=$1
    shift
    "$@" >/dev/null 2>&1
    for _ in $(seq "${RUNS:-5}"); do
        local begin=$EPOCHREALTIME
        "$@" >/dev/null 2>&1
        local end=$EPOCHREALTIME
        awk -v n="$amount" -v us="$((${end/./} - ${begin/./}))" 'BEGIN { printf "%.3f\n", n / us * 1e6 }'
    done | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
gigabytes() { awk -v n="$1" 'BEGIN { printf "%.2f GB/s", n / 1e9 }'; }

events=$WORK/events.jsonl
"$BIN/pgen" -n 1m --seed 1 --start 2026-01-05T00:00:00Z -q -o "$events"
spaced=$WORK/spaced.jsonl
for _ in $(seq 1600); do cat ../../tests/data/events_500.jsonl; done >"$spaced"
unknown=$WORK/unknown.jsonl
# No two lines have the same layout: each has another key in another place.
awk '{ at = index($0, "\"severity\""); print substr($0, 1, at - 1) "\"k" NR * 7919 % 100003 "\":1," substr($0, at) }' \
    "$events" >"$unknown"
outcomes=$WORK/outcomes.jsonl
awk 'BEGIN { for (i = 1; i <= 2000000; i++) printf "{\"seq\":%d,\"event_id\":\"evt_%d_0123456789ab\",\"outcome\":\"accepted\",\"status\":200,\"attempts\":1,\"latency_ms\":%d.%03d,\"end_to_end_ms\":%d.402,\"scheduled_at\":null,\"sent_at\":\"2026-01-05T10:%02d:%02d.123456Z\",\"request_bytes\":953,\"service\":\"payment-service\",\"endpoint\":\"/api/v1/payments/capture\",\"error\":null}\n", i, i, i % 90, i % 1000, i % 95, i / 60 % 60, i % 60 }' >"$outcomes"

for case in "pgen's events, default report|$events|>= 1.8 GB/s" "spaced JSON (the sample)|$spaced|>= 1.5 GB/s" \
    "unknown layouts|$unknown|>= 0.5 GB/s"; do
    IFS='|' read -r name file wanted <<<"$case"
    bytes=$(stat -c %s "$file")
    cat_rate=$(gigabytes "$(rate "$bytes" taskset -c 0 cat "$file")")
    line "pstats, $name" "$(gigabytes "$(rate "$bytes" taskset -c 0 "$BIN/pstats" -q "$file")")" "$wanted" "cat: $cat_rate"
done
line "pstats, outcomes, lines/s" "$(rate 2000000 taskset -c 0 "$BIN/pstats" -q "$outcomes")" ">= 2000000" ""
line "pstats, --threads 2 against 1" \
    "$(./ratio "$BIN/pstats -q --threads 2 $events" "$BIN/pstats -q --threads 1 $events")" ">= 1.6" ""

# The peers do the default report's work: jq the counts of its groups, DuckDB also their figures (with its own sketches).
some=$WORK/some.jsonl
head -n 300000 "$events" >"$some"
if command -v jq >/dev/null; then
    filter='reduce inputs as $e ({}; .events += 1
        | if $e.metrics.status_code >= 400 then .errors += 1 else . end
        | .service[$e.source.service] += 1
        | .endpoint[$e.source.endpoint] += 1
        | .status[$e.metrics.status_code | tostring] += 1
        | .region[$e.context.tags.region] += 1
        | .country[$e.context.tags.country] += 1
        | .city[$e.context.tags.city] += 1
        | .device[$e.context.tags.device_type] += 1
        | .hour[$e.timestamp[11:13]] += 1
        | .milliseconds += $e.metrics.response_time_ms)'
    line "pstats against jq" "$(RUNS=3 ./ratio "taskset -c 0 $BIN/pstats -q $some" "taskset -c 0 jq -n '$filter' $some")" ">= 30" ""
else
    line "pstats against jq" - ">= 30" "skipped: needs jq"
fi
if command -v duckdb >/dev/null; then
    query="SET threads=1; WITH event AS MATERIALIZED (SELECT source.service AS service, source.endpoint AS endpoint, \
metrics.status_code AS status, context.tags.region AS region, context.tags.country AS country, context.tags.city AS city, \
context.tags.device_type AS device, error_details.error_message AS error, hour(timestamp) AS hour, \
date_trunc('minute', timestamp) AS minute, event_id, metrics.response_time_ms AS ms \
FROM read_json('$events', format='newline_delimited')) \
SELECT service, endpoint, status, region, country, city, device, error, hour, minute, count(*), avg((status >= 400)::INT), avg(ms), \
max(ms), approx_quantile(ms, [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999]), NULL FROM event GROUP BY GROUPING SETS ((), (service), \
(endpoint), (status), (region), (country), (city), (device), (error), (hour), (service, hour), (minute)) \
UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, count(DISTINCT event_id) FROM event"
    line "pstats against DuckDB, one thread" \
        "$(RUNS=3 ./ratio "taskset -c 0 $BIN/pstats -q $events" "taskset -c 0 duckdb -c \"$query\"")" ">= 3.5" ""
else
    line "pstats against DuckDB, one thread" - ">= 3.5" "skipped: needs duckdb"
fi

if [ -x /usr/bin/time ]; then
    for count in 10k 50m; do
        kib=$("$BIN/pgen" -n "$count" --seed 1 --start 2026-01-05T00:00:00Z -q |
            { /usr/bin/time -f %M -o "$WORK/rss" "$BIN/pstats" -q --by service,endpoint >/dev/null; cat "$WORK/rss"; })
        line "pstats, $count events, --by service,endpoint, peak RSS in MiB" "$((kib / 1024))" "<= 64" ""
    done
else
    line "pstats, peak RSS" - "<= 64" "skipped: needs GNU time"
fi
