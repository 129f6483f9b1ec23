# For scripts that run C on a board of boards.txt: `. tests/metal/metal.sh`, from the project's top.
#
#   metal_boards                        their names
#   metal_target BOARD                  what --target of dlc is for it
#   metal_has BOARD                     is what compiles and runs for it installed?
#   metal_compile BOARD OUT.o SOURCE.c  compiles one file, as it will be in a program
#   metal_build BOARD OUT SOURCE.c...   compiles and links a program, of objects too; OUT.map says what lies where
#   metal_closed BOARD OBJECT.o         does it need nothing but its compiler's own library (soft floats)?
#   metal_run BOARD OUT [ARGUMENT...]   runs it: its standard output, and its exit status
#
# A program is C for metal.h: it has metal_main, reads and writes files of this machine (paths are relative to the folder that metal_run is
# called in) and ends with a status. A fault of an Arm core ends it with 100 and the exception's number, one of RISC-V with 120 and the
# cause, and one that takes longer than METAL_LIMIT seconds (60) with 124. A stack that was not enough gives 99 where the program gets to its end,
# and otherwise whatever comes of it: where a fault has no stack, QEMU ends with 134.
#
# Where the environment has them,
#   METAL_CFLAGS        are flags of the compiler, behind all others: -Os, -DNAME, -Wl,--defsym=STACK_BYTES=4096 (16384 bytes otherwise)
#   METAL_CC            is the compiler, instead of the table's: "clang -O0" for the host
#   METAL_MACHINE       are options of the emulator: "-plugin count.so", "-icount shift=6,sleep=off"
# dlc is $dlc, or build/dlc.

metal_field() { # metal_field BOARD N: of its row
    awk -F ' *[|] *' -v board="$1" -v n="$2" '!/^#/ && $1 == board { sub(/ *$/, "", $n); print $n; found = 1 } END { exit !found }' \
        tests/metal/boards.txt || { echo "no board is called $1" >&2; return 2; }
}

metal_boards() {
    awk '!/^#/ { print $1 }' tests/metal/boards.txt
}

metal_target() {
    metal_field "$1" 2
}

metal_has() {
    metal_compiler=$(metal_field "$1" 3) && metal_machine=$(metal_field "$1" 5) || return 2
    command -v ${metal_compiler%% *} >/dev/null && { [ "$metal_machine" = - ] || command -v ${metal_machine%% *} >/dev/null; } &&
        case $1 in wasm*) command -v wasm-ld >/dev/null ;; esac
}

# Flags that say which machine the code is for, and that it is to be fast: what `dlc targets` has, and the table.
metal_flags() {
    metal_name=$(metal_target "$1") || return
    "${dlc:-build/dlc}" targets | sed -n "/^native is/,\$s/^$metal_name  *//p" | sed 's/, of clang .*//; s/, of gcc also / /'
}

metal_begin() { # what all uses of the board's compiler have in common
    metal_board=$1
    metal_compiler=${METAL_CC:-$(metal_field "$metal_board" 3)} && metal_script=$(metal_field "$metal_board" 4) || return
    metal_options="-std=c11 -Iruntime -Itests/metal"
    [ "$metal_board" = host ] ||
        metal_options="$(metal_flags "$metal_board") $metal_options -ffreestanding -ffunction-sections -fdata-sections"
}

metal_compile() {
    metal_begin "$1" || return
    # shellcheck disable=SC2086
    $metal_compiler $metal_options ${METAL_CFLAGS:-} -c -o "$2" "$3"
}

metal_build() {
    metal_begin "$1" || return
    metal_out=$2
    shift 2
    case $metal_board in
    host) metal_link="tests/metal/host.c" ;;
    wasm32*)
        metal_link="-nostdlib -fvisibility=hidden -Wl,--no-entry -Wl,--allow-undefined -Wl,--export=metal_main -Wl,-z,stack-size=65536
            tests/metal/wasm.c" ;;
    *)
        metal_link="-nostdlib -nostartfiles -Wl,--no-warn-rwx-segments -Ltests/metal -T $metal_script tests/metal/semihost.c
            tests/metal/start.c $(metal_start "$metal_script") -lgcc" ;;
    esac
    # shellcheck disable=SC2086
    $metal_compiler $metal_options -Wl,--gc-sections -Wl,-Map="$metal_out.map" ${METAL_CFLAGS:-} -o "$metal_out" "$@" tests/metal/metal.c $metal_link
}

metal_closed() {
    metal_begin "$1" || return
    case $metal_board in
    wasm32*) metal_link="-Wl,--no-entry -Wl,--no-gc-sections" ;;
    *) metal_link="-Wl,-e,0 -lgcc" ;;
    esac
    # shellcheck disable=SC2086
    $metal_compiler $metal_options -nostdlib -o "$2.closed" "$2" $metal_link
}

metal_start() {
    [ "$1" = virt.ld ] && echo tests/metal/start_riscv.S || echo tests/metal/start_arm.c
}

metal_run() {
    metal_machine=$(metal_field "$1" 5) || return
    metal_out=$2
    shift 2
    case $metal_machine in
    -) timeout "${METAL_LIMIT:-60}" "$metal_out" "$@" ;;
    node*) timeout "${METAL_LIMIT:-60}" $metal_machine "$metal_out" "$@" ;;
    *)
        metal_arguments=,arg=program
        for metal_argument; do
            metal_arguments=$metal_arguments,arg=$metal_argument
        done
        # shellcheck disable=SC2086
        timeout "${METAL_LIMIT:-60}" $metal_machine ${METAL_MACHINE:-} -display none -monitor none -serial none -chardev stdio,id=sh0 \
            -semihosting-config "enable=on,target=native,chardev=sh0$metal_arguments" -kernel "$metal_out" </dev/null ;;
    esac
}
