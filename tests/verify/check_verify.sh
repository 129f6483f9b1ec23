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

# A compiler that breaks what it compiles: relu's bound.
cat >"$work/broken-cc" <<'END'
#!/bin/sh
for file in "$@"; do :; done
sed -i 's/< 0\.0f ? 0\.0f/< 0.25f ? 0.0f/' "$(dirname "$file")"/*.c
exec cc "$@"
END
chmod +x "$work/broken-cc"

finds() {   # finds TEXT...: the fault is named, with its place, and the status is 1
    $dlc verify $mini/model.dl --cc "$work/broken-cc -O0" --steps 1 >"$work/found"
    [ $? = 1 ] || return 1
    for text in "$@"; do
        grep -q -- "$text" "$work/found" || { head -n 20 "$work/found"; return 1; }
    done
}

check "what is frozen, kept between calls, shared" says "the compiled code is right" $dlc verify tests/differential/several.dl --jit tcc
check "axpy" says "the compiled code is right" $dlc verify dsl_examples/axpy.dl --jit tcc
check "trained weights" says "compiled by tcc" $dlc verify $mini/model.dl --weights $mini/weights.safetensors --jit tcc
check "cc" says "compiled by cc" $dlc verify dsl_examples/axpy.dl --jit cc
check "the files of dlc -o" says "the files of dlc -o" $dlc verify dsl_examples/axpy.dl --cc "cc -O1"
check "a compiler that is wrong" finds "WRONG: infer: kernel k0_dense_relu" "model.dl:4 dense, relu" "h : f32\[3, 8\], element \[0, 2\] is 0" "elements are wrong"
check "its faults in JSON" test "$($dlc verify $mini/model.dl --cc "$work/broken-cc -O0" --steps 1 --json | grep -c '"fault"')" -ge 3
check "loops and embeddings" says "each is right" $dlc verify dsl_examples/gru_attention.dl $small --jit tcc --batch 2 --steps 1
check "a batch of one" says "step 1" $dlc verify $mini/model.dl --jit tcc --batch 1 --steps 1
echo "model m { input x: f32[5]; output y = log1p(x * x); }" >"$work/log1p.dl"
check "only a function of the runtime" says "is right" $dlc verify "$work/log1p.dl" --jit tcc
echo "model m { input x: f32[8]; output y = x |> dense(8)
    train { loss = sum(y * y) * 1e-20 * 1e-20; optimizer sgd(learning_rate = 1) } }" >"$work/small.dl"
check "products below 2^-126" says "the compiled code is right" $dlc verify "$work/small.dl" --jit tcc --steps 2
check "where training takes them for zeros" says "the compiled code is right" $dlc verify "$work/small.dl" --jit cc --steps 2
check "what a budget leads to" says "the compiled code is right" $dlc verify dsl_examples/small_cnn.dl --batch 4 --steps 1 --ram 138K --jit tcc
check "a budget that cannot be kept" fails 1 "cannot be kept" $dlc verify dsl_examples/small_cnn.dl --batch 4 --ram 20K --jit tcc
check "JSON" objects $mini/model.dl --jit tcc --steps 1
check "no such file" fails 1 "nothing.dl" $dlc verify nothing.dl
check "other weights" fails 1 "axpy\|model" $dlc verify dsl_examples/mlp.dl --weights $mini/weights.safetensors
check "no such compiler" fails 1 "cannot run" $dlc verify dsl_examples/axpy.dl --cc "no-such-compiler -O2"
check "two who compile" fails 2 "choose one" $dlc verify dsl_examples/axpy.dl --cc cc --jit tcc
check "no such engine" fails 2 "one of" $dlc verify dsl_examples/axpy.dl --jit interpret
finish
