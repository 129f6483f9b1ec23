#!/bin/sh
# docs/dlc.1 says what the commands say of themselves (or `make docs/dlc.1`), in a form that readers of manual pages understand.
. tests/tap.sh

is_fresh() { python3 tests/docs/man.py "$dlc" >"$work/dlc.1" && diff docs/dlc.1 "$work/dlc.1"; }

# Every command has its part, and no option of any is left out.
is_whole() {
    for command in $("$dlc" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p'); do
        grep -q "^\.Ss dlc $command" docs/dlc.1 || { echo "no $command" && return 1; }
        "$dlc" "$command" --help | grep -o '^ .*--[a-z-]*' | grep -o -e '--[a-z-]*' | while read -r option; do
            grep -q -e "^\.It .*$option" docs/dlc.1 || { echo "no $option" && return 1; }
        done || return 1
    done
}

check "fresh" is_fresh
check "whole" is_whole
if command -v mandoc >/dev/null; then
    check "mandoc has nothing to warn of" mandoc -T lint -W warning docs/dlc.1
else
    skip "mandoc" "not installed"
fi
finish
