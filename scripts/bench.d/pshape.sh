#!/usr/bin/env bash
# pshape's figures: passing through against cat on the same file, effects in GB/s of that file, the pipe with and without it, memory.
set -euo pipefail

events=$WORK/pshape-events.jsonl
[ -s "$events" ] || pgen -q -n 1m --seed 1 --start 2026-01-05T00:00:00Z -o "$events" 2>/dev/null
bytes=$(wc -c <"$events")

row() { printf '%s\t%s\t%s\t%s\n' "$@"; }

# The median GB/s of a command that reads the events.
speed() {
    for _ in $(seq "${RUNS:-5}"); do
        local begin=$EPOCHREALTIME
        "$@" "$events" >/dev/null 2>&1
        local end=$EPOCHREALTIME
        echo "$((${end/./} - ${begin/./}))"
    done | sort -n | awk -v bytes="$bytes" '{ v[NR] = $1 } END { printf "%.2f", bytes / v[int((NR + 1) / 2)] / 1000 }'
}

# The peak memory of a command, in MiB.
peak() {
    command time -f %M -o "$WORK/peak" "$@" >/dev/null 2>&1
    awk '{ printf "%.0f", $1 / 1024 }' "$WORK/peak"
}

shape="pshape -q --seed 1"
row 'pshape --spikes 0.05: of cat, file to /dev/null' \
    "$("$BENCH/ratio" "$shape --spikes 0.05 $events" "cat $events")" '>= 0.8' 'ratio of speeds'
row 'pshape, no effect: of cat' "$("$BENCH/ratio" "$shape $events" "cat $events")" '' 'ratio of speeds'
row 'pshape, all value effects at 5 % together, new ids for all' \
    "$(speed $shape --spikes 5% --slow 2x,p=5% --errors 5% --recover 5% --new-ids r_)" '>= 1' 'GB/s'
row 'pshape --curve business (every line changes)' "$(speed $shape --curve business)" '>= 1' 'GB/s'
row 'pshape --shift 2h (every line changes)' "$(speed $shape --shift 2h)" '>= 1' 'GB/s'
gen="pgen -q -n 1m --seed 1 --start 2026-01-05T00:00:00Z"
row 'pgen | pshape --spikes 0.05 | cat: of pgen | cat' \
    "$("$BENCH/ratio" "$gen | $shape --spikes 0.05 | cat" "$gen | cat")" '>= 0.65' 'ratio of speeds'
if command time -f %M true 2>/dev/null; then
    row 'pshape, value and byte effects: peak memory' \
        "$(peak $shape --spikes 5% --errors 5% --malformed 5% --schema 5% --encoding 5% "$events")" '<= 32' 'MiB'
    row 'pshape, the same over 10 million events in a pipe: peak memory' \
        "$(${gen/1m/10m} | peak $shape --spikes 5% --errors 5% --malformed 5% --schema 5% --encoding 5%)" '<= 32' 'MiB'
    row 'pshape --late 5%: peak memory' "$(peak $shape --late 5% "$events")" '<= 192' 'MiB'
else
    row 'pshape: peak memory' 'skipped' '' 'skipped: needs time'
fi
