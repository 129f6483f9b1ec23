#!/bin/sh
# SPDX-License-Identifier: MIT
# What is installed can be used from elsewhere: by CMake, by make with pkg-config; and goes away again.
set -u
. tests/tap.sh

case $work in /*) ;; *) work=$PWD/$work ;; esac
first=$work/first at="$work/a place"      # installed in one folder, used in another

install_it() {
    make -s BUILD="$build" PREFIX=/opt/dlc DESTDIR="$first" install && mkdir -p "$at" && mv "$first/opt/dlc" "$at/" &&
        at=$at/dlc && "$at/bin/dlc" --version && ! grep -rn "@VERSION@\|$work" "$at/share"
}

weights() { # of lines.dl, whatever they are
    mkdir -p "$work/data/train" && ln -s train "$work/data/val" && python3 - "$work/data/train" <<'END'
import struct, sys
def npy(name, values, shape):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    with open(f"{sys.argv[1]}/{name}.npy", "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(values)}f", *values))
npy("x", [k / 24 for k in range(24)], "(8, 3)")
npy("t", [k / 8 for k in range(8)], "(8,)")
END
    "$dlc" train tests/install/lines.dl --data "$work/data" --epochs 1 --batch 8 --jit tcc -o "$work/lines.safetensors"
}

configure() {
    cmake -S tests/install -B "$work/cmake" -DCMAKE_PREFIX_PATH="$at" -DWEIGHTS="$work/lines.safetensors" \
        -DCMAKE_C_FLAGS="-Wall -Wextra -Werror -DHIDDEN=6" -DCMAKE_BUILD_TYPE=MinSizeRel "$@"
}


rebuilds() {
    mkdir -p "$work/copy" && cp tests/install/*.* "$work/copy/" &&
        cmake -S "$work/copy" -B "$work/again" -DCMAKE_PREFIX_PATH="$at" -DWEIGHTS="$work/lines.safetensors" \
            -DCMAKE_C_FLAGS=-DHIDDEN=6 >/dev/null && cmake --build "$work/again" >/dev/null &&
        cp "$work/again/lines.dlc/lines.c" "$work/before.c" && sleep 1 &&
        sed -i 's/learning_rate = 0.01/learning_rate = 0.02/' "$work/copy/lines.dl" && cmake --build "$work/again" >/dev/null &&
        ! cmp -s "$work/before.c" "$work/again/lines.dlc/lines.c"
}

# A library for a microcontroller, as docs/firmware.md has it.
for_a_board() {
    mkdir -p "$work/board" && cp dsl_examples/small_cnn.dl "$work/board/" && {
        printf 'cmake_minimum_required(VERSION 3.16)\nproject(board C)\nfind_package(dlc REQUIRED)\n'
        grep -o 'dlc_add_model(learn_cnn small_cnn.dl[^`]*)' docs/firmware.md
    } >"$work/board/CMakeLists.txt" && grep -q dlc_add_model "$work/board/CMakeLists.txt" &&
        cmake -S "$work/board" -B "$work/board/build" -DCMAKE_PREFIX_PATH="$at" -DCMAKE_SYSTEM_NAME=Generic -DCMAKE_C_COMPILER=arm-none-eabi-gcc \
            -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=BOTH >"$work/said" 2>&1 &&
        cmake --build "$work/board/build" && arm-none-eabi-nm "$work/board/build/liblearn_cnn.a" | grep 'T learn_cnn_train_step' &&
        arm-none-eabi-readelf -A "$work/board/build/liblearn_cnn.a" | grep 'Tag_FP_arch: VFPv4-D16'
}

has_flags() {
    configure -B "$work/$1" -DCMAKE_C_COMPILER="$1" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >"$work/said" 2>&1 &&
        grep 'ruler\.c' "$work/$1/compile_commands.json" >"$work/command" && grep -e "$2" "$work/command" && ! grep -e "$3" "$work/command"
}

# flags_of COMPILER HAS NOT: it gets the flags of its own, and none of the other's
flags_of() {
    if command -v "$1" >/dev/null; then
        check "cmake: flags of $1" has_flags "$@"
    else
        skip "cmake: flags of $1" "it is not there"
    fi
}

# complains WORDS ARGUMENTS OF dlc_add_model...
complains() {
    words=$1
    shift
    mkdir -p "$work/wrong" && cp tests/install/*.dl "$work/wrong" && {
        printf 'cmake_minimum_required(VERSION 3.16)\nproject(wrong C)\nfind_package(dlc REQUIRED)\n'
        printf 'dlc_add_model(lines lines.dl %s)\n' "$*"
    } >"$work/wrong/CMakeLists.txt"
    ! cmake -S "$work/wrong" -B "$work/wrong/build" -DCMAKE_PREFIX_PATH="$at" >"$work/said" 2>&1 && grep "$words" "$work/said"
}

another_version() {
    sed 's/find_package(dlc REQUIRED)/find_package(dlc 99 REQUIRED)/; /dlc_add/d' "$work/wrong/CMakeLists.txt" >"$work/wrong/new" &&
        mv "$work/wrong/new" "$work/wrong/CMakeLists.txt" &&
        ! cmake -S "$work/wrong" -B "$work/wrong/build2" -DCMAKE_PREFIX_PATH="$at" >"$work/said" 2>&1 && grep "requested version" "$work/said"
}

by_pkg_config() {
    export PKG_CONFIG_PATH="$at/share/pkgconfig"
    [ "$(pkg-config --modversion dlc)" = "$("$dlc" --version | cut -d' ' -f2)" ] || return 1
    eval "$(pkg-config --variable=dlc dlc)" tests/install/lines.dl --train --train-batch 8 -o "$work/lines.c" &&
        eval "${CC:-cc}" -std=c11 -Wall -Wextra -Werror -DONE_MODEL -DHIDDEN=4 -I"$work" "$(pkg-config --cflags dlc)" tests/install/main.c \
            "$work/lines.c" "$(pkg-config --variable=includedir dlc)/dl_store.c" -o "$work/lines" && "$work/lines"
}

uninstalled() {
    make -s BUILD="$build" PREFIX=/usr DESTDIR="$work/gone" install && make -s PREFIX=/usr DESTDIR="$work/gone" uninstall &&
        [ -z "$(find "$work/gone" -type f)" ]
}

check "make install" install_it
check "weights" weights
if command -v cmake >/dev/null; then
    check "cmake: configures" configure
    check "cmake: builds without a warning" cmake --build "$work/cmake"
    check "cmake: trains, saves, loads, infers" "$work/cmake/two_models"
    check "cmake: a changed model is built anew" rebuilds
    if command -v arm-none-eabi-gcc >/dev/null; then
        check "cmake: for a board" for_a_board
    else
        skip "cmake: for a board" "arm-none-eabi-gcc is not there"
    fi
    flags_of gcc -fno-inline-functions-called-once '-fno-inline-functions '
    flags_of clang '-fno-inline-functions ' '-fno-inline-functions-called-once'
    check "cmake: a word that is none" complains "not understood: BACTH;4" BACTH 4
    check "cmake: no such target" complains "does not list pdp11" TARGET pdp11
    check "cmake: of another version" another_version
else
    skip cmake "it is not there"
fi
if command -v pkg-config >/dev/null; then
    check "pkg-config" by_pkg_config
else
    skip pkg-config "it is not there"
fi
check "make uninstall leaves nothing" uninstalled
finish
