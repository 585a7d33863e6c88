#!/usr/bin/env bash
# Breaks the broker in one way after the other, and checks that the fault driver finds it.
#
#   conformance-tests/defects/run.sh [NAME...]
#
# NAME.patch beside this script is a planted defect; without names it is all of them. Each is applied to a
# copy of the source of the last commit (or of the branch that OF names), built, and driven by the command in
# the patch's head ("Found by: ..."), which must end with 1: a guarantee that does not hold. With 77 the driver
# can't run on this machine, which is said and is no failure. Everything else is one. The drivers themselves
# are taken from BIN (default target/ci), and must be built:
#
#   cargo build --profile ci -p sluicegate-conformance --bins
#
# The copy and what is built of it stay in WORK (default target/defects), so that the next run is quicker.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=$(cd "${BIN:-$root/target/ci}" && pwd)
work=${WORK:-$root/target/defects}
source=$work/source
for program in faults ledger; do
    [ -x "$bin/$program" ] || { echo "there is no $bin/$program; see the head of this script" >&2; exit 2; }
done
[ $# -gt 0 ] || set -- $(cd "$here" && ls ./*.patch | sed 's|^./||; s|\.patch$||')

# The copy is a repository of its own: only what differs is written, so cargo builds no more than that.
mkdir -p "$source"
[ -d "$source/.git" ] || git -C "$source" init -q
git -C "$source" fetch -q --depth 1 "file://$root" "${OF:-HEAD}"
git -C "$source" checkout -q -f FETCH_HEAD

missed=0
for name in "$@"; do
    patch=$here/$name.patch
    driver=$(sed -n 's/^Found by: faults //p' "$patch")
    [ -n "$driver" ] || { echo "$patch does not say what finds it" >&2; exit 2; }
    echo "=== $name: $(head -1 "$patch")"
    git -C "$source" apply "$patch"
    (cd "$source" && CARGO_TARGET_DIR="$work/target" \
        cargo build -q --profile ci -p sluicegate --all-features --locked)
    git -C "$source" apply -R "$patch"
    code=0
    # shellcheck disable=SC2086
    SLUICEGATE_BIN="$work/target/ci/sluicegate" "$bin/faults" $driver > "$work/$name.log" 2>&1 || code=$?
    case $code in
        1) echo "    found by faults $driver"; grep -m 3 '^  FOUND' "$work/$name.log" | cut -c 1-160 ;;
        77) echo "    NOT RUN: $(tail -1 "$work/$name.log")" ;;
        *) echo "    MISSED by faults $driver, which ended with $code; see $work/$name.log"; missed=$((missed + 1)) ;;
    esac
done
[ "$missed" -eq 0 ] || { echo "$missed of $# defects were missed" >&2; exit 1; }
