#!/bin/sh
# SPDX-License-Identifier: MIT
# --ram: what is said to be the least can be had. A search that fails is a long one.
. tests/tap.sh

# least RAM: what siamese needs where so much cannot be kept.
least() { $dlc dsl_examples/siamese.dl --train --ram "$1" -o "$work/no.c" 2>&1 | sed -n 's/.* needs \([0-9]*\) bytes, the least that was found$/\1/p'; }
least_can_be_had() {
    said=$(least 1K)
    echo "at the least $said bytes"
    [ "$said" -gt 1024 ] && $dlc dsl_examples/siamese.dl --train --ram "$said" -o "$work/net.c"
}
check "siamese: what is said to be the least can be had" least_can_be_had

finish
