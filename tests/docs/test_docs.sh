#!/bin/sh
# The examples in README.md and docs/ are true. The line that opens a fenced block says what it is:
#
#   ```sh run               commands, which must succeed
#   ```c NAME.c             compiles without a warning; commands further down find it as NAME.c
#   ```dl                   definitions `dlc check` has nothing to say against
#   ```dl NAME.dl           the same; commands further down find it as NAME.dl
#   ```LANGUAGE of COMMAND  lines that COMMAND prints, in this order; a line of dots stands for any others
#
# Blocks of a page run from top to bottom in a folder that looks like the project's own, with build/dlc in it. Other blocks are only to be read.
set -u
. tests/tap.sh

case $work in /*) ;; *) work=$PWD/$work ;; esac
here=$work/project
mkdir -p "$here/build" "$work/block"
for entry in dsl_examples runtime compiler tests docs README.md; do
    [ ! -e "$entry" ] || ln -s "$PWD/$entry" "$here/$entry"
done
for program in dlc dlc-fuzz-graphs library models; do
    ln -s "$(cd "$build" && pwd)/$program" "$here/build/$program"
done
export XDG_CACHE_HOME="${XDG_CACHE_HOME:-$work/cache}"

# Each block of PAGE as block/N, what its first line says as block/N.says, where it begins as block/N.at
split_page() {
    awk -v page="$1" -v block="$work/block/" '
        BEGIN { gsub("/", "_", page) }
        /^```/ && !open { open = 1; file = sprintf("%s%s-%04d", block, page, NR)
                          print substr($0, 4) > (file ".says"); close(file ".says"); printf "" > file; next }
        /^```/ { open = 0; close(file); next }
        open { print > file }' "$1"
}

# The lines of $1 are among those of $2, in this order.
is_excerpt() {
    awk 'BEGIN { i = n = 0 }
         FNR == NR { if ($0 !~ /^ *\.\.\.$/ && $0 != "") want[n++] = $0; next }
         $0 == want[i] { i++ }
         END { if (i < n) { print "not printed, or not there:"; print want[i]; exit 1 } }' "$1" "$2"
}

# Functions that go elsewhere are in parentheses: a shell of their own.
run_block() (
    cd "$here" && PATH=$here/build:$PATH sh -eu "$1"
)

compile_block() (
    cp "$1" "$here/$2" && cd "$here" &&
        "${CC:-cc}" -std=c11 -Wall -Wextra -Wconversion -Wshadow -Werror -Iruntime -Ibuild -c -o /dev/null "$2"
)

check_block() (
    cp "$1" "$here/$2" && cd "$here" && build/dlc check "$2"
)

excerpt_block() {
    printf '%s\n' "$2" >"$work/command" && run_block "$work/command" >"$work/printed" && is_excerpt "$1" "$work/printed"
}

library_is_fresh() {
    "$dlc" doc --markdown >"$work/library.md" && diff docs/library.md "$work/library.md"
}

check "docs/library.md is fresh (or make docs/library.md)" library_is_fresh
for page in README.md docs/*.md; do
    split_page "$page"
done
for says in "$work"/block/*.says; do
    block=${says%.says}
    name=$(basename "$block" | sed 's/^docs_//; s/-0*\([0-9]*\)$/, line \1/')
    read -r language what command <"$says" || true
    case "$language $what" in
    "sh run") check "$name: runs" run_block "$block" ;;
    *" of") check "$name: $command" excerpt_block "$block" "$command" ;;
    "c "*.c) check "$name: compiles" compile_block "$block" "$what" ;;
    "dl "*) check "$name: is sound" check_block "$block" "${what:-block.dl}" ;;
    esac
done
finish
