#!/bin/sh
# The library against numbers that dlc has no part in, by the interpreter; whether every definition has such numbers; and whether
# they are those of the formulas beside them, without running the formulas: that would need PyTorch.
. tests/tap.sh
here=tests/library

for cases in "$here"/cases/*.dl; do
    check "$(basename "$cases" .dl)" "$build/library" interpret64 "$cases"
done

check "every definition of the library has a case" "$build/library" --cover "$here"/cases/*.dl "$here/exempt.txt"

# written FAMILY.dl: its first line is "# CHECKSUM FAMILY.py".
written() {
    sed -n '1s/^# //p' "$1" | (cd "$here" && sed 's/ /  /' | sha256sum --check --strict -) ||
        { echo "make reference FAMILIES=$(basename "$1" .dl)" && false; }
}
for cases in "$here"/cases/*.dl; do
    check "$(basename "$cases") is what make.py wrote" written "$cases"
done

# without FILE...: none imports what only `make reference` and `make bench` may need.
without() {
    ! grep -lE '(import|from) +(torch|numpy|scipy)' "$@"
}
check "no test needs PyTorch" without $(find tests -type f \( -name '*.sh' -o -name '*.py' -o -name '*.mk' \) \
    ! -path 'tests/library/*.py' ! -path 'tests/bench/*' ! -path "$here/check_library.sh") Makefile
finish
