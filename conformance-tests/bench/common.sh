# What the measuring scripts beside this share; they set $bin and source it. It gives them a $folder
# and a $base for ports, and ends what stands in $started with them.
# shellcheck shell=bash disable=SC2034

folder=$(mktemp -d)
started=()

end() {
    for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap end EXIT

for program in sluicegate load; do
    [ -x "$bin/$program" ] || { echo "there is no $bin/$program; see the head of this script" >&2; exit 1; }
done

# Ports below the range of outgoing connections, from the process id, so that two runs can stand
# beside one another.
base=$((12000 + $$ % 15000))
sink=127.0.0.1:$base

resident() { awk '/^VmRSS/ {printf "%.1f MiB", $2 / 1024}' "/proc/$1/status"; }

# The first number of that name in $json; the latency to the answer comes before that to delivery.
field() { grep -o "\"$1\":[0-9.e+-]*" <<< "$json" | head -1 | cut -d: -f2; }
