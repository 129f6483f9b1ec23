#!/bin/sh
# Every example's compiled code is right: code in memory by both engines, and the files of dlc -o. Smaller where constants allow it.
. tests/tap.sh

sizes="LENGTH=5 VOCABULARY=30 SIZE=16 WIDTH=16 BLOCKS=1 MIDDLE=1 FILTERS=8 CLASSES=10"

right() {   # right MODEL OPTIONS...: says so, of as many functions as it should
    model=$1
    shift
    set -- "$@" --steps 1 --batch 2
    for size in $sizes; do
        case "$* " in *"--set ${size%=*}="*) continue ;; esac
        ! grep -q "^const ${size%=*} " "$model" || set -- "$@" --set "$size"
    done
    $dlc verify "$model" "$@" >"$work/said" && grep -q 'the compiled code is right' "$work/said" &&
        ! grep -q WRONG "$work/said" || { grep -A1 WRONG "$work/said"; return 1; }
    ! grep -q 'train {' "$model" || grep -q '^train_step .*each is right' "$work/said"
}

for model in dsl_examples/*.dl; do
    case $model in
    */small_cnn.dl) check "$model, cc" right "$model" --jit cc ;;
    */resnet.dl | */mobilenet.dl) check "$model, tcc" right "$model" --jit tcc --set SIZE=8 ;;
    */resnet18.dl) ;; # has nothing that resnet has not
    */rnn.dl) ;; # nor this what attention has not
    */gru_attention.dl) ;; # check_verify.sh has it
    */mlp.dl) ;; # below
    *) check "$model, tcc" right "$model" --jit tcc ;;
    esac
done
check "the files of dlc -o" right dsl_examples/encoder.dl --cc "cc -O1"
check "the files of dlc -o for this machine" right dsl_examples/mlp.dl --cc "cc -O2 -march=native" --target native
finish
