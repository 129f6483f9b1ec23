#!/bin/sh
# Each header of the runtime stands alone, as C99 and as C++, without a warning.
set -u
. tests/tap.sh

warnings="-Wall -Wextra -Wconversion -Wsign-conversion -Wdouble-promotion -Wshadow -pedantic -Werror"
for header in runtime/*.h; do
    unit=$work/$(basename "$header" .h).c
    printf '#include "%s"\ntypedef int unit;\n' "$header" >"$unit"
    check "$header: gcc" gcc -std=c99 -O2 $warnings -I. -c -o "$unit.o" "$unit"
    check "$header: clang" clang -std=c99 $warnings -I. -fsyntax-only "$unit"
    check "$header: tcc" tcc -Wall -Werror -I. -c -o "$unit.o" "$unit"
    check "$header: g++" g++ -x c++ -std=c++11 $warnings -I. -fsyntax-only "$unit"
done
finish
