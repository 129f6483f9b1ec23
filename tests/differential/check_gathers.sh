#!/bin/sh
# A row that is loaded where a condition holds, which is the same for all of the row, is loaded by vectors: here of the gradient of what is
# added to the end of a longer sequence. Its index as an int makes gcc 12 gather the elements, which takes twice as long and more.
. tests/tap.sh

cat >"$work/cropped.dl" <<'MODEL'
layer block(x: f32[T, C]; rate) -> f32[T, C] {
    return relu(x + (x |> conv1d(C, 3, padding = "causal", dilation_rate = rate) |> relu))
}
model cropped {
    input x: f32[64, 32]
    h = x |> block(2) |> block(4) |> block(8)
    y = dense(h[-1], 4)
    output scores = y
    train {
        target t: f32[4]
        loss = mean_squared_error(y, t)
        optimizer sgd()
    }
}
MODEL

# gathers_nothing TARGET: with the flags of the file's first comment. The loads are there.
gathers_nothing() {
    "$dlc" "$work/cropped.dl" --train --train-batch 4 --target "$1" -o "$work/cropped.c" || return 1
    flags=$(sed -n 's/^ \* Fast with \(.*\),$/\1/p' "$work/cropped.c")
    [ -n "$flags" ] && gcc $flags -Iruntime -S "$work/cropped.c" -o "$work/cropped.s" || return 1
    grep -q ' ? [a-z_0-9]*\[(long)' "$work/cropped.c" && ! grep vgather "$work/cropped.s"
}

for target in x86-64-v3 x86-64-v4; do
    check "$target: no gathers" gathers_nothing $target
done
finish
