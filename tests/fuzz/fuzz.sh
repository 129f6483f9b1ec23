# For test scripts, behind tap.sh: `fuzz TARGET OPTION...` runs a target of build/asan/fuzz from its seeds, and fails where an
# input crashes, leaks, takes more than 1.5 GB or more than TIMEOUT (30) seconds; it is kept in build/fuzz. Targets, the greatest length of
# their inputs, and which part in a thousand of a run by count each has (the slower, the fewer):
targets='
model        2048   10
graph        4096   10
parse        2048   40
safetensors  2048  170
tsv          2048  210
npy          1024  270
idx          1024  290
'
seeds_of() {
    [ ! -d "tests/fuzz/corpus/$1" ] || echo "tests/fuzz/corpus/$1"
    case $1 in
    parse | model) echo tests/errors dsl_examples ;;
    esac
}

fuzz() {
    target=$1
    most=$(echo "$targets" | awk -v name="$1" '$1 == name { print $2 }')
    shift
    mkdir -p "$work/$target" build/fuzz
    # shellcheck disable=SC2046
    build/asan/fuzz/"$target" -entropic=0 -reload=0 -max_len="$most" -timeout="${TIMEOUT:-30}" -rss_limit_mb=1536 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/$target-" "$@" "$work/$target" $(seeds_of "$target") >"$work/$target.log" 2>&1
    status=$?
    if [ $status != 0 ]; then
        grep -B 2 -A 25 -E 'ERROR|runtime error|internal error|Test unit written' "$work/$target.log" | head -n 60
        return 1
    fi
    sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\) second.*/\1 inputs in \2 s/p' "$work/$target.log"
}
