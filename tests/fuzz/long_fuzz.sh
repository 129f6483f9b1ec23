#!/bin/sh
# Each fuzz target for SECONDS_EACH (60), or all of them for RUNS inputs in all; the total is printed. Every run is another:
# SEED repeats one.
. tests/tap.sh
. tests/fuzz/fuzz.sh
seed=${SEED:-$(date +%s)}
total=0

one() {
    limit=-max_total_time=${SECONDS_EACH:-60}
    [ -z "${RUNS:-}" ] || limit=-runs=$(echo "$targets" | awk -v name="$1" -v runs="$RUNS" '$1 == name { printf "%d", runs / 1000 * $3 + 1 }')
    fuzz "$1" -seed="$seed" "$limit"
}

for target in $(echo "$targets" | awk '{ print $1 }'); do
    check "$target, seed $seed" one "$target"
    ran=$(sed -n 's/^Done \([0-9]*\) runs in.*/\1/p' "$work/$target.log")
    echo "# $target: ${ran:-0} inputs"
    total=$((total + ${ran:-0}))
done
echo "# $total inputs, $tap_failed targets failed"
finish
