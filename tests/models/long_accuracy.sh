#!/bin/sh
# What the three programs reach on real data, from three seeds: MNIST and the ten domains of CLINC150 in DLC_DATA (or ../shared/data);
# and how long an epoch takes without a compiler.   usage: tests/models/long_accuracy.sh [cnn|rnn|attention|time]...
. tests/models/learning.sh
data=${DLC_DATA:-../shared/data}
[ $# -gt 0 ] || set -- cnn rnn attention time

texts() {
    "$dlc" data text "$data/clinc150/domain10_train.tsv" "$data/clinc150/domain10_test.tsv" --vocab 10000 --length 32 -o "$work/clinc150"
}

# three MEAN WORST MODEL DATA ARGUMENTS...
three() {
    mean=$1 worst=$2
    shift 2
    reached=$(for seed in 1 2 3; do accuracy_of "$@" --seed $seed; done | tr '\n' ' ')
    echo "reached $reached"
    echo "$reached" | awk -v mean="$mean" -v worst="$worst" '
        { exit !(NF == 3 && ($1 + $2 + $3) / 3 >= mean && $1 >= worst && $2 >= worst && $3 >= worst) }'
}

# One epoch over 12000 generated digits with libtcc.
quick_epoch() {
    "$dlc" data digits "$work/digits" --train 12000 --test 2000 || return 1
    begin=$(date +%s)
    reached=$(accuracy_of cnn "$work/digits" --epochs 1 --jit tcc)
    took=$(($(date +%s) - begin))
    echo "took $took s, accuracy $reached"
    [ "$took" -lt 90 ] && at_least 0.9 "$reached"
}

figures() { sed 's/^/# /' "$work/tap.out"; }

for what in "$@"; do
    case $what in
    cnn)
        if [ -d "$data/mnist" ]; then
            check "CNN on MNIST, 5 epochs: mean 0.989, worst 0.986" three 0.989 0.986 cnn "$data/mnist" --epochs 5 --batch 32
            figures
        else
            skip "CNN on MNIST" "no $data/mnist"
        fi ;;
    rnn | attention)
        if [ -d "$data/clinc150" ]; then
            [ "$what" = rnn ] && worst=0.92 || worst=0.86
            texts >/dev/null
            check "$what on CLINC150, 10 epochs: worst $worst" three 0 $worst $what "$work/clinc150" --set LENGTH=32 --epochs 10 --batch 32
            figures
        else
            skip "$what on CLINC150" "no $data/clinc150"
        fi ;;
    time)
        check "CNN, an epoch of 12000 digits with tcc under 90 s" quick_epoch
        figures ;;
    esac
done
finish
