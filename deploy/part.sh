# Runs pipeline.sh for one part: part.sh NAME
# PULSE_OUT is the folder that gets the part's state, part-NAME.XXXXXX.state, once it is whole. A part that ran twice leaves two
# states, and merge.sh judges them. With PULSE_KEEP=1 the folder also gets the part's events, part-NAME.jsonl.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${PULSE_OUT:?is the folder for the states of all parts}"

new=$(mktemp "$PULSE_OUT/.part-$1.XXXXXX")
trap 'rm -f "$new" "$new.jsonl"' EXIT
[ -z "${PULSE_KEEP-}" ] || export PULSE_EVENTS="$new.jsonl"
# The shell must know pipefail. bash and BusyBox do, dash does not.
"${BASH:-sh}" "$here/pipeline.sh" >"$new"
[ -z "${PULSE_KEEP-}" ] || mv "$new.jsonl" "$PULSE_OUT/part-$1.jsonl"
mv "$new" "$PULSE_OUT/part-$1.${new##*.}.state"
