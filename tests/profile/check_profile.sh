#!/bin/sh
# dlc profile: its rows add up, loops count all their steps, figures are possible, a compiler gets the target's flags, and it says which are missing.
. tests/tap.sh

rows() { # rows TEST ARGUMENT...: runs it; TEST, a Python expression, holds of `rows`, the kernels' objects, and `total`
    test=$1
    shift
    $dlc profile --seconds 0.05 --json "$@" >"$work/rows" || return 1
    python3 -c 'import json, sys
*rows, total = [json.loads(line) for line in open(sys.argv[1])]
named = {row["kernel"]: row for row in rows}
assert '"$test"', (rows, total)' "$work/rows"
}

table() { # table TEXT ARGUMENT...: the text is in what it prints
    text=$1
    shift
    $dlc profile --seconds 0.05 "$@" >"$work/table" && grep -q -- "$text" "$work/table"
}

refuses() { # refuses TEXT ARGUMENT...: ends with 1 and this message, and prints no table
    text=$1
    shift
    $dlc profile "$@" >"$work/out" 2>"$work/err"
    [ $? = 1 ] && [ ! -s "$work/out" ] && grep -q -- "$text" "$work/err"
}

cat >"$work/sum.dl" <<'END'
model sum {
    input x: f32[1024, 64]
    output y = x + 1
}
END

cat >"$work/product.dl" <<'END'
model product {
    input a: f32[96, 96]
    param w: f32[96, 96] = uniform(-1, 1)
    output y = a @ w
}
END

check "shares add up to 1, the calls' best is no shorter than a kernel's" rows \
    'abs(sum(r["share"] for r in rows) - 1) < 1e-6 and all(r["seconds"] <= total["best_seconds"] * 1.5 for r in rows)' dsl_examples/mlp.dl
check "bytes are each element read and written, once" rows \
    'rows[0]["bytes"] == 2 * 4 * 1024 * 64 and total["bytes"] == rows[0]["bytes"]' "$work/sum.dl"
check "a product's bytes and operations" rows \
    'rows[0]["bytes"] == 3 * 4 * 96 * 96 and rows[0]["operations"] == 2 * 96**3' "$work/product.dl"
check "a product is bound by arithmetic, a sum by memory" rows 'rows[0]["bound"] == "FMA"' "$work/product.dl"
check "kernels in a loop count its steps" rows 'total["calls"] > 2 * 9 and any(r["calls"] == 9 for r in rows)' \
    --set LENGTH=9 --set VOCABULARY=40 dsl_examples/rnn.dl
check "and where threads share a loop's examples" rows \
    'abs(sum(r["share"] for r in rows) - 1) < 1e-6 and all(r["seconds"] > 0 for r in rows) and sum(r["calls"] == 9 for r in rows) >= 4' \
    --set LENGTH=9 --set VOCABULARY=40 --function train_step --batch 32 --threads 2 dsl_examples/rnn.dl
check "a training step" rows 'any("adam" in k for k in named) and all(r["seconds"] > 0 and r["of_bound"] >= 0 for r in rows)' \
    --function train_step --batch 4 dsl_examples/mlp.dl
check "within a budget a few examples at a time" rows 'any(r["calls"] == 8 for r in rows) and total["batch"] == 8' \
    --function train_step --batch 8 --ram 150K dsl_examples/small_cnn.dl
check "a budget of inference alone" rows 'total["batch"] == 1' --ram 50K dsl_examples/small_cnn.dl
check "a budget that cannot be kept" refuses "cannot be kept: infer" --ram 20K dsl_examples/small_cnn.dl
check "where a kernel comes from" table "mlp.dl:7 dense, relu" dsl_examples/mlp.dl
cat >"$work/cc" <<END
#!/bin/sh
echo "\$@" >"$work/arguments"
[ "\$1" != first ] || shift
exec gcc "\$@"
END
chmod +x "$work/cc"
flags() { # flags PATTERN COMMAND ARGUMENT...: a compiler that is called so gets these
    pattern=$1 cc=$2
    shift 2
    "$dlc" "$@" --seconds 0.05 --target generic --cc "$work/$cc" dsl_examples/mlp.dl >"$work/out" && grep -q -- "$pattern" "$work/arguments"
}
check "the target's flags go to a command of the user's" flags "^-O2 .*-fno-math-errno" cc profile
check "a name of two words" flags "^first -O2 .*-fno-math-errno" "cc first" profile
check "a command with options runs as it is" flags "^-O1 -shared" "cc -O1" profile
check "flags that are missing" table "missing: .*-fno-math-errno" --cc "gcc -O2" --target generic dsl_examples/mlp.dl
check "flags that are not" rows 'total["missing_flags"] == ""' --cc gcc dsl_examples/mlp.dl
check "flags while schedules are tried" flags "^-O2 .*-fno-math-errno" cc tune --candidates 2
check "no such function" refuses "axpy has no function train_step" --function train_step dsl_examples/axpy.dl
check "a command that is none" refuses "cannot run nosuchcc" --cc nosuchcc dsl_examples/axpy.dl
check "a command that fails" refuses "gcc failed" --cc "gcc -nosuchflag" dsl_examples/axpy.dl
finish
