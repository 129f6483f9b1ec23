#!/bin/sh
# What metal.sh and metal.h promise of a board: tests/metal/hello.c tries it.
. tests/metal/boards.sh

# ends STATUS BOARD ARGUMENT...
ends() {
    wanted=$1 board=$2
    shift 2
    metal_run "$board" "$work/$board" "$@"
    status=$?
    [ $status = "$wanted" ] || { echo "it ended with $status, not $wanted"; return 1; }
}

prints() {
    metal_run "$1" "$work/$1" print behind >"$work/printed" && printf 'in flash 1 -2 1a47e90b -2.000000 3%%\n' | cmp - "$work/printed"
}

copies() {
    rm -f "$work/copy"
    metal_run "$1" "$work/$1" copy LICENSE "$work/copy" && cmp LICENSE "$work/copy"
}

overflows() {
    metal_run "$1" "$work/$1" overflow
    [ $? != 0 ]
}

second_memory() { # `beside`, and nothing else
    grep -q '^\.ccm  *0x0*20020000  *0x100$' "$work/$1.map"
}

try() {
    check "$1: builds" metal_build "$1" "$work/$1" tests/metal/hello.c
    check "$1: memory as it begins, numbers, arguments" prints "$1"
    check "$1: files of this machine" copies "$1"
    check "$1: a status" ends 7 "$1" 7
    check "$1: a file that is not there" ends 2 "$1" copy "$work/none" "$work/copy"
    [ "$1" != stm32f405 ] || check "$1: its second memory" second_memory "$1"
    case $1 in
    wasm*) check "$1: a fault" ends 1 "$1" fault ;;
    host) ;;
    *)
        check "$1: a fault" ends "$([ "${1#rv}" = "$1" ] && echo 103 || echo 123)" "$1" fault
        check "$1: how much stack is used" ends 0 "$1" stack
        check "$1: more stack than there is" overflows "$1" ;;
    esac
}

on_boards try
finish
