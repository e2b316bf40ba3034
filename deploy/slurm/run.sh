#!/usr/bin/env bash
# Starts a run as a Slurm job array and a job that merges its parts and judges them: run.sh [--wait] [FLAGS OF SBATCH FOR THE PARTS]
#
# With --wait it waits for the merge, prints the report and ends with the exit status of the merge, which is 99 if a part is missing.
# The PULSE_ variables are those of ../pipeline.sh, and PULSE_SHARDS and PULSE_OUT, a folder that all nodes see. The tools are on the
# PATH of the nodes. PULSE_START_AT=+5m is resolved here, once, so that all senders begin at the same time.
set -euo pipefail
case ${1:-} in
    -h | --help)
        sed -n '2,/^set /{s/^# \{0,1\}//p}' "$0"
        exit
        ;;
esac
wait=
[ "${1:-}" != --wait ] || { wait=--wait; shift; }
here=$(cd "$(dirname "$0")" && pwd)
export PULSE_DEPLOY=${here%/*} PULSE_SHARDS=${PULSE_SHARDS:-8}
out=${PULSE_OUT:-$PWD/pulse-$(date -u +%Y%m%dT%H%M%SZ)}
mkdir -p "$out"
PULSE_OUT=$(cd "$out" && pwd)
export PULSE_OUT
case ${PULSE_START_AT-} in
    +*m) PULSE_START_AT=$(date -u -d "${PULSE_START_AT%m} minutes" +%FT%TZ) ;;
    +*s) PULSE_START_AT=$(date -u -d "${PULSE_START_AT%s} seconds" +%FT%TZ) ;;
esac

parts=$(sbatch --parsable --array="1-$PULSE_SHARDS" --output="$PULSE_OUT/%a.log" "$@" "$here/part.sbatch")
parts=${parts%%;*} # the cluster's name follows
echo "parts: job $parts; states and report.txt: $PULSE_OUT"
# If a part failed for good, the merge runs too, and names it.
status=0
PULSE_RUN_ID=${PULSE_RUN_ID:-$parts} sbatch $wait --dependency="afterok:$parts?afternotok:$parts" \
    --output="$PULSE_OUT/report.txt" "$here/merge.sbatch" || status=$?
[ -z "$wait" ] || cat "$PULSE_OUT/report.txt"
exit $status
