#!/bin/sh
# What the tests ran of compiler/, by folder and in all, from what a build with gcov's counters has left in build/coverage.
# Non-zero below LEAST (90) percent of the lines.   usage: tests/coverage.sh [lines]     lines: also those that never ran
set -u
build=${BUILD:-build/coverage}
objects=$build/obj/compiler

find "$objects" -name '*.gcno' | sort | while read -r notes; do
    gcov -n -o "$(dirname "$notes")" "$notes" 2>/dev/null
done | awk -v least="${LEAST:-90}" '
    /^File / { file = $2; gsub(/\047/, "", file); next }
    /^Lines executed:/ && file ~ /^compiler\/.*\.c$/ {
        split($0, part, /[:% ]+/)
        folder = file
        if (!sub(/\/[^\/]*$/, "", folder)) next
        lines[folder] += part[5]; all += part[5]
        ran[folder] += part[3] * part[5] / 100; allran += part[3] * part[5] / 100
        file = ""
    }
    END {
        if (!all) { print "no counters in build/coverage: make coverage"; exit 2 }
        for (folder in lines)
            printf "%-24s%6d lines%8.1f %%\n", folder, lines[folder], 100 * ran[folder] / lines[folder] | "sort"
        close("sort")
        printf "%-24s%6d lines%8.1f %%\n", "compiler/ in all", all, 100 * allran / all
        if (100 * allran / all < least) { printf "below %s %%\n", least; exit 1 }
    }'
status=$?

if [ "${1:-}" = lines ]; then
    mkdir -p "$build/gcov"
    find "$objects" -name '*.gcda' | sort | while read -r data; do
        gcov -t -o "$(dirname "$data")" "$data" 2>/dev/null
    done | awk -F: '/Source:compiler/ { file = $4 } $1 ~ /#####/ && file ~ /^compiler.*\.c$/ { printf "%s:%d:%s\n", file, $2, $3 }'
fi
exit $status
