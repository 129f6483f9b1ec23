#!/bin/sh
# Test the tests: break each operation's evaluation, then each one's gradient, by changing its row of ops.def, then each one's lowering,
# by changing the compiler's text as lower.txt says, and see a test fail. Prints the survivors; fails if there is one.
#   usage: [BUILD=build] tests/mutants/long_mutants.sh [eval|grad|lower] [OP]...
set -eu
. tests/mutants/rows.sh
build=${BUILD:-build}
work=$build/mutants
flags="-std=gnu11 -O1 -w -I$work -I. -Icompiler -Icompiler/graph -I$build/gen"
libs="-lcmocka -ltcc -ljansson -lz -ldl -lpthread -lm"
mkdir -p "$work"
make -s "$build/libdlc.a"

cat >"$work/broken.h" <<'END'
#include "graph/ir.h"
void eval_broken(EvalCtx *e, const Node *n);
void grad_broken(GradCtx *g, Node *n, Node *dy);
END

cat >"$work/broken.c" <<'END'
#include "ops/ops.h"
#include "graph/gradient.h"
/* The right value, but for the last element. */
void eval_broken(EvalCtx *e, const Node *n)
{
    RIGHT_EVAL(e, n);
    Value v = n->op == OP_SCAN ? e->tuple[n->id][0] : e->value[n->id];
    double *last = v.at + type_count(v.type) - 1;
    *last = v.type.dt == DT_BOOL ? *last == 0 : *last + 1;
}
/* The gradient of three times as much; a scan's own dy means nothing, so that passes none. */
void grad_broken(GradCtx *g, Node *n, Node *dy)
{
    if (n->op == OP_SCAN)
        return;
    RIGHT_GRAD(g, n, node_binary_const(g->fn, OP_MUL, dy, 3));
}
END

for test in test_ops test_gradients test_scan_gradients test_kernels test_random; do
    ${CC:-cc} $flags -c -o "$work/$test.o" "tests/unit/$test.c"
done
cp compiler/graph/op_info.c "$work/op_info.c"

# killed_by TESTS OBJECT...: one of the tests fails with these objects in the place of the library's own. Without a compiler on the
# path, test_kernels leaves out what takes seconds to compile.
killed_by() {
    tests=$1
    shift
    for test in $tests; do
        ${CC:-cc} -o "$work/mutant" "$work/$test.o" "$@" "$build/libdlc.a" $libs || exit 2
        PATH=/nowhere /usr/bin/timeout 120 "$work/mutant" >"$work/out" 2>&1 || return 0
    done
    return 1
}

# killed KIND NAME RIGHT: a test fails when row NAME has KIND_broken in the place of its own function, RIGHT
killed() {
    break_file graph/ops.def "/^OP($2,/s/\([ ,]\)$3,/\1$1_broken,/" "$work/ops.def" || { echo "$2 has no $3" && return 1; }
    eval=eval_copy grad=grad_neg tests="test_gradients test_scan_gradients"
    [ "$1" = grad ] && grad=$3
    [ "$1" = eval ] && eval=$3 && tests=test_ops
    ${CC:-cc} $flags -include "$work/broken.h" -c -o "$work/op_info.o" "$work/op_info.c" || exit 2
    ${CC:-cc} $flags -include "$work/broken.h" -DRIGHT_EVAL=$eval -DRIGHT_GRAD=$grad -c -o "$work/broken.o" "$work/broken.c" ||
        exit 2
    killed_by "$tests" "$work/op_info.o" "$work/broken.o"
}

# lowering_killed FILE SED: a test fails when FILE is changed so
lowering_killed() {
    rm -f "$work/ops.def"
    case $1 in
    *.def) from=$work/op_info.c to=$work/ops.def ;;
    *) from=$work/$(basename "$1") to=$from ;;
    esac
    break_file "$1" "$2" "$to" || return 1
    ${CC:-cc} $flags -I"compiler/${1%/*}" -c -o "$work/lowering.o" "$from" || exit 2
    killed_by "test_kernels test_random" "$work/lowering.o"
}

tried=0 survived=0
survives() {
    echo "survives: $*"
    survived=$((survived + 1))
}

# Of all operations, or of those named.
kinds="eval grad lower"
case ${1:-} in eval | grad | lower) kinds=$1 && shift ;; esac
wanted() {
    case " $chosen " in "  " | *" $1 "*) tried=$((tried + 1)) ;; *) return 1 ;; esac
}
chosen=$*

for kind in $kinds; do
    if [ "$kind" = lower ]; then
        lowerings >"$work/lowerings"
        while read -r op file script; do
            ! wanted "$op" || lowering_killed "$file" "$script" || survives "$op: $file $script"
        done <"$work/lowerings"
    else
        for row in $(rows $kind); do
            ! wanted "${row%:*}" || killed $kind "${row%:*}" "${row#*:}" || survives "${row%:*} with a broken ${row#*:}"
        done
    fi
done
echo "$tried mutants, $survived survived"
[ "$survived" = 0 ]
