#!/bin/sh
# generated/ is what the compiler writes now; `make generated` brings it up to date.
. tests/tap.sh
check "written" tests/generate.sh "$work/generated"
check "up to date" diff -rq generated "$work/generated"
finish
