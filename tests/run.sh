#!/bin/sh
# Run test programs, one line for each with its time, the failures' output after them, and in the end `N passed, N failed,
# N skipped`; non-zero when something failed.   usage: [JOBS=2] [LIMIT=300] [LOGS=build/logs] tests/run.sh [NAME=]PROGRAM...
#
# A program is anything executable that speaks TAP (`ok 1 - name`, `not ok 2 - name`, `ok 3 # SKIP why`), as cmocka does when
# told and as tests/tap.sh helps scripts to. One that says nothing of the kind counts as one case, by its exit status.
set -u
logs=${LOGS:-build/logs}
export LOGS="$logs" LIMIT="${LIMIT:-300}" CMOCKA_MESSAGE_OUTPUT=TAP
export XDG_CACHE_HOME="${XDG_CACHE_HOME:-$PWD/build/cache}"

# one PROGRAM: run it, leave NAME.out and NAME.sum (passed failed skipped), print its line
if [ "${1:-}" = --one ]; then
    name=$(printf '%s' "${2%.sh}" | sed "s,^${BUILD:-build}/,,; s,^.*build/,,; s,tests/test_,,; s,tests/,,; s,/,-,g")
    out=$logs/$name.out
    begin=$(date +%s%N)
    timeout -k 5 "$LIMIT" "$2" >"$out" 2>&1 </dev/null
    status=$?
    ms=$((($(date +%s%N) - begin) / 1000000))
    set -- $(awk '/^(not )?ok.*# SKIP/ { s++; next } /^ok/ { p++ } /^not ok/ { f++ } END { print p + 0, f + 0, s + 0 }' "$out")
    if [ "$status" = 77 ]; then
        set -- "$1" "$2" $(($3 + 1))
    elif [ "$status" != 0 ] && [ "$2" = 0 ]; then
        set -- "$1" 1 "$3"
        [ "$status" != 124 ] || echo "stopped after $LIMIT s" >>"$out"
    elif [ "$status" = 0 ] && [ "$1$2$3" = 000 ]; then
        set -- 1 0 0
    fi
    echo "$1 $2 $3" >"$logs/$name.sum"
    word=ok
    [ "$1" != 0 ] || word=skipped
    [ "$2" = 0 ] || word=FAILED
    printf '%-8s%-44s%4d.%02d s  %d passed%s%s\n' $word "$name" $((ms / 1000)) $((ms % 1000 / 10)) "$1" \
        "$([ "$2" = 0 ] || echo ", $2 failed")" "$([ "$3" = 0 ] || echo ", $3 skipped")"
    exit 0
fi

rm -rf "$logs" && mkdir -p "$logs" || exit 2
printf '%s\n' "$@" | xargs -P "${JOBS:-2}" -n 1 "$0" --one
for sum in "$logs"/*.sum; do
    out=${sum%.sum}.out
    grep -H '# SKIP' "$out" /dev/null | sed 's,^.*/\([^/]*\)\.out:.*# SKIP *,skipped: \1: ,' | sort -u
    read -r _ failed _ <"$sum"
    [ "$failed" = 0 ] || { echo "---- $out" && tail -n 40 "$out"; }
done
cat "$logs"/*.sum | awk '{ p += $1; f += $2; s += $3 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 || p == 0 }'
