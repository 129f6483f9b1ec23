#!/bin/sh
# Graphs that once showed a fault, by libtcc, and by gcc where it was one of its vectors; and a few at random.
. tests/tap.sh
fuzz="$build/dlc-fuzz-graphs --jobs 1 --engines tcc,tcc-generic --shrink 0"

check "graphs that were wrong once" $fuzz tests/graphs/*.ir
check "graphs of which gcc makes vectors" $build/dlc-fuzz-graphs --jobs 1 --engines gcc-v3,gcc-O3 --shrink 0 tests/graphs/*_columns.ir
check "random graphs" $fuzz --count 150
check "a scatter made upon itself has the same index" $fuzz --one 1312036
finish
