# For tests that train: accuracy_of MODEL DATA ARGUMENTS... trains and prints the test accuracy after the last epoch; at_least
# compares. A failing check shows what was reached.
. tests/tap.sh

accuracy_of() {
    model=$1 data=$2
    shift 2
    "$dlc" train "dsl_examples/$model.dl" --data "$data" "$@" --json 2>"$work/train.err" |
        sed -n 's/.*"split": "test".*"accuracy": \([0-9.]*\).*/\1/p' | tail -n 1
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
