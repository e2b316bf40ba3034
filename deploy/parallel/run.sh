#!/usr/bin/env bash
# Runs the parts of a run on several machines over ssh, with GNU Parallel, then merges and judges them.
#
# run.sh --sshlogin node1,node2 [--copy FOLDER] [FLAGS OF PSTATS FOR THE REPORT]
#
# --copy copies the tools in FOLDER to the machines; without it they must have them on their PATH. The PULSE_ variables are those of
# ../pipeline.sh, and PULSE_SHARDS, PULSE_RUN_ID and PULSE_OUT. The same PULSE_RUN_ID again runs only what did not come.
set -euo pipefail
case ${1:-} in
    '' | -h | --help)
        sed -n '2,/^set /{s/^# \{0,1\}//p}' "$0"
        exit
        ;;
esac
hosts= tools=
while true; do
    case ${1:-} in
        -S | --sshlogin) hosts=${2:?run.sh: --sshlogin needs machines, such as node1,node2} ;;
        --copy) tools=${2:?run.sh: --copy needs the folder of the tools} ;;
        *) break ;;
    esac
    shift 2
done
if [ -z "$hosts" ]; then
    echo "run.sh: expected --sshlogin and machines, such as node1,node2; run.sh --help" >&2
    exit 2
fi
deploy=$(cd "$(dirname "$0")/.." && pwd)
ssh=${PARALLEL_SSH:-ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=10 -o ServerAliveCountMax=3}
export PARALLEL_SSH=$ssh
export PULSE_SHARDS=${PULSE_SHARDS:-8} PULSE_RUN_ID=${PULSE_RUN_ID:-parallel-$(date -u +%Y%m%dT%H%M%SZ)}
out=${PULSE_OUT:-pulse-$PULSE_RUN_ID}
mkdir -p "$out"
echo "run.sh: run $PULSE_RUN_ID in $PULSE_SHARDS parts, states in $out" >&2

# Each machine gets the scripts, and the tools if asked, in ~/.pulsepipe. One that cannot be reached is left out.
# shellcheck disable=SC2086 # $ssh is a command with flags
install() {
    { tar -C "$deploy" -cf - pipeline.sh part.sh | $ssh "$1" 'mkdir -p ~/.pulsepipe/bin && tar -C ~/.pulsepipe -xf -'; } &&
        { [ -z "$tools" ] || tar -C "$tools" -chf - pgen pshape psend pstats | $ssh "$1" 'tar -C ~/.pulsepipe/bin -xf -'; }
}
reached=
IFS=, read -ra all <<<"$hosts"
for host in "${all[@]}"; do
    if install "${host##*/}"; then
        reached+=${reached:+,}$host
    else
        echo "run.sh: $host cannot be reached and is left out" >&2
    fi
done
[ -n "$reached" ] || { echo "run.sh: no machine can be reached" >&2; exit 1; }

# What a part prints is its state, all of it or nothing. It waits in ~/.pulsepipe until then; with PULSE_KEEP=1 its events stay there.
part='export PATH=$HOME/.pulsepipe/bin:$PATH PULSE_SHARD={#}/'$PULSE_SHARDS' PULSE_OUT=$HOME/.pulsepipe/'$PULSE_RUN_ID'
    rm -f "$PULSE_OUT"/part-{#}.*.state; bash ~/.pulsepipe/part.sh {#} && cat "$PULSE_OUT"/part-{#}.*.state && rm "$PULSE_OUT"/part-{#}.*.state'
unset PULSE_OUT
mapfile -t passed_on < <(compgen -e PULSE_)
status=0
seq "$PULSE_SHARDS" | parallel --sshlogin "$reached" --retries "${PULSE_RETRIES:-2}" --joblog "$out/joblog" --resume-failed \
    "${passed_on[@]/#/--env=}" --results "$out/part-{#}.state" "$part" >/dev/null || status=$?
[ $status = 0 ] || echo "run.sh: not every part ended well; $out/joblog has the exit status of each" >&2

# A connection that broke may have left part of a state. The last line that the log has on a part counts.
awk 'NR > 1 { ended[$1] = $7 || $8 } END { for (part in ended) if (ended[part]) print part }' "$out/joblog" |
    while read -r part; do rm -f "$out/part-$part.state"; done

PATH=${tools:+$(cd "$tools" && pwd):}$PATH PULSE_OUT=$out exec bash "$deploy/merge.sh" "$@"
