#!/bin/sh
# Every row of compiler/kernels/targets.c: what is emitted for it compiles with the flags its first comment names, vector code
# refuses a lesser machine, and where this machine can run it, the numbers are right without those flags too.
. tests/tap.sh

model=$work/small.dl
cat >"$model" <<'END'
model small {
    input image: f32[7, 6, 2]
    logits = image |> conv2d(17, 3, strides = 2, padding = "same") |> relu |> flatten |> dense(5)
    output probs = softmax(logits)
    train { target label: i32; loss = cross_entropy(logits, label); optimizer adam() }
}
END

targets() { # their names
    $dlc targets | awk 'NR > 1 && !NF { exit } NR > 1 && $1 != "native" { print $1 }'
}

flags() { # flags TARGET: as `dlc targets` has them
    $dlc targets | sed -n "/^native is/,\$s/^$1  *//p" | sed 's/, of gcc also.*//'
}

machine() { # machine TARGET: clang's name for it, where it is none of x86
    case $1 in
    aarch64) echo aarch64-linux-gnu ;;
    wasm32*) echo wasm32 ;;
    cortex*) echo arm-none-eabi ;;
    rv32*) echo riscv32 ;;
    rv64*) echo riscv64 ;;
    esac
}

emitted() { # emitted TARGET: its first comment has the flags
    $dlc "$model" --target "$1" -o "$work/$1.c" && head -n 2 "$work/$1.c" | grep -qF -- "$(flags "$1")"
}

elsewhere() { # elsewhere TARGET: compiled for that machine
    clang --target="$(machine "$1")" $(flags "$1") -Wall -Werror -ffreestanding -Iruntime -I"$work" -c "$work/$1.c" -o "$work/$1.o"
}

runs_here() { # by the vectors of this machine
    case $1 in
    generic) true ;;
    x86-64) grep -qw sse2 /proc/cpuinfo ;;
    x86-64-v3) grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo ;;
    x86-64-v4) grep -qw avx512vl /proc/cpuinfo ;;
    *) false ;;
    esac
}

# What vectors cannot do without.
least() {
    flags "$1" | grep -o -- '-march=[^ ]*'
}

vectors() { # more than one float in a register
    $dlc targets | awk -v name="$1" '$1 == name { exit !($2 > 1) }'
}

refuses() { # refuses TARGET: by its own words
    ! gcc -O2 -march=x86-64 -mno-sse2 -Iruntime -I"$work" -fsyntax-only "$work/$1.c" 2>"$work/refused" &&
        grep -q "for $1: compile it with the flags above" "$work/refused"
}

plain() { # C99 for any machine
    gcc -std=c99 -pedantic -Werror -Iruntime -I"$work" -fsyntax-only "$work/generic.c" && ! grep '^#error' "$work/generic.c"
}

# With clang's own flags, rows of eight channels are vectors, in a loop too.
few_channels() {
    cat >"$work/few.dl" <<'END' &&
model few {
    input x: f32[9, 100, 8]
    param scale: f32[8] = ones()
    h = full(0, [100, 8])
    for x_t in x {
        h = relu(h * scale + x_t)
    }
    output y = h
}
END
        $dlc "$work/few.dl" --target x86-64-v4 -o "$work/few.c" &&
        clang $(flags x86-64-v4) $($dlc targets | sed -n '/^native is/,$s/^x86-64-v4 .*, of clang //p') -Werror -Iruntime -I"$work" -S \
            "$work/few.c" -o "$work/few.s" && grep -q 'vmaxps' "$work/few.s" && ! grep 'vmaxss' "$work/few.s"
}

extremes() { # extremes COMPILER TARGET
    $1 $(flags "$2") -Wall -Wno-psabi -Werror -Iruntime tests/differential/extremes.c -o "$work/extremes" -lm && "$work/extremes"
}

# A rectifier is one instruction.
one_maximum() { # one_maximum TARGET: of gcc's, too
    gcc $(flags "$1") -Iruntime -I"$work" -S "$work/$1.c" -o "$work/$1.s" && grep -q 'maxps' "$work/$1.s"
}

for target in $(targets); do
    check "$target: its file names its flags" emitted "$target"
    if runs_here "$target"; then
        check "$target: compiles" gcc $(flags "$target") -Wall -Werror -Iruntime -I"$work" -c "$work/$target.c" -o "$work/$target.o"
        check "$target: right with cc -O2" $dlc verify "$model" --batch 2 --steps 1 --target "$target" --cc "cc -O2 $(least "$target")"
        if vectors "$target"; then
            check "$target: maxima of gcc's" extremes gcc "$target"
            check "$target: maxima of clang's" extremes clang "$target"
            check "$target: a rectifier is one instruction" one_maximum "$target"
        fi
    elif [ -n "$(machine "$target")" ] && echo 'int x;' | clang --target="$(machine "$target")" -x c -c - -o "$work/x.o" 2>/dev/null; then
        check "$target: compiles" elsewhere "$target"
    else
        skip "$target: compiles" "no compiler for it"
    fi
    if vectors "$target"; then
        check "$target: refuses a lesser machine" refuses "$target"
    fi
done
check "plain C asks for no machine" plain
check "clang makes vectors of few channels" few_channels
finish
