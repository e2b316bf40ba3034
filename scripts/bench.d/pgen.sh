#!/usr/bin/env bash
# pgen's figures: benches/pgen.rs measures them in rounds and prints them as scripts/bench reads them.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo bench --quiet --locked --bench pgen

# Any shape: the same members from a template, and from PulseStream's events through jq, at the same number of events.
if command -v jq >/dev/null; then
    flags="-n 100k --threads 1 --seed 1 --start 2026-01-05T00:00:00Z -q"
    printf 'pgen, a template of twenty fields / pgen | jq, events\t%s\t>= 30\t\n' "$(RUNS=3 "$BENCH/ratio" \
        "$BIN/pgen $flags --profile benches/twenty_fields.toml" "$BIN/pgen $flags | jq -c -f $BENCH/twenty_fields.jq")"
else
    printf 'pgen, a template of twenty fields / pgen | jq\t-\t>= 30\tskipped: needs jq\n'
fi

# Memory: the peak of the resident set, with few and with many events, with one thread and with many.
if [ -x /usr/bin/time ]; then
    for run in "1 10k" "1 50m" "64 50m"; do
        read -r threads count <<<"$run"
        kib=$(/usr/bin/time -f %M "$BIN/pgen" -n "$count" --threads "$threads" --seed 1 --start 2026-01-05T00:00:00Z \
            -q -o /dev/null 2>&1)
        limit=$([ "$threads" = 1 ] && echo 32 || echo 64)
        printf 'pgen, %s events, %s threads, peak RSS in MiB\t%s\t<= %s\t\n' "$count" "$threads" "$((kib / 1024))" "$limit"
    done
else
    printf 'pgen, peak RSS\t-\t-\tskipped: needs GNU time\n'
fi
