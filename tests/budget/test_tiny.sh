#!/bin/sh
# MLPerf Tiny's networks are those of others, and cost what docs/tiny.md says.
. tests/tap.sh
check "parameters, MACs, arenas, code" python3 tests/budget/tiny.py "$dlc" "$work" docs/tiny.md
finish
