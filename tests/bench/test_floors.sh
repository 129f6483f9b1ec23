#!/bin/sh
# No kind of kernel has become twice as slow as it was, as a fraction of what this machine can do.
case ${BUILD:-build} in *asan* | *coverage*) exit 77 ;; esac    # the compiler's code is what is slow there
exec python3 tests/bench/floors.py
