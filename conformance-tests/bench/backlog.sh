#!/usr/bin/env bash
# How fast a backlog on disk is drained while events come in, and what that costs those who are not behind.
#
#   conformance-tests/bench/backlog.sh [EVENTS]
#
# First sends as fast as it goes with 64 connections and 1 KiB of data to the trigger `far`: that is the
# rate without a backlog; and RATE events a second (default 1000) to the trigger `near`: those are the
# latencies without one. Then pauses `far`, sends EVENTS events for it (default 1000000), kills the server
# without a word and starts it again, resumes `far`, and waits until it has all of them while the same
# RATE for `near` comes in. Prints how long the start took, what the server holds in memory, both rates
# and both latencies. The subscriber of `far` answers 202 to everything and is a process of its own.
#
# Needs room for the events on the disk, and the programs `sluicegate` and `load` of one build:
#
#   cargo build --release -p sluicegate -p sluicegate-conformance --bins
#
# They are taken from target/release, or from the folder that BIN names. Everything listens on loopback,
# and ends with the script.
set -euo pipefail

events=${1:-1000000}
rate=${RATE:-1000}
bin=${BIN:-target/release}
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"
door=127.0.0.1:$((base + 1)) admin=127.0.0.1:$((base + 2)) near=127.0.0.1:$((base + 3))

# answer PATH: what the admin listener answers.
answer() {
    exec 3<>"/dev/tcp/${admin%:*}/${admin#*:}" || return 1
    printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$1" "$admin" >&3
    cat <&3
    exec 3>&-
}

# pending: how many events wait for `far`.
pending() {
    answer /metrics | awk '/^sluicegate_trigger_events\{.*trigger="far".*state="pending"/ {printf "%d\n", $2}'
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

start() {
    local began
    began=$(now_ms)
    "$bin/sluicegate" run --config "$folder/sluicegate.yaml" >> "$folder/sluicegate.log" 2>&1 &
    sluicegate=$!
    started+=("$sluicegate")
    until answer /readyz 2> /dev/null | grep -q '^HTTP/1.1 200'; do
        if ! kill -0 "$sluicegate" 2> /dev/null; then
            tail -n 20 "$folder/sluicegate.log" >&2
            exit 1
        fi
        sleep 0.01
    done
    echo "ready after $(($(now_ms) - began)) ms, $(resident "$sluicegate") resident"
}

# field_of NAME PART: the number of that name in a part of $json.
field_of() { grep -o "\"$2\":{[^}]*}" <<< "$json" | grep -o "\"$1\":[0-9.e+-]*" | cut -d: -f2; }

send() { "$bin/load" send --url "http://$door/default/default" --connections 64 --payload 1024 --json "$@"; }

mkdir "$folder/manifests"
cat > "$folder/sluicegate.yaml" << YAML
listen: $door
admin: {listen: $admin}
manifests: ./manifests
data: ./data
YAML
cat > "$folder/manifests/bench.yaml" << YAML
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: default}
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: far}
spec:
  broker: default
  filters: [{exact: {type: load.test}}]
  subscriber: {uri: "http://$sink/"}
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: near}
spec:
  broker: default
  filters: [{exact: {type: load.near}}]
  subscriber: {uri: "http://$near/"}
YAML

# to_near SECONDS: RATE events a second for `near`; prints what producers and `near` waited.
to_near() {
    json=$(send --type load.near --sink "$near" --rate "$rate" --seconds "$1")
    printf '%s %s %s %s\n' "$(field_of p50_us latency)" "$(field_of p99_us latency)" \
        "$(field_of p50_us delivery_latency)" "$(field_of p99_us delivery_latency)"
}

# latencies WHEN: medians of the lines of to_near.
latencies() {
    local column medians=()
    for column in 1 2 3 4; do
        medians+=("$(cut -d' ' -f$column "$folder/near" | sort -g | awk '{all[NR] = $1} END {print all[int((NR + 1) / 2)]}')")
    done
    printf '%-22s answer p50 %6.0f  p99 %6.0f us   delivered to near p50 %6.0f  p99 %6.0f us   (%d rounds)\n' \
        "$1" "${medians[@]}" "$(wc -l < "$folder/near")"
}

start
json=$(send --sink "$sink" --seconds 10 --pid "$sluicegate")
without=$(field accepted_per_second)
printf 'without a backlog %8.0f/s, %.1f us CPU each\n' "$without" "$(field cpu_us_per_event)"
for _ in 1 2 3; do to_near 3; done > "$folder/near"
latencies "without a backlog"

"$bin/sluicegate" pause trigger far --server "http://$admin" > /dev/null 2>> "$folder/sluicegate.log"
json=$(send --events "$events")
printf 'a backlog of %d, made at %.0f/s; %s resident\n' "$(pending)" \
    "$(field accepted_per_second)" "$(resident "$sluicegate")"
kill -9 "$sluicegate"
wait "$sluicegate" 2> /dev/null || true
start

"$bin/load" sink --listen "$sink" > /dev/null &
started+=($!)
before=$(pending)
began=$(now_ms)
"$bin/sluicegate" resume trigger far --server "http://$admin" > /dev/null
: > "$folder/near"
(while [ ! -e "$folder/drained" ]; do to_near 3; done > "$folder/near.now" 2>&1) &
loop=$!
started+=("$loop")
while left=$(pending) && [ "$left" -gt 0 ]; do sleep 0.1; done
took=$(($(now_ms) - began))
touch "$folder/drained"
wait "$loop"
# The last round went on after the drain.
sed '$d' "$folder/near.now" > "$folder/near"
printf 'drained %d in %d ms while %d/s came in: %d/s; %s resident\n' "$before" "$took" "$rate" \
    $((before * 1000 / took)) "$(resident "$sluicegate")"
awk "BEGIN {printf \"ratio to the rate without a backlog  %.2f\n\", $before * 1000 / $took / $without}"
latencies "while it was drained"
