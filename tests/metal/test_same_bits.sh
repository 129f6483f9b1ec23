#!/bin/sh
# --deterministic: the article's models and an encoder train to the same bits here, by several compilers, threads and in memory, and on
# boards; `make test-targets` tries more of each.
. tests/metal/same_bits.sh
METAL_LIMIT=900
export METAL_LIMIT
# Flags do not matter: with these compilers are done sooner.
[ -n "${METAL_BOARDS:-}" ] || { BITS_HERE="tcc avx2-clang" boards="cortex-m4f wasm32-simd128"; export METAL_CFLAGS=-O1; }

# What is recorded does not fit the stm32f405.
boards=$(printf '%s\n' $boards | grep -vx stm32f405)
same_bits rnn --train-batch 2 --set LENGTH=5 --set VOCABULARY=50 --limit tokens=50
[ -n "${METAL_BOARDS:-}" ] || { boards=cortex-m4f BITS_HERE="tcc avx512"; }
same_bits cnn --train-batch 1
[ -n "${METAL_BOARDS:-}" ] || { boards=rv32imafc BITS_HERE="gcc-O0 tcc"; }
same_bits encoder --train-batch 3 --set LENGTH=6 --set VOCABULARY=50 --set WIDTH=16 --set BLOCKS=1 --limit tokens=50

# Other kinds of kernels, here alone.
if [ -n "${METAL_BOARDS:-}" ]; then
    boards=
    same_bits gru_attention --train-batch 3 --set LENGTH=6 --set VOCABULARY=50 --limit tokens=50
    same_bits resnet --train-batch 3 --set SIZE=8
    same_bits ds_cnn --train-batch 2 --set FILTERS=16 --set BLOCKS=1 --limit word=12
    same_bits autoencoder --train-batch 8
fi

# trained NAME OPTION...: weights of a training in memory
trained() {
    name=$1
    shift
    $dlc train dsl_examples/mlp.dl --data "$work/digits" --epochs 1 --batch 24 --seed 3 --deterministic -o "$work/$name.safetensors" "$@"
}

as_tcc() {
    trained "$@" && cmp "$work/tcc.safetensors" "$work/$1.safetensors"
}

# What it is not for says so.
refuses() {
    ! gcc -fsyntax-only $1 -Iruntime -I"$work" "$work/mlp.c" 2>"$work/refused" && grep -q 'made with --deterministic' "$work/refused"
}

export XDG_CACHE_HOME="$work/cache"
check "digits" $dlc data digits "$work/digits" --train 96 --test 24
check "in memory by libtcc" trained tcc --jit tcc
for threads in 1 3; do
    check "in memory by cc, threads: $threads" as_tcc "cc-$threads" --jit cc --threads $threads
done
check "in memory by libtcc, threads: 2" as_tcc tcc-2 --jit tcc --threads 2
check "C is written" $dlc dsl_examples/mlp.dl --deterministic -o "$work/mlp.c"
for flags in -ffast-math -Ofast '-mfpmath=387 -m32 -mno-sse -ffreestanding' -ffinite-math-only; do
    check "not for $flags" refuses "$flags"
done
check "and right" $dlc verify dsl_examples/mlp.dl --deterministic --batch 2 --steps 1 --jit tcc
finish
