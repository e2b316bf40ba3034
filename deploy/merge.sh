# Adds up the states in the folder PULSE_OUT and prints the report: merge.sh [FLAGS OF PSTATS]
# The exit status is 99 if one of the PULSE_SHARDS parts is missing, came twice with different content or is from another run than
# PULSE_RUN_ID, or if a line of requirements.txt is not met. PULSE_WAIT is how many seconds to wait for parts that are not there yet.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${PULSE_OUT:?is the folder with the states of all parts}" "${PULSE_SHARDS:?is the number of parts}"

# The parts that came, each counted once.
came() {
    for state in "$PULSE_OUT"/part-*.state; do
        state=${state##*/}
        echo "${state%%.*}"
    done | grep -Fxv 'part-*' | sort -u | wc -l
}
until=$(($(date +%s) + ${PULSE_WAIT:-0}))
while [ "$(came)" -lt "$PULSE_SHARDS" ] && [ "$(date +%s)" -lt "$until" ]; do
    sleep 1
done
if [ "$(came)" -eq 0 ]; then
    echo "merge: no part of $PULSE_SHARDS came: there is no state in $PULSE_OUT" >&2
    exit 99
fi
pstats -q --expect-shards "$PULSE_SHARDS" --require-file "$here/requirements.txt" "$@" "$PULSE_OUT"/part-*.state
