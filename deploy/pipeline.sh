# The pipeline of one part of a run. Every engine in this folder runs this file, and so does a laptop: see README.md.
# Change it as you need. It has to take its part from PULSE_SHARD, write one state to standard output, and fail if one of its tools
# fails: a state of half the events would otherwise look like the whole part.
set -eu -o pipefail
set -f # the flags in PULSE_EFFECTS are split at blanks, and no more

: "${PULSE_SHARD:=auto}"                 # the part, as I/N; auto asks the scheduler
: "${PULSE_COUNT:=1m}"                   # the events of the whole run
: "${PULSE_SEED:=1}"
: "${PULSE_START:=2026-01-05T00:00:00Z}" # the time of the first event
: "${PULSE_EFFECTS=--spikes 5%}"         # flags of pshape

events() {
    pgen -q -n "$PULSE_COUNT" --seed "$PULSE_SEED" --start "$PULSE_START" --shard "$PULSE_SHARD" |
        pshape -q --seed "$PULSE_SEED" --shard "$PULSE_SHARD" $PULSE_EFFECTS
}
# PULSE_RATE is the rate of all parts together, and PULSE_START_AT the time at which all of them begin.
send() {
    psend -q --shard "$PULSE_SHARD" ${PULSE_RATE:+--rate "$PULSE_RATE"} ${PULSE_START_AT:+--start-at "$PULSE_START_AT"}
}
count() {
    pstats -q --shard "$PULSE_SHARD" --format state
}

if [ -n "${PULSE_URL-}" ]; then # send the events there, and count the answers
    events | send | count
elif [ -n "${PULSE_EVENTS-}" ]; then # keep the events in this file
    events | tee "$PULSE_EVENTS" | count
else
    events | count
fi
