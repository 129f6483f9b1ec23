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

# No multiply-add is fused, although flags allow it and the machine could.
fuses_nothing() { # fuses_nothing FILE.c COMPILER FLAG
    "$2" "$3" -O2 -march=haswell -Iruntime -I"$work" -S -o "$work/fused.s" "$1" && grep -q vmulss "$work/fused.s" &&
        ! grep vfn*m "$work/fused.s"
}

# What could be worked out of weights alone is computed at run time, as where they are no constants.
folds_nothing() {
    cat >"$work/folded.dl" <<'END'
model folded {
    input image: f32[28, 28, 1]
    param size: f32[784] = normal(1)
    logits = dense(flatten(image) * sin(size), 10)
    output probs = softmax(logits)
    train { target label: i32; loss = cross_entropy(logits, label); optimizer adam() }
}
END
    $dlc train "$work/folded.dl" --data "$work/digits" --epochs 1 --jit tcc -o "$work/folded.safetensors" &&
        $dlc "$work/folded.dl" --weights "$work/folded.safetensors" --deterministic -o - | grep 'dl_sin(' &&
        ! $dlc "$work/folded.dl" --weights "$work/folded.safetensors" -o - | grep 'dl_sin('
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
check "nothing is fused by gcc" fuses_nothing "$work/mlp.c" gcc -ffp-contract=fast
check "nothing is fused by clang" fuses_nothing "$work/mlp.c" clang -ffp-contract=on
check "nor do the flags of a target say so" sh -c "$dlc dsl_examples/mlp.dl --deterministic --target x86-64-v4 -o - | sed -n 1,3p | grep -e -ffp-contract=off"
check "nothing is folded" folds_nothing
# Plans by what is best on this machine: vectors, panels, blocks, parts of the batch, weights read to and fro, against libtcc's plain loops.
check "rnn by three threads, as by libtcc" "$build/bits" --deterministic dsl_examples/rnn.dl 16 3 LENGTH=4
printf '#!/bin/sh\nexec %s "$@" -O0\n' "${CC:-cc}" >"$work/cc" && chmod +x "$work/cc" || exit 2     # compilers are done sooner
check "resnet, as by libtcc" env CC="$work/cc" "$build/bits" --deterministic dsl_examples/resnet.dl 4 1
check "small_cnn, as by libtcc" env CC="$work/cc" "$build/bits" --deterministic dsl_examples/small_cnn.dl 4 1
check "ds_cnn, as by libtcc" env CC="$work/cc" "$build/bits" --deterministic dsl_examples/ds_cnn.dl 32 1
check "and right" $dlc verify dsl_examples/mlp.dl --deterministic --batch 2 --steps 1 --jit tcc
finish
