# Which boards a test is for: those that METAL_BOARDS names, or these three, of one kind each. `make test-targets` names all.
. tests/tap.sh
. tests/metal/metal.sh
boards=${METAL_BOARDS:-cortex-m4f rv32imafc wasm32-simd128}

# on_boards COMMAND...: with each board that this machine has, behind its arguments
on_boards() {
    for board in $boards; do
        if metal_has "$board"; then
            "$@" "$board"
        else
            skip "$board" "its compiler or its emulator is not installed: make setup"
        fi
    done
}
