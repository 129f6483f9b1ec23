#!/bin/sh
# Compile a program for a board of boards.txt and run it there: tests/metal/run.sh BOARD SOURCE.c... [-- ARGUMENT...]
# Without arguments: the boards' names. metal.sh says what a program is, and what the environment may hold.
set -u
. tests/metal/metal.sh
[ $# != 0 ] || { metal_boards; exit; }
board=$1
shift
sources=
while [ $# != 0 ] && [ "$1" != -- ]; do
    sources="$sources $1"
    shift
done
[ $# = 0 ] || shift
out=build/metal.$$
mkdir -p "$out" || exit 2
# shellcheck disable=SC2086
metal_build "$board" "$out/program" $sources && metal_run "$board" "$out/program" "$@"
status=$?
rm -rf "$out"
exit $status
