#!/bin/sh
# Graphs that once showed a fault, in every variant, by an engine of each kind (long_graphs.sh: by all); random graphs, each by libtcc,
# gcc and clang; and that the comparison is sharp: graphs in which something is changed are found out.
. tests/tap.sh
fuzz="$build/dlc-fuzz-graphs --jobs 1 --out $work"

kinds=tcc,tcc-generic,clang-v3,gcc-v4,tcc-compact,tcc-unrolled,tcc-threads,gcc-blocks,gcc-checked
check "graphs that were wrong once" $fuzz --shrink 0 --engines $kinds tests/graphs/*.ir
check "80 random graphs" $fuzz --count 80
check "what is changed is found out" $fuzz --mutants --seed 1000 --count 60
finish
