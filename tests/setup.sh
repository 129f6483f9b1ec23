#!/bin/sh
# Install what building and testing dlc needs: with apt where it exists, in one go and only what is missing; elsewhere
# say what is missing. Quick when nothing is. Exits non-zero only if something is missing in the end.
#   setup.sh          all of it
#   setup.sh build    only what building needs
set -u

# what is needed | how to tell that it is there | the Debian package
needs='
a C compiler          command:cc              build-essential
make                  command:make            build-essential
the C library         header:stdio.h          build-essential
flex                  command:flex            flex
bison 3               command:bison           bison
libtcc                header:libtcc.h         libtcc-dev
jansson               header:jansson.h        libjansson-dev
zlib                  header:zlib.h           zlib1g-dev
'
for_tests='
gcc                   command:gcc             gcc
clang                 command:clang           clang
sanitizers, libFuzzer clang:fuzzer,address    libclang-rt-dev
tcc                   command:tcc             tcc
cmocka                header:cmocka.h         libcmocka-dev
python3               command:python3         python3
mandoc                command:mandoc          mandoc
cmake                 command:cmake           cmake
pkg-config            command:pkg-config      pkg-config
gcc for Arm cores     command:arm-none-eabi-gcc gcc-arm-none-eabi
Arm boards            command:qemu-system-arm qemu-system-arm
gcc for RISC-V cores  command:riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf
a RISC-V board        command:qemu-system-riscv32 qemu-system-misc
a WebAssembly linker  command:wasm-ld         lld
WebAssembly           command:node            nodejs
'
[ "${1:-}" = build ] || needs=$needs$for_tests

# has command:NAME | has header:NAME | has clang:SANITIZERS
has() {
    case $1 in
    command:*) command -v "${1#command:}" >/dev/null 2>&1 ;;
    clang:*)
        printf 'int LLVMFuzzerTestOneInput(const char *bytes, long n);\nint LLVMFuzzerTestOneInput(const char *bytes, long n) { return bytes[n] * 0; }\n' |
            clang -fsanitize="${1#clang:}" -x c -o /dev/null - >/dev/null 2>&1 ;;
    header:cmocka.h) # wants these before it
        printf '#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n#include <stdint.h>\n#include <cmocka.h>\n' |
            "${CC:-cc}" -E -o /dev/null - >/dev/null 2>&1 ;;
    header:*) printf '#include <%s>\n' "${1#header:}" | "${CC:-cc}" -E -o /dev/null - >/dev/null 2>&1 ;;
    esac
}

# The lines of needs that are not met, as: check package name...
missing() {
    printf '%s' "$needs" | sed -n 's/^\(.*[^ ]\)  *\([a-z]*:[^ ]*\)  *\([^ ]*\)$/\2 \3 \1/p' |
        while read -r check package name; do
            has "$check" || printf '%s %s %s\n' "$check" "$package" "$name"
        done
}

lacking=$(missing)
if [ -z "$lacking" ]; then
    echo "nothing is missing"
    exit 0
fi

if command -v apt-get >/dev/null 2>&1; then
    packages=$(printf '%s\n' "$lacking" | awk '{ print $2 }' | sort -u | tr '\n' ' ')
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    echo "installing: $packages"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    $as_root apt-get install -y --no-install-recommends $packages ||
        { $as_root apt-get update && $as_root apt-get install -y --no-install-recommends $packages; }
    lacking=$(missing)
fi

if [ -n "$lacking" ]; then
    echo "missing:" >&2
    printf '%s\n' "$lacking" | sed 's/^[^ ]* \([^ ]*\) \(.*\)/  \2 (Debian: \1)/' >&2
    exit 1
fi
