#!/bin/sh
# Files of schedules: what is printed is read back as it was; another schedule gives other code and the same numbers; dlc tune
# writes what --schedule reads.
. tests/tap.sh

model=$work/small.dl
cat >"$model" <<'END'
model small {
    input image: f32[6, 5, 3]
    logits = image |> conv2d(9, 3, padding = "same") |> relu |> conv2d(8, 2) |> relu |> flatten |> dense(5)
    output probs = softmax(logits)
    train { target label: i32; loss = cross_entropy(logits, label); optimizer adam() }
}
END

printed() { # printed ARGUMENT...: the schedules of all functions
    $dlc ir --after schedule --train --train-batch 2 "$@" "$model"
}

emitted() {
    $dlc "$model" --train --train-batch 2 -o - "$@"
}

reads_back() { # for TARGET
    printed --target "$1" >"$work/$1.schedule" && [ "$(grep -c '^contraction' "$work/$1.schedule")" -gt 8 ] &&
        printed --target "$1" --schedule "$work/$1.schedule" | cmp - "$work/$1.schedule" &&
        emitted --target "$1" >"$work/$1.c" && emitted --target "$1" --schedule "$work/$1.schedule" | cmp - "$work/$1.c"
}

# An example's functions, in loops and of several tiles in a kernel too: with all its schedules read from a file, the same C.
stays() { # stays NAME
    example=dsl_examples/$1.dl
    $dlc ir --after schedule --train --target x86-64-v3 "$example" >"$work/$1.schedule" &&
        $dlc "$example" --train --target x86-64-v3 -o - >"$work/$1.c" &&
        $dlc "$example" --train --target x86-64-v3 --schedule "$work/$1.schedule" -o - | cmp - "$work/$1.c"
}

# Half the rows, narrower vectors, one vector a row.
other() { # other TARGET LANES BATCH: for both batches
    $dlc ir --after schedule --train --batch "$3" --train-batch "$3" --target "$1" "$model" |
        awk -v lanes="$2" '/^contraction/ { for (i = 1; i < NF; i++) { if ($i == "rows" && $(i + 1) > 2) $(i + 1) = int(($(i + 1) + 1) / 2)
            if ($i == "lanes" && $(i + 1) > lanes) $(i + 1) = lanes
            if ($i == "columns") $(i + 1) = 1 } } { print }'
}

changes_code() { # changes_code TARGET LANES
    other "$1" "$2" 1 >"$work/one"
    $dlc "$model" --target "$1" -o - >"$work/as_is.c" && $dlc "$model" --target "$1" --schedule "$work/one" -o - >"$work/other.c" &&
        ! cmp -s "$work/as_is.c" "$work/other.c"
}

keeps_numbers() { # keeps_numbers TARGET LANES COMPILER
    other "$1" "$2" 2 >"$work/two"
    $dlc verify "$model" --batch 2 --steps 1 --target "$1" --schedule "$work/two" --cc "$3"
}

tunes() {
    $dlc tune "$model" --function infer --function evaluate --candidates 3 --seconds 0.1 -o "$work/tuned" >"$work/said" &&
        [ "$(grep -c '^function' "$work/tuned")" = 2 ] && grep -q "all of the function" "$work/said" &&
        [ "$(grep -c 'row_axis' "$work/said")" = "$(grep -c '^contraction' "$work/tuned")" ] &&
        $dlc "$model" --target native --train --train-batch 1 --schedule "$work/tuned" -o "$work/tuned.c"
}

nowhere() { # nothing is left where the file cannot be written
    ! $dlc tune "$model" --candidates 2 --seconds 0 -o "$work/no/tuned" 2>"$work/err" && grep -q "No such file" "$work/err"
}

check "generic: printed schedules are read back" reads_back generic
check "x86-64-v4: printed schedules are read back" reads_back x86-64-v4
for name in rnn encoder mobilenet; do
    check "$name: C as it was, all schedules read" stays "$name"
done
check "generic: another schedule, other code" changes_code generic 1
check "generic: the same numbers" keeps_numbers generic 1 "gcc -O1"
check "x86-64: another schedule, other code" changes_code x86-64-v4 8
if [ "$(uname -m)" = x86_64 ]; then
    check "x86-64: the same numbers" keeps_numbers x86-64 1 "gcc -O1"
fi
check "equal contractions share a line" test "$(grep -c '^contraction 1:0/0 6' "$work/generic.schedule")" = 1
check "tuning" tunes
check "tuning for a file that cannot be" nowhere
finish
