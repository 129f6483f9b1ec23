# emitted NAME [--train] [--batch N] [--train-batch N] [--set K=V]... [--limit INPUT=N]...: the C of dsl_examples/NAME.dl, or of
# NAME.dl in tests/differential, compiles everywhere without a warning, has in it only what a firmware image may have, and computes what the interpreter does.
. tests/tap.sh

strict='-Wall -Wextra -Wconversion -Wshadow -pedantic -Werror'
fast='-ffp-contract=fast -fno-math-errno -fno-trapping-math'
guard='-g -fsanitize=address,undefined -fno-sanitize-recover=all'
runtime="-isystem tests/differential -Iruntime"

# Twice, from different folders and environments.
same_bytes() {
    here=$(pwd)
    (cd / && env -i TZ=Asia/Tokyo LC_ALL=de_DE.UTF-8 "$here/$dlc" "$here/$model" -o "$here/$work/again.c" --name "$name" $args) &&
        sed "s/again\.h/$name.h/" "$work/again.c" | cmp - "$work/$name.c" && cmp "$work/again.h" "$work/$name.h"
}

# The functions' stack frames have a bound, and no function calls itself, also not through others.
fixed_stack() {
    top=$(pwd)
    (cd "$work" && gcc -O0 -std=c99 -fstack-usage -fcallgraph-info -I"$top/runtime" -I. -c "$name.c" -o frames.o) || return 1
    ! grep -vE '(static|bounded)$' "$work/frames.su" || return 1
    sed -n 's/^edge: *{ sourcename: "\([^"]*\)" targetname: "\([^"]*\)".*/\1 \2/p' "$work/frames.ci" | tsort >/dev/null
}

# Nothing from a library but what compilers themselves call, no variable outside functions.
self_contained() {
    ! nm "$1" | grep -E ' [BbDdGgSsCVv] ' | grep -vE ' (\.L|L\.|data\.|rodata\.)' || return 1
    ! nm -u "$1" | grep -vE ' U (memset|memcpy|memmove|memcmp)$'
}

# compiled LABEL COMPILER FLAGS...: the model under all warnings, then the driver
compiled() {
    label=$1
    shift
    "$@" -std=c99 $strict $runtime -I"$folder" -c -o "$work/$label.o" "$folder/$name.c" &&
        "$@" -std=c99 $runtime -I"$folder" -o "$work/$label" "$work/driver.c" "$work/$label.o"
}

agrees() {
    "$work/$1" "$work/inputs.bin" "$work/$1.bin" && "$build/reference" --compare "$work/expected.bin" "$work/$1.bin"
}

in_memory() {
    "$build/reference" "$model" -o "$work" "$@" --engine "$engine" &&
        "$build/reference" --compare "$work/expected.bin" "$work/$engine.bin"
}

compiled_and_agrees() {
    check "$1: compiles without a warning" compiled "$@"
    check "$1: computes what the interpreter does" agrees "$1"
}

# What both kinds begin with.
begin_emitted() {
    name=$1 folder=$work model=dsl_examples/$1.dl
    [ -e "$model" ] || model=tests/differential/$name.dl
    shift
    args=$(printf '%s\n' "$@" | awk '/^--limit$/ { getline; next } { print }')
    check "interpreted" "$build/reference" "$model" -o "$work" "$@"
    check "C is written" $dlc "$model" -o "$work/$name.c" $args
    check "the header is C++" g++ -fsyntax-only -Wall -Wextra -pedantic -Werror $runtime -I"$folder" -x c++ "$work/$name.h"
}

begin_native() {
    folder=$work/native
    mkdir "$folder"
    check "C for this machine is written" $dlc "$model" -o "$folder/$name.c" --target native $args
}

# One compiler of each kind: for what the examples do not have, and for those that long_*.sh has in full.
emitted_quickly() {
    begin_emitted "$@"
    shift
    engine=tcc
    check "in memory with tcc" in_memory "$@"
    compiled_and_agrees gcc-sanitized gcc -O0 $guard
    compiled_and_agrees clang-O1 clang -O1 -Wvla
    compiled_and_agrees tcc tcc
    check "clang-O1: needs no library, keeps no variables" self_contained "$work/clang-O1.o"
    begin_native
    compiled_and_agrees gcc-native-O1 gcc -O1 -march=native $fast
    finish
}

emitted() {
    begin_emitted "$@"
    shift
    check "same file, same bytes" same_bytes
    check "no recursion, no variable-length arrays" fixed_stack
    for engine in tcc cc; do
        check "in memory with $engine" in_memory "$@"
    done
    compiled_and_agrees gcc-O0 gcc -O0 -Wvla
    compiled_and_agrees gcc-O2 gcc -O2 $fast
    compiled_and_agrees clang-O0 clang -O0 -Wvla
    compiled_and_agrees clang-O2 clang -O2 $fast
    compiled_and_agrees tcc tcc
    for label in gcc-O0 gcc-O2 clang-O0 clang-O2 tcc; do
        check "$label: needs no library, keeps no variables" self_contained "$work/$label.o"
    done
    compiled_and_agrees gcc-sanitized gcc -O0 $guard
    begin_native
    compiled_and_agrees gcc-native-O2 gcc -O2 -march=native $fast
    compiled_and_agrees clang-native-O2 clang -O2 -march=native $fast
    compiled_and_agrees clang-native-sanitized clang -O0 -march=native $guard
    finish
}
