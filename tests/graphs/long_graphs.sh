#!/bin/sh
# Graphs that once showed a fault, by every engine; and as many random graphs as SECONDS_GRAPHS (1800) allow, other ones every day, or
# from SEED.
. tests/tap.sh
seed=${SEED:-$(date +%Y%m%d)00000}

check "graphs that were wrong once" "$build/dlc-fuzz-graphs" --shrink 0 --out "$work" tests/graphs/*.ir
check "random graphs from seed $seed" "$build/dlc-fuzz-graphs" --seed "$seed" --seconds "${SECONDS_GRAPHS:-1800}" --out "$work"
finish
