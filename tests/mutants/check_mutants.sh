#!/bin/sh
# long_mutants.sh can break every operation: each row of ops.def has its mutants, and each of these changes what it should.
set -u
. tests/tap.sh
. tests/mutants/rows.sh

every_operation_has_one() {
    lowerings | cut -d' ' -f1 | sort -u >"$work/broken"
    sed -n 's/^OP(\([A-Z0-9]*\),.*/\1/p' compiler/graph/ops.def | sort | comm -3 - "$work/broken" >"$work/odd"
    cat "$work/odd" && [ ! -s "$work/odd" ]
}

every_one_changes_its_file() {
    stale=0
    lowerings >"$work/all" && while read -r op file script; do
        break_file "$file" "$script" "$work/file" || { echo "changes nothing: $op $file $script" && stale=1; }
    done <"$work/all" && [ "$stale" = 0 ] && [ -s "$work/all" ]
}

every_rule_changes_its_file() {
    grep '^[a-z]' tests/mutants/order.txt >"$work/rules" && while read -r file script; do
        break_file "$file" "$script" "$work/file" || { echo "changes nothing: $file $script" && return 1; }
    done <"$work/rules"
}

every_row_is_found() {
    for kind in eval grad; do
        grep '^OP' compiler/graph/ops.def | grep -c " ${kind}_" >"$work/want" && rows $kind | grep -c . | diff "$work/want" - || return 1
    done
}

check "every operation has a broken lowering" every_operation_has_one
check "every broken lowering changes its file" every_one_changes_its_file
check "every broken rule of --deterministic changes its file" every_rule_changes_its_file
check "every row with a value or a gradient is found" every_row_is_found
finish
