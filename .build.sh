#!/bin/bash
# usage: .build.sh NAME [flags]
set -e
cd /tmp/wt/passes; name=$1; shift
W="-std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes"
gcc $W -I. -Icompiler -g "$@" -o /tmp/wt/passes-$name tests/unit/$name.c compiler/base/*.c $(ls compiler/graph/*.c | grep -v elaborate) compiler/ops/*.c compiler/passes/*.c -lcmocka -lm -lpthread
