#!/bin/sh
# `--optimize size`: how much code there is, of the whole object with whatever it needs of runtime/, and that it is right on the board.
. tests/metal/models.sh

boards=cortex-m4f
METAL_CFLAGS=-Os

# Bytes of code and constants; weights are constants.
text_of() {
    # shellcheck disable=SC2046
    arm-none-eabi-gcc $(metal_flags cortex-m4f) -Os -std=c11 -ffreestanding -Iruntime -c -o "$work/object.o" "$1" &&
        arm-none-eabi-size "$work/object.o" | awk 'NR == 2 { print $1 }'
}

at_most() { # at_most BYTES FILE.c
    bytes=$(text_of "$2") && echo "$bytes bytes of text, at most $1" && [ "$bytes" -le "$1" ]
}

# One function for the two convolutions' pools, the two dense layers, the eight parameters' steps.
shares() {
    source=$work/small_cnn/train/cortex-m4f/small_cnn.c
    for kernel in dense max_pool2d adam; do
        grep -q "^static void train_k[0-9]*_$kernel(.*" "$source" && grep -q "int dl_size_0" "$source" || return 1
    done
    [ "$(grep -c '^static void train_k[0-9]*_adam(' "$source")" -le 3 ]
}

small() { # of a model that was built: its options, the board's file
    options="$options --optimize size"
}

prepare train small_cnn --train-batch 8 --steps 1
small
on_boards trains_on small_cnn
prepare baked sine
small
on_boards infers_on sine
if metal_has cortex-m4f; then
    # The limits promised are 12 and 2 KB; these are what there is and a tenth.
    check "small_cnn: forward, backward and Adam, and all else" at_most 9600 "$work/small_cnn/train/cortex-m4f/small_cnn.c"
    check "sine: inference, its weights too" at_most 720 "$work/sine/baked/cortex-m4f/sine.c"
    check "kernels are shared" shares
else
    skip "how much code there is" "no arm-none-eabi-gcc"
fi
finish
