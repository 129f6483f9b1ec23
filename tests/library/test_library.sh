#!/bin/sh
# The library against numbers that dlc has no part in, by both engines. check_library.sh does it by the interpreter, and
# long_library.sh with the optimization that is usual: without any the compiler needs a fifth of the time, and what it makes of such C is
# compared in tests/differential as well.
. tests/tap.sh
printf '#!/bin/sh\nexec %s "$@" -O0\n' "${CC:-cc}" >"$work/cc" && chmod +x "$work/cc" || exit 2

# by ENGINE FAMILY.dl
by() {
    CC=$work/cc "$build/library" "$1" "$2"
}
for cases in tests/library/cases/*.dl; do
    for engine in tcc cc; do
        check "$(basename "$cases" .dl) $engine" by $engine "$cases"
    done
done
finish
