#!/usr/bin/env bash
# What an event costs, beside what nginx needs to pass the same POST to the same sink.
#
#   conformance-tests/bench/against-nginx.sh [ROUNDS]
#
# Runs nginx and sluicegate in turn, ROUNDS times (default 3), each with 64 connections and 1 KiB of
# data: first as fast as it goes, which gives the CPU time per event and the peak; then both at half
# of the lower peak, which gives the latency from the intended send time. The load driver is the
# sink as well, and a run ends when everything that was accepted has been delivered, so the CPU time
# of a broker holds the delivery too. CPU time is the whole program's, user and system.
#
# Needs: nginx (the package of that name; nothing is installed here), and the programs `sluicegate`
# and `load` of one build:
#
#   cargo build --release -p sluicegate -p sluicegate-conformance --bins
#
# They are taken from target/release, or from the folder that BIN names. CHANNEL says where events
# are kept: memory (the default) or disk; a history is kept with either unless HISTORY=off. Without nginx
# it measures sluicegate alone and says so. Everything listens on loopback, and ends with the script.
set -euo pipefail
# Where Debian keeps servers, which is in nobody's path but root's.
PATH=$PATH:/usr/sbin

rounds=${1:-3}
seconds=${SECONDS_EACH:-5}
bin=${BIN:-target/release}
history=true
if [ "${HISTORY:-on}" = off ]; then history=false; fi
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"
door=127.0.0.1:$((base + 1)) admin=127.0.0.1:$((base + 2)) proxy=127.0.0.1:$((base + 3))

# until_up ADDRESS: waits until something listens there.
until_up() {
    for _ in $(seq 500); do
        if (exec 3<>"/dev/tcp/${1%:*}/${1#*:}") 2>/dev/null; then return; fi
        sleep 0.01
    done
    echo "nothing came up at $1:" >&2
    cat "$folder"/*.log >&2
    exit 1
}

start_sluicegate() {
    mkdir "$folder/manifests"
    cat > "$folder/sluicegate.yaml" <<YAML
listen: $door
admin: {listen: $admin}
manifests: ./manifests
data: ./data
defaultChannel: ${CHANNEL:-memory}
history: {enabled: $history}
YAML
    cat > "$folder/manifests/bench.yaml" <<YAML
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: default}
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: bench}
spec:
  broker: default
  filter: {attributes: {type: load.test}}
  subscriber: {uri: "http://$sink/"}
YAML
    "$bin/sluicegate" run --config "$folder/sluicegate.yaml" > "$folder/sluicegate.log" 2>&1 &
    sluicegate=$!
    started+=("$sluicegate")
    until_up "$door"
}

start_nginx() {
    mkdir "$folder/nginx"
    cat > "$folder/nginx.conf" <<CONF
daemon off;
worker_processes auto;
pid $folder/nginx.pid;
error_log $folder/nginx.log warn;
events { worker_connections 4096; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path $folder/nginx;
    proxy_temp_path $folder/nginx;
    fastcgi_temp_path $folder/nginx;
    uwsgi_temp_path $folder/nginx;
    scgi_temp_path $folder/nginx;
    upstream sink { server $sink; keepalive 256; keepalive_requests 1000000000; }
    server {
        listen $proxy backlog=4096;
        location / {
            proxy_pass http://sink;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_next_upstream off;
        }
    }
}
CONF
    nginx -e "$folder/nginx.log" -c "$folder/nginx.conf" > "$folder/nginx.out.log" 2>&1 &
    nginx=$!
    started+=("$nginx")
    until_up "$proxy"
}

# measure NAME URL PIDS [load arguments]: one run; prints its line and leaves its JSON in $json.
measure() {
    local name=$1 url=$2 pids=() process
    for process in $3; do pids+=(--pid "$process"); done
    shift 3
    json=$("$bin/load" send --url "$url" --sink "$sink" --connections 64 --payload 1024 \
        --seconds "$seconds" "${pids[@]}" --json "$@")
    printf '%-11s %8.0f/s accepted   %6.1f us CPU/event   answer p50 %6.0f  p99 %6.0f  p99.9 %6.0f us   delivered %s of %s\n' \
        "$name" "$(field accepted_per_second)" "$(field cpu_us_per_event)" \
        "$(field p50_us)" "$(field p99_us)" "$(field p999_us)" "$(field delivered)" "$(field accepted)"
}

start_sluicegate
echo "sluicegate: $(stat -c %s "$bin/sluicegate") bytes of program, $(resident "$sluicegate") resident when idle"
with_nginx=no
if command -v nginx > /dev/null; then
    with_nginx=yes
    start_nginx
    workers=$(pgrep -P "$nginx" | tr '\n' ' ')
    echo "nginx: $(nginx -v 2>&1 | sed 's/.*: //')"
else
    echo "nginx is not installed (package nginx): sluicegate is measured alone, without a ratio" >&2
fi

costs_sluicegate=() costs_nginx=() lowest=
note() { # note PEAK: keeps the lowest
    if [ -z "$lowest" ] || awk "BEGIN {exit !($1 < $lowest)}"; then lowest=$1; fi
}
echo "--- as fast as it goes"
for _ in $(seq "$rounds"); do
    if [ $with_nginx = yes ]; then
        measure nginx "http://$proxy/" "$workers"
        costs_nginx+=("$(field cpu_us_per_event)")
        note "$(field accepted_per_second)"
    fi
    measure sluicegate "http://$door/default/default" "$sluicegate"
    costs_sluicegate+=("$(field cpu_us_per_event)")
    note "$(field accepted_per_second)"
done

half=$(awk "BEGIN {printf \"%d\", $lowest / 2}")
echo "--- at $half/s, half of the lower peak; latency from the intended send time"
for _ in $(seq "$rounds"); do
    [ $with_nginx = no ] || measure nginx "http://$proxy/" "$workers" --rate "$half"
    measure sluicegate "http://$door/default/default" "$sluicegate" --rate "$half"
done

median() { printf '%s\n' "$@" | sort -g | sed -n "$(((${#} + 1) / 2))p"; }
echo "--- median CPU per event"
echo "sluicegate $(median "${costs_sluicegate[@]}") us"
if [ $with_nginx = yes ]; then
    echo "nginx      $(median "${costs_nginx[@]}") us"
    awk "BEGIN {printf \"ratio      %.2f\n\", $(median "${costs_sluicegate[@]}") / $(median "${costs_nginx[@]}")}"
fi
