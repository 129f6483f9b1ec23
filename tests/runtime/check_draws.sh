#!/bin/sh
# The draws that tests/unit/test_random.c compares with are those of philox.py, which knows its generator's published answers.
set -u
. tests/tap.sh

draws_are_fresh() {
    "${PYTHON:-python3}" tests/runtime/philox.py >"$work/draws.h" && diff tests/runtime/draws.h "$work/draws.h"
}

check "tests/runtime/draws.h is what philox.py draws" draws_are_fresh
finish
