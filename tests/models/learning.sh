# For tests that train: accuracy_of MODEL DATA ARGUMENTS... trains and prints the test accuracy after the last epoch; at_least
# compares. A failing check shows what was reached.
. tests/tap.sh

last_accuracy() { sed -n 's/.*"split": "test".*"accuracy": \([0-9.]*\).*/\1/p' | tail -n 1; }

accuracy_of() {
    model=$1 data=$2
    shift 2
    "$dlc" train "dsl_examples/$model.dl" --data "$data" "$@" --json 2>"$work/train.err" | last_accuracy
}

at_least() {
    echo "accuracy ${2:-(none)}, wanted $1"
    [ -n "${2:-}" ] || cat "$work/train.err"
    awk "BEGIN { exit !(${2:-0} >= $1) }"
}

# reaches WANTED MODEL DATA ARGUMENTS...
reaches() {
    wanted=$1
    shift
    at_least "$wanted" "$(accuracy_of "$@")"
}

# learns FACTOR ACCURACY MODEL DATA ARGUMENTS...: the training loss of the last epoch is at most FACTOR times that of the first, and
# the accuracy on the test examples at least ACCURACY (-: there is none)
learns() {
    factor=$1 accuracy=$2 model=$3 data=$4
    shift 4
    "$dlc" train "dsl_examples/$model.dl" --data "$data" "$@" --json 2>"$work/train.err" >"$work/epochs" || return 1
    cat "$work/train.err" "$work/epochs"
    sed -n 's/.*"split": "train", "loss": \([0-9.e-]*\).*/\1/p' "$work/epochs" |
        awk -v factor="$factor" 'NR == 1 { first = $1 } { last = $1 } END { exit !(NR > 1 && last <= factor * first) }' &&
        { [ "$accuracy" = - ] || at_least "$accuracy" "$(last_accuracy <"$work/epochs")"; }
}
