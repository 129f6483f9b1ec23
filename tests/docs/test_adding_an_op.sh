#!/bin/sh
# docs/adding-an-op.md, done: its changes made in a copy of the tree, built, tested and used.
set -u
. tests/tap.sh

case $work in /*) ;; *) work=$PWD/$work ;; esac
tree=$work/tree
make_="make -s BUILD=build CFLAGS=-O0 SANITIZE= -j${JOBS:-2}"

copy_tree() {
    mkdir -p "$tree/tests" && cp -R compiler runtime docs Makefile "$tree" &&
        cp -R tests/unit tests/runtime tests/graphs tests/docs "$tree/tests"
}

# The page is short because the change is: a row, a family, C, and what is said and tested of them.
apply_page() {
    "${PYTHON:-python3}" tests/docs/apply_page.py docs/adding-an-op.md "$tree" >"$work/changed" || return 1
    echo compiler/graph/ops.def compiler/ops/element.c runtime/dl_math.h tests/runtime/ulp.h tests/unit/test_ops.c \
        tests/unit/test_op_errors.c tests/unit/gradient_cases.h | diff - "$work/changed"
}

# What the page's block of commands says, with few floats.
make_documents() (
    cd "$tree" && sed -n '/^```sh$/,/^```$/s/^make //p' docs/adding-an-op.md >command &&
        STRIDE=30011 $make_ $(cat command) && grep -q '^| `sinh` ' docs/ops.md &&
        grep -q '^- `sinh(x)`' docs/library.md && grep -q '^| dl_sinh ' docs/accuracy.md
)

build_tree() (
    cd "$tree" && $make_ build/dlc build/dlc-fuzz-graphs build/tests/test_ops build/tests/test_op_errors build/tests/test_gradients build/tests/test_ir_docs build/tests/test_runtime
)

run_test() (
    cd "$tree" && "$@"
)

# A model that calls it with a number and with a tensor, in C, trained by one step; and what libm says.
cat >"$work/hyper.dl" <<'END'
model hyper {
    input x: f32[8]
    param w: f32[8] = ones()
    y = sinh(x * w) + sinh(1)
    output z = y
    train {
        loss = sum(y)
        optimizer sgd(learning_rate = 1.0)
    }
}
END
cat >"$work/use.c" <<'END'
#include "hyper.h"
#include <math.h>
#include <string.h>

static _Alignas(64) unsigned char arena[HYPER_TRAIN_ARENA_BYTES + HYPER_ARENA_BYTES + 64];

static int near(double have, double want)
{
    return fabs(have - want) <= 1e-6 * (1 + fabs(want));
}

int main(void)
{
    const float x[8] = {-80.5f, -3, -0.5f, -1e-6f, 0, 1e-6f, 2, 84};
    float z[8];
    hyper_params p;
    hyper_optimizer o;
    hyper_metrics m;
    memset(&o, 0, sizeof o);
    for (int i = 0; i < 8; i++)
        p.w[i] = 1;
    if (hyper_infer(&p, x, z, arena) != DL_OK)
        return 2;
    for (int i = 0; i < 8; i++)
        if (!near(z[i], sinh(x[i]) + sinh(1)))
            return 3;
    if (hyper_train_step(&p, &o, x, 1, &m, arena) != DL_OK)
        return 4;
    for (int i = 0; i < 8; i++)
        if (!near(p.w[i], 1 - x[i] * cosh(x[i])))
            return 5;
    return 0;
}
END

use_it() (
    cd "$work" && "$tree/build/dlc" hyper.dl --train --train-batch 1 -o hyper.c && grep -q 'dl_sinh(' hyper.c &&
        "${CC:-cc}" -std=c11 -O1 -Wall -Wextra -Werror -I"$tree/runtime" -I. -o use use.c hyper.c -lm && ./use
)

check "a copy of the tree" copy_tree
check "the page's changes fit, and touch what the page says" apply_page
check "the tree builds" build_tree
check "documents are made" make_documents
for test in test_ops test_op_errors test_gradients test_ir_docs test_runtime; do
    check "$test knows the operation" run_test build/tests/$test
done
check "random graphs know it" run_test build/dlc-fuzz-graphs --seed 1 --count 5 --engines tcc --jobs 1 --shrink 0
check "a model that uses it, in C" use_it
finish
