# For test scripts: `. tests/tap.sh`, then `check NAME COMMAND...` for each case, `skip NAME WHY` where one cannot run, `finish`
# in the end. What a failing command printed is shown. $build is the build folder, $dlc the compiler, $work an empty folder.
# TAP_CPU=1 in the environment: behind each case the seconds of processor time until its end, all before it included.
build=${BUILD:-build}
dlc=$build/dlc
tap_cases=0 tap_failed=0
work=$build/work/$(basename "$0" .sh)
rm -rf "$work" && mkdir -p "$work" || exit 2

check() {
    tap_name=$1
    shift
    tap_cases=$((tap_cases + 1))
    if "$@" >"$work/tap.out" 2>&1; then
        echo "ok $tap_cases - $tap_name"
    else
        tap_failed=$((tap_failed + 1))
        echo "not ok $tap_cases - $tap_name"
        tail -n 20 "$work/tap.out" | sed 's/^/# /'
    fi
    [ -z "${TAP_CPU:-}" ] || { times >"$work/tap.times" && awk -F '[ms ]+' 'NR == 2 { print "# " $1 * 60 + $2 + $3 * 60 + $4 " s" }' "$work/tap.times"; }
}

skip() {
    tap_cases=$((tap_cases + 1))
    echo "ok $tap_cases # SKIP $1: $2"
}

finish() {
    echo "1..$tap_cases"
    [ "$tap_failed" = 0 ] || exit 1
    exit 0
}
