#!/bin/sh
# The fuzz targets for a quarter of a minute in all, under sanitizers, always with the same inputs: the seeds, among them what once went wrong,
# and what is made of them.
. tests/tap.sh
. tests/fuzz/fuzz.sh

for target in $(echo "$targets" | awk '{ print $1 }'); do
    runs=$(echo "$targets" | awk -v name="$target" '$1 == name { print 80 * $3 }')
    check "$target" fuzz "$target" -seed=1 -runs="$runs" -max_total_time=20
done
finish
