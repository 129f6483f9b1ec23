#!/bin/sh
# Graphs that once showed a fault, by every engine and in every variant; random graphs, each by libtcc, gcc and clang; and that
# the comparison is sharp: graphs in which something is changed are found out.
. tests/tap.sh
fuzz="$build/dlc-fuzz-graphs --jobs 1 --out $work"

check "graphs that were wrong once" $fuzz --shrink 0 tests/graphs/*.ir
check "80 random graphs" $fuzz --count 80
check "what is changed is found out" $fuzz --mutants --seed 1000 --count 60
finish
