#!/usr/bin/env bash
# psend's figures against wrk and oha: only the client on core 0, the same server, which only answers (examples/answer.rs), on core 1.
# psend reads unique events from a pipe (its cat on the server's core) and writes an outcome for each; the peers send one fixed body.
set -euo pipefail
cd "$BENCH/../.."

row() { printf '%s\t%s\t%s\t%s\n' "$@"; }

if [ "$(nproc)" -lt 2 ] || ! taskset -c 1 true 2>/dev/null; then
    row 'psend' skipped '' 'skipped: needs two cores to pin to'
    exit
fi
cargo build --release --locked --quiet --example answer
answer=$BIN/examples/answer
count=200000
events=$WORK/psend-events.jsonl
pgen -q -n "$count" --seed 1 --start 2026-01-05T00:00:00Z -o "$events"
body=$WORK/body.json
head -n 1 "$events" | tr -d '\n' >"$body"
cat >"$WORK/post.lua" <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open("$body"):read("a")
LUA

servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true' EXIT
# Starts a server with these arguments, and sets $url.
serve() {
    local said=$WORK/url.$RANDOM
    taskset -c 1 "$answer" "$@" >"$said" &
    servers+=($!)
    until [ -s "$said" ]; do sleep 0.01; done
    url=$(<"$said")
}

# Runs a client and prints its requests per second and its CPU time per request in µs. wrk counts its requests itself.
client() {
    local out=$1 seconds user system requests=$count
    shift
    /usr/bin/time -q -o "$WORK/time" -f '%e %U %S' "$@" >"$out" 2>&1 || {
        printf 'failed: %s\n' "$*" >&2
        cat "$out" >&2
        return 1
    }
    read -r seconds user system <"$WORK/time"
    [[ $out != *wrk ]] || requests=$(awk '/requests in/ { print $1 }' "$out")
    awk -v n="$requests" -v s="$seconds" -v u="$user" -v k="$system" 'BEGIN { printf "%.0f %.2f\n", n / s, (u + k) / n * 1e6 }'
}
psend_on() {
    local url=$1
    shift
    client "$WORK/out.psend" taskset -c 0 bash -c 'exec 3< <(exec taskset -c 1 cat "$1"); exec psend -q --threads 1 --url "${@:2}" <&3' \
        psend "$events" "$url" "$@" -o "$WORK/outcomes"
}
wrk_on() { client "$WORK/out.wrk" taskset -c 0 wrk -t 1 -c 100 -d 4s -s "$WORK/post.lua" "$1/api/v1/ingestion/events"; }
oha_on() {
    client "$WORK/out.oha" taskset -c 0 oha --no-tui --insecure -n "$count" -c 100 -m POST -T application/json -D "$body" \
        "$1/api/v1/ingestion/events"
}

median() { awk "{ printf \"%.3f\n\", $1 }" "$WORK/rounds" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
# The median ratio of psend's figures to a peer's, in interleaved runs: of the speed, and of the CPU time per request.
against() {
    local peer=$1
    for _ in $(seq "${RUNS:-5}"); do
        ours=$(psend_on "$url" -c 100 "${@:2}")
        theirs=$("$peer" "$url")
        echo "$ours $theirs"
    done >"$WORK/rounds"
    speed=$(median '$1 / $3') cpu=$(median '$2 / $4') rate=$(median '$1')
}

serve
plain=$url
if command -v wrk >/dev/null; then
    against wrk_on
    row 'psend, concurrency 100: requests/s of wrk' "$speed" '>= 0.9' "${rate%.*} requests/s"
    row 'psend, concurrency 100: CPU a request of wrk' "$cpu" '<= 1.35' ''
else
    row 'psend against wrk' '-' '>= 0.9' 'skipped: needs wrk'
fi
if command -v oha >/dev/null; then
    against oha_on
    row 'psend, concurrency 100: requests/s of oha' "$speed" '>= 1.2' ''
else
    row 'psend against oha' '-' '>= 1.2' 'skipped: needs oha'
fi

# Two threads against one, both on both cores with the server, which is as cheap as it can be.
both() { # THREADS
    client "$WORK/out.psend" psend -q --url "$url" -c 100 --threads "$1" "$events" -o "$WORK/outcomes"
}
for _ in $(seq "${RUNS:-5}"); do
    echo "$(both 2) $(both 1)"
done >"$WORK/rounds"
row 'psend --threads 2: requests/s of one thread' "$(median '$1 / $3')" '> 1' 'two cores, the server on one of them'
row 'psend --threads 2: CPU a request of one thread' "$(median '$2 / $4')" '<= 1.05' ''

serve --batch 100
batched=$url
ratio=$(bash "$BENCH/ratio" "psend -q -c 100 --batch 100 --url $batched $events" "psend -q -c 100 --url $plain $events")
row 'psend --batch 100: events/s of single requests' "$ratio" '>= 5' ''

if command -v oha >/dev/null && command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
    serve --cert "$WORK/cert.pem" --key "$WORK/key.pem"
    against oha_on --cacert "$WORK/cert.pem"
    row 'psend with TLS: requests/s of oha' "$speed" '>= 1.0' ''
else
    row 'psend with TLS against oha' '-' '>= 1.0' 'skipped: needs oha and openssl'
fi

for size in 10k 1m; do
    pgen -q -n "$size" --seed 1 --start 2026-01-05T00:00:00Z |
        /usr/bin/time -o "$WORK/rss" -f %M psend -q -c 100 --url "$plain" >/dev/null
    row "psend, concurrency 100, $size events: peak RSS in MiB" "$(($(<"$WORK/rss") / 1024))" '<= 40' ''
done
