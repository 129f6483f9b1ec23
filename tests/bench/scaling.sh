# For test scripts, behind tap.sh: models of N layers, and what dlc takes for them.

# dense N, residual N: layers of one kind; of convolution, batch norm and a way around them
dense() {
    cat <<END
model deep {
    input x: f32[16]
    h = x
    repeat $1 { h = h |> dense(16) |> relu }
    output y = h
    train {
        target t: f32[16]
        loss = mean_squared_error(h, t)
        optimizer adam()
    }
}
END
}
residual() {
    cat <<END
layer residual(x: f32[H, W, C]) {
    return x + (x |> conv2d(C, 3, padding = "same", use_bias = false) |> batch_norm |> relu)
}
model deep {
    input x: f32[8, 8, 8]
    h = x
    repeat $1 { h = residual(h) }
    y = h |> global_avg_pool2d |> dense(4)
    output z = y
    train {
        target t: f32[4]
        loss = mean_squared_error(y, t)
        optimizer sgd(momentum = 0.9)
    }
}
END
}

# cost_of MODEL N RUNS [--train]: milliseconds of processor time and megabytes, the least of RUNS runs
cost_of() {
    "$1" "$2" >"$work/$1$2.dl"
    RUNS=$3 "$build/bench/cost" "$dlc" "$work/$1$2.dl" $4 -o "$work/$1$2.c"
}
