#!/bin/sh
# The library against numbers that dlc has no part in, as the system's compiler optimizes it.
. tests/tap.sh
for cases in tests/library/cases/*.dl; do
    check "$(basename "$cases" .dl) cc" "$build/library" cc "$cases"
done
finish
