#!/usr/bin/env bash
# How fast a backlog on disk is drained while events come in, beside the rate without a backlog.
#
#   conformance-tests/bench/backlog.sh [EVENTS]
#
# First sends as fast as it goes with 64 connections and 1 KiB of data to one trigger: that is the rate
# without a backlog. Then pauses the trigger, sends EVENTS events (default 1000000), kills the server
# without a word and starts it again, resumes the trigger, and waits until all is delivered while
# RATE events a second (default 1000) come in. Prints how long the start took, what the server holds
# in memory, and both rates. The subscriber answers 202 to everything and is a process of its own.
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
door=127.0.0.1:$((base + 1)) admin=127.0.0.1:$((base + 2))

# answer PATH: what the admin listener answers.
answer() {
    exec 3<>"/dev/tcp/${admin%:*}/${admin#*:}" || return 1
    printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$1" "$admin" >&3
    cat <&3
    exec 3>&-
}

# pending: how many events wait for the trigger.
pending() {
    answer /metrics | awk '/^sluicegate_trigger_events\{.*state="pending"/ {printf "%d\n", $2}'
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
metadata: {name: bench}
spec:
  broker: default
  filters: [{exact: {type: load.test}}]
  subscriber: {uri: "http://$sink/"}
YAML
start
json=$(send --sink "$sink" --seconds 10 --pid "$sluicegate")
without=$(field accepted_per_second)
printf 'without a backlog %8.0f/s, %.1f us CPU each\n' "$without" "$(field cpu_us_per_event)"

"$bin/sluicegate" pause trigger bench --server "http://$admin" > /dev/null 2>> "$folder/sluicegate.log"
json=$(send --events "$events")
printf 'a backlog of %d, made at %.0f/s; %s resident\n' "$(pending)" \
    "$(field accepted_per_second)" "$(resident "$sluicegate")"
kill -9 "$sluicegate"
wait "$sluicegate" 2> /dev/null || true
start

"$bin/load" sink --listen "$sink" > /dev/null &
started+=($!)
send --rate "$rate" --seconds 600 > /dev/null &
sender=$!
started+=("$sender")
before=$(pending)
began=$(now_ms)
"$bin/sluicegate" resume trigger bench --server "http://$admin" > /dev/null
while left=$(pending) && [ "$left" -gt "$rate" ]; do sleep 0.1; done
took=$(($(now_ms) - began))
kill "$sender"
delivered=$((before + rate * took / 1000 - left))
printf 'drained %d in %d ms while %d/s came in: %d/s; %s resident\n' "$before" "$took" "$rate" \
    $((delivered * 1000 / took)) "$(resident "$sluicegate")"
awk "BEGIN {printf \"ratio to the rate without a backlog  %.2f\n\", $delivered * 1000 / $took / $without}"
