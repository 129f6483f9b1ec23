#!/bin/sh
# dlc verify: healthy models pass, with either engine; what it prints, and how it ends.
. tests/tap.sh

small="--set LENGTH=5 --set VOCABULARY=40"
mini=tests/models/mini

says() {    # says TEXT COMMAND...: status 0, and the text is in the output
    text=$1
    shift
    "$@" >"$work/said" || { cat "$work/said"; return 1; }
    grep -q -- "$text" "$work/said" || { cat "$work/said"; return 1; }
}

objects() { # every line of the output is a JSON object, and all are ok
    $dlc verify "$@" --json >"$work/objects" || return 1
    [ "$(grep -c '"ok": true' "$work/objects")" = "$(wc -l <"$work/objects")" ] &&
        python3 -c 'import json, sys; [json.loads(line) for line in sys.stdin]' <"$work/objects"
}

fails() {   # fails STATUS TEXT COMMAND...
    status=$1 text=$2
    shift 2
    "$@" >"$work/out" 2>"$work/err"
    [ $? = "$status" ] && grep -q -- "$text" "$work/err" && [ ! -s "$work/out" ]
}

check "axpy" says "the compiled code is right" $dlc verify dsl_examples/axpy.dl --jit tcc
check "trained weights" says "compiled by tcc" $dlc verify $mini/model.dl --weights $mini/weights.safetensors --jit tcc
check "cc" says "compiled by cc" $dlc verify dsl_examples/axpy.dl --jit cc
check "loops and embeddings" says "each is right" $dlc verify dsl_examples/rnn.dl $small --jit tcc --batch 2 --steps 1
check "a batch of one" says "step 1" $dlc verify $mini/model.dl --jit tcc --batch 1 --steps 1
echo "model m { input x: f32[5]; output y = log1p(x * x); }" >"$work/log1p.dl"
check "only a function of the runtime" says "is right" $dlc verify "$work/log1p.dl" --jit tcc
check "JSON" objects $mini/model.dl --jit tcc --steps 1
check "no such file" fails 1 "nothing.dl" $dlc verify nothing.dl
check "other weights" fails 1 "axpy\|model" $dlc verify dsl_examples/mlp.dl --weights $mini/weights.safetensors
check "no such engine" fails 2 "one of" $dlc verify dsl_examples/axpy.dl --jit interpret
finish
