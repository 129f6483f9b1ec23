#!/bin/sh
# The library against numbers that dlc has no part in, by both engines. check_library.sh does it by the interpreter.
. tests/tap.sh
for cases in tests/library/cases/*.dl; do
    for engine in tcc cc; do
        check "$(basename "$cases" .dl) $engine" "$build/library" $engine "$cases"
    done
done
finish
