# For the commands of the transcripts.

# HEADER: a .npy file
npy() {
    printf '\223NUMPY\001\000\166\000%-117s\n' "$1"
}

# HEADER [DATA]: a safetensors file
st() {
    printf "\\$(printf %03o ${#1})\000\000\000\000\000\000\000%s%s" "$1" "${2:-}"
}

# FILE: a model with weights from it
with() {
    dlc small.dl -o out.c --weights "$1"
}

# COMMAND: ./fake, a compiler that does this behind gcc's work; $o is the object
fake_gcc() {
    printf '#!/bin/sh\ngcc "$@" || exit\nfor o; do case $o in */object.o) break ;; esac; done\n%s\n' "$1" >fake && chmod +x fake
}
