#!/bin/sh
# What kernels.dl takes on a board: tests/metal/count.sh BOARD FOLDER writes FOLDER/BOARD.table, lines of instructions.txt.
set -eu
. tests/metal/metal.sh
board=$1 folder=$2 target=$(metal_target "$1") dlc=${dlc:-${BUILD:-build}/dlc}
mkdir -p "$folder/$board"
models=$(sed -n 's/^model \([a-z_]*\).*/\1/p' tests/metal/kernels.dl)
plugin=$folder/icount.so
[ -e "$plugin" ] || cc -O2 -fPIC -shared -fvisibility=hidden -o "$plugin" tests/metal/icount.c

# A kernel's multiply-accumulates, or else the elements of its result.
work_of() {
    macs=$($dlc tests/metal/kernels.dl --model "$1" --target "$target" -o "$folder/$board/$1.c" --report --json |
        sed -n 's/.*"function": "infer", "total": true, "macs": \([0-9]*\).*/\1/p')
    [ "$macs" = 0 ] || { echo "$1 $macs MACs"; return; }
    echo "$1 $(sed -n 's/^ \* out  *y: f32\[\(.*\)\]$/\1/p' "$folder/$board/$1.h" | sed 's/, / * /g' | xargs -I{} sh -c 'echo $(({}))') elements"
}

sources=
for model in $models; do
    work_of "$model"
done >"$folder/$board/work"
for model in $models; do
    sources="$sources $folder/$board/$model.c"
done
# shellcheck disable=SC2086
METAL_CFLAGS="-I$folder/$board" metal_build "$board" "$folder/$board/program" tests/metal/kernels.c $sources
METAL_MACHINE="-plugin $plugin,out=$folder/$board/counts" metal_run "$board" "$folder/$board/program"
compiler=$(metal_field "$board" 3)
{
    echo "compiler ${compiler%% *} $(${compiler%% *} -dumpfullversion)"
    python3 tests/metal/instructions.py table "$target" "$folder/$board/work" "$folder/$board/counts"
} >"$folder/$board.table"
