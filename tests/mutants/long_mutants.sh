#!/bin/sh
# Test the tests: break each operation's evaluation, then each one's gradient, by changing its row of ops.def, and see a test
# fail. Prints the survivors; fails if there is one.   usage: [BUILD=build] tests/mutants.sh [eval|grad]
set -eu
build=${BUILD:-build}
work=$build/mutants
flags="-std=gnu11 -O1 -w -I$work -I. -Icompiler -Icompiler/graph"
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

for test in test_ops test_gradients test_scan_gradients; do
    ${CC:-cc} $flags -c -o "$work/$test.o" "tests/unit/$test.c"
done
cp compiler/graph/op_info.c "$work/op_info.c"

# killed KIND NAME RIGHT: a test fails when row NAME has KIND_broken in the place of its own function, RIGHT
killed() {
    sed "/^OP($2,/s/\([ ,]\)$3,/\1$1_broken,/" compiler/graph/ops.def >"$work/ops.def"
    if cmp -s compiler/graph/ops.def "$work/ops.def"; then
        echo "$2 has no $3" && return 1
    fi
    eval=eval_copy grad=grad_neg tests="test_gradients test_scan_gradients"
    [ "$1" = grad ] && grad=$3
    [ "$1" = eval ] && eval=$3 && tests=test_ops
    ${CC:-cc} $flags -include "$work/broken.h" -c -o "$work/op_info.o" "$work/op_info.c" || exit 2
    ${CC:-cc} $flags -include "$work/broken.h" -DRIGHT_EVAL=$eval -DRIGHT_GRAD=$grad -c -o "$work/broken.o" "$work/broken.c" ||
        exit 2
    for test in $tests; do
        ${CC:-cc} -o "$work/mutant" "$work/$test.o" "$work/op_info.o" "$work/broken.o" "$build/libdlc.a" \
            -lcmocka -lm || exit 2
        timeout 120 "$work/mutant" >/dev/null 2>&1 || return 0
    done
    return 1
}

tried=0 survived=0
for kind in ${1:-eval grad}; do
    for row in $(sed -n 's/^OP(\([A-Z0-9]*\),.* \('$kind'_[a-z0-9]*\),.*/\1:\2/p' compiler/graph/ops.def); do
        tried=$((tried + 1))
        killed "$kind" "${row%:*}" "${row#*:}" && continue
        echo "survives: ${row%:*} with a broken ${row#*:}"
        survived=$((survived + 1))
    done
done
echo "$tried mutants, $survived survived"
[ "$survived" = 0 ]
