#!/usr/bin/env bash
# Whether an event costs more where there are many triggers that do not want it.
#
#   conformance-tests/bench/many-triggers.sh [ROUNDS]
#
# Runs two servers beside each other: one with a single trigger, one with TRIGGERS of them (default
# 10000), each for another type, of which one is the type that is sent. Prints how long each took to
# become ready, and what it costs when nothing is sent; then sends to one and to the other in turn,
# ROUNDS times (default 15), as fast as it goes, with 64 connections and 1 KiB of data, and prints the
# CPU time per event of both. Each round is a pair, so that a neighbour on the machine is likely to
# slow both, and the ratio is that of the medians. The load driver is the sink as well, and a run
# ends when everything that was accepted has been delivered. CPU time is the whole program's, user
# and system.
#
# Needs the programs `sluicegate` and `load` of one build:
#
#   cargo build --release -p sluicegate -p sluicegate-conformance --bins
#
# They are taken from target/release, or from the folder that BIN names. SECONDS_EACH is the length
# of a run (default 2), IDLE_SECONDS how long an idle server is watched (default 10). Everything
# listens on loopback, and ends with the script.
set -euo pipefail

rounds=${1:-15}
triggers=${TRIGGERS:-10000}
seconds=${SECONDS_EACH:-2}
idle=${IDLE_SECONDS:-10}
bin=${BIN:-target/release}
# A file of manifests may hold 1 MiB.
per_file=1000
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"

# trigger NUMBER TYPE
trigger() {
    cat <<YAML
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: bench-$1}
spec:
  broker: default
  filters: [{exact: {type: $2}}]
  subscriber: {uri: "http://$sink/"}
YAML
}

# write_manifests FOLDER COUNT: a broker, and so many triggers, of which one is for what is sent. It
# stands in the middle, so that neither the first nor the last is favoured.
write_manifests() {
    local number type
    mkdir "$1"
    cat > "$1/broker.yaml" <<YAML
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: default}
YAML
    for number in $(seq 0 $(($2 - 1))); do
        type=load.test.$number
        [ "$number" -ne $(($2 / 2)) ] || type=load.test
        trigger "$number" "$type" >> "$1/triggers-$((number / per_file)).yaml"
    done
}

# is_ready ADMIN: whether the server there says so.
is_ready() {
    local answer
    exec 3<>"/dev/tcp/${1%:*}/${1#*:}" || return 1
    printf 'GET /readyz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$1" >&3
    read -r answer <&3
    exec 3>&-
    [[ $answer == *" 200 "* ]]
}

# start NAME COUNT DOOR ADMIN: a server that is ready; leaves its process id in $process.
start() {
    local name=$1 began
    write_manifests "$folder/$name" "$2"
    cat > "$folder/$name.yaml" <<YAML
listen: $3
admin: {listen: $4}
manifests: ./$name
defaultChannel: memory
YAML
    began=$(date +%s%N)
    "$bin/sluicegate" run --config "$folder/$name.yaml" > "$folder/$name.log" 2>&1 &
    process=$!
    started+=("$process")
    until is_ready "$4" 2>/dev/null; do
        if ! kill -0 "$process" 2>/dev/null || [ $((($(date +%s%N) - began) / 1000000000)) -ge 120 ]; then
            echo "the server with $2 triggers does not become ready:" >&2
            tail -n 20 "$folder/$name.log" >&2
            exit 1
        fi
        sleep 0.01
    done
    printf '%6d triggers: ready after %5d ms' "$2" $((($(date +%s%N) - began) / 1000000))
}

# What all threads of a process have spent on a CPU, in microseconds; finer than a tick.
spent() { cat "/proc/$1/task/"*/schedstat | awk '{ns += $1} END {printf "%d", ns / 1000}'; }

# watch_idle PID: what it costs at rest.
watch_idle() {
    local before
    # What remains of the start.
    sleep 5
    before=$(spent "$1")
    sleep "$idle"
    printf ', at rest %s resident and %d us of CPU a second\n' "$(resident "$1")" \
        $((($(spent "$1") - before) / idle))
}

# measure COUNT DOOR PID: one run; prints its line and leaves its JSON in $json.
measure() {
    json=$("$bin/load" send --url "http://$2/default/default" --sink "$sink" --connections 64 \
        --payload 1024 --seconds "$seconds" --pid "$3" --json)
    printf '%6d triggers  %8.0f/s accepted   %6.1f us CPU/event   delivered %s of %s\n' \
        "$1" "$(field accepted_per_second)" "$(field cpu_us_per_event)" \
        "$(field delivered)" "$(field accepted)"
    [ "$(field delivered)" = "$(field accepted)" ] ||
        { echo "what was accepted was not delivered once each" >&2; exit 1; }
}

door_one=127.0.0.1:$((base + 1)) door_many=127.0.0.1:$((base + 3))
start one 1 "$door_one" "127.0.0.1:$((base + 2))"
one=$process
watch_idle "$one"
start many "$triggers" "$door_many" "127.0.0.1:$((base + 4))"
many=$process
watch_idle "$many"

costs_one=() costs_many=()
for _ in $(seq "$rounds"); do
    measure 1 "$door_one" "$one"
    costs_one+=("$(field cpu_us_per_event)")
    measure "$triggers" "$door_many" "$many"
    costs_many+=("$(field cpu_us_per_event)")
done

median() { printf '%s\n' "$@" | sort -g | sed -n "$(((${#} + 1) / 2))p"; }
with_one=$(median "${costs_one[@]}") with_many=$(median "${costs_many[@]}")
echo "--- median CPU per event"
printf '%6d trigger   %.1f us\n' 1 "$with_one"
printf '%6d triggers  %.1f us\n' "$triggers" "$with_many"
awk "BEGIN {printf \"ratio            %.2f\n\", $with_many / $with_one}"
