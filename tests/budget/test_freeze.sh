#!/bin/sh
# SPDX-License-Identifier: MIT
# `freeze NAME.kernel` trains a layer's bias alone: the C of its training has no gradient of the kernel, no moments of it, and keeps no activation for it.
. tests/tap.sh

# emits NAME STATEMENT...: three layers of 24, 40, 40 and 4, a batch of 8
emits() {
    name=$1
    shift
    mkdir -p "$work/$name" && {
        printf 'model net {\n    input x: f32[24]\n    y = x |> dense(40) as a |> dense(40) as b |> dense(4) as c\n    output z = y\n'
        printf '    train {\n        target t: f32[4]\n        loss = mean_squared_error(y, t)\n        optimizer adam()\n'
        printf '        %s\n' "$@"
        printf '    }\n}\n'
    } >"$work/$name/net.dl" &&
        $dlc "$work/$name/net.dl" --train --train-batch 8 --report --json -o "$work/$name/net.c" >"$work/$name/report" &&
        gcc -std=c11 -Wall -Wextra -Werror -Iruntime -c "$work/$name/net.c" -o "$work/$name/net.o"
}

total() { # NAME FIGURE: of the training step
    python3 - "$work/$1/report" "$2" <<'END'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
print(next(row[sys.argv[2]] for row in rows if row.get('function') == 'train_step' and row.get('total')))
END
}

has() { # NAME MEMBER: of a struct
    grep -q " $2\[" "$work/$1/net.h"
}

writes() { # NAME TENSOR: some kernel of the training step does
    awk '/^static.* train_/ { p = 1 } p { print } /\)$/ { p = 0 }' "$work/$1/net.c" | sed 's/const float/const_float/g' |
        grep -q "[( ]float \*restrict $2[,)]"
}

is() {
    echo "$1, not $2"
    [ "$1" = "$2" ]
}

forward=$((8 * (24 * 40 + 40 * 40 + 40 * 4))) backward=$((8 * (40 * 40 + 40 * 4)))
bias_only() { emits biases 'freeze a.kernel' 'freeze b.kernel' 'freeze c.kernel'; }
no_moments() { ! has biases m_a_kernel && ! has biases v_b_kernel && has biases m_a_bias && has free m_a_kernel && has free v_b_kernel; }
no_update() { ! writes biases a_kernel && ! writes biases c_kernel && writes biases c_bias && writes free a_kernel && writes free c_kernel; }
no_activations() { # of a and b, which only gradients of kernels are made of
    echo "$(total free arena_bytes) $(total biases arena_bytes)"
    [ $(($(total free arena_bytes) - $(total biases arena_bytes))) -ge $((8 * 40 * 4)) ]
}
one_of_them() { # the first layer's alone: what lies behind is trained as ever
    emits first 'freeze a.kernel' && ! has first m_a_kernel && has first m_b_kernel && is "$(total first macs)" $((2 * forward + backward - 8 * 24 * 40))
}

check "all of it" emits free
check "biases alone" bias_only
check "all of it: gradients of kernels, and of what they are made of" is "$(total free macs)" $((2 * forward + backward))
check "biases alone: no gradients of kernels" is "$(total biases macs)" $((forward + backward))
check "no moments of kernels" no_moments
check "no kernel is written" no_update
check "no activation is kept for them" no_activations
check "one layer's" one_of_them
finish
