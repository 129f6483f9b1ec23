#!/bin/sh
# Absurd programs end soon, in little memory: compiled, or with the message expected.
case ${BUILD:-build} in *asan*) exit 77 ;; esac     # sanitizers reserve more address space than is granted here
. tests/tap.sh

head='model m { input x: f32[4]'
tail='train { target t: f32[4]
loss = mean_squared_error(h, t)
optimizer sgd() } }'

# lines N FORMAT: N lines, with numbers from 0 for the first %d and the next ones for further ones
lines() {
    awk -v n="$1" -v format="$2" 'BEGIN { for (i = 0; i < n; i++) printf format "\n", i, i + 1, i + 1 }'
}

# ends NAME MESSAGE: in at most 20 s of processor time and 1.5 GB
ends() {
    mode=
    ! grep -q '^train' "$work/$1.dl" || mode=--train
    (ulimit -t 20 && ulimit -v 1500000 && exec "$dlc" "$work/$1.dl" $mode -o "$work/$1.c") >"$work/$1.log" 2>&1
    status=$?
    if [ -z "$2" ]; then
        [ $status = 0 ] || { head -c 300 "$work/$1.log" && return 1; }
    else
        { [ $status = 1 ] && grep -q "$2" "$work/$1.log" && [ ! -e "$work/$1.c" ]; } || { head -c 300 "$work/$1.log" && return 1; }
    fi
}

# program NAME MESSAGE: the text on standard input
program() {
    cat >"$work/$1.dl"
    check "$1" ends "$1" "$2"
}

# generated NAME MESSAGE COMMAND...: what the commands print
generated() {
    name=$1 message=$2
    shift 2
    "$@" >"$work/$name.dl"
    check "$name" ends "$name" "$message"
}

program deep '' <<END
$head
h = x
repeat 1000 { h = dense(h, 4) |> relu }
output y = h
$tail
END
program rows '' <<END
$head
h = x
repeat 1500 { h = softmax(h) }
output y = h
$tail
END
program too_deep 'too large: more than' <<END
$head
h = x
repeat 100000 { h = tanh(h * x + 1) * x - x }
output y = h
$tail
END
program doubled_tensor '' <<END
$head
h = x
repeat 28 { h = concat([h, h]) }
output y = h }
END
for use in 'y = x + a' 'require a == [1], "no"' 'y = stack(a)'; do
    program "doubled_list_$(echo "$use" | tr -dc a-z)" 'too large: more than' <<END
$head
a = [1]
repeat 100 { a = [a, a] }
$use
output z = x }
END
done
doubled_layers() {
    lines 60 'layer a%d(x: f32[D]) { return a%d(a%d(x)) }'
    printf '%s\n' 'layer a60(x: f32[D]) { return tanh(x + 1) }' "$head" 'output y = a0(x) }'
}
chain_of_constants() {
    lines 5000 'const c%d = c%d'
    printf '%s\n' 'const c5000 = 1' "$head" 'output y = x + c0 }'
}
many_layers() {
    lines 100000 'layer a%d(x: f32[D]) { return x }'
    printf '%s\n' "$head" 'output y = a7(x) }'
}
many_names() {
    echo "$head"
    lines 50000 'n%d = x'
    echo 'output y = x }'
}
many_parameters() {
    echo "$head"
    lines 50000 'param p%d: f32 = zeros()'
    echo 'output y = x + p0 }'
}
many_inputs() {
    echo 'model m {'
    lines 50000 'input p%d: f32[4]'
    echo 'output y = p0 }'
}
many_outputs() {
    echo "$head"
    lines 50000 'output p%d = x'
    echo '}'
}
many_arguments() {
    echo 'layer f('
    lines 50000 'x%d: f32[D],'
    printf '%s\n' ') { return x0 }' "$head" 'output y = f('
    lines 50000 'x,'
    echo ') }'
}
many_mistakes() {
    echo "$head"
    lines 50000 'q%d = unknown%d'
    echo 'output y = x }'
}
parentheses() {
    echo "$head"
    awk 'BEGIN { printf "output y = "; for (i = 0; i < 300000; i++) printf "("; print "x }" }'
}
long_name() {
    echo "$head"
    awk 'BEGIN { name = "a"; for (i = 0; i < 20; i++) name = name name; print name " = x"; print "output y = " name " }" }'
}

for large in doubled_layers many_names many_parameters many_inputs many_outputs many_arguments; do
    generated $large 'too large: more than' $large
done
generated chain_of_constants 'wait for each other' chain_of_constants
generated many_layers '' many_layers
generated many_mistakes 'more errors' many_mistakes
generated parentheses 'nested too deeply' parentheses
generated long_name '' long_name
finish
