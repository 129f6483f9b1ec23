#!/bin/sh
# Files that cannot be read or written: a message that names them, exit status 1, and nothing half-written left behind. (Folders
# without permission are left out: root, who runs tests in containers, has it everywhere.)
. tests/tap.sh

# says MESSAGE COMMAND...: it fails with that message, soon, and in the folder $work/out there is as little as before
says() {
    message=$1
    shift
    before=$(ls "$work/out")
    timeout 20 "$@" >"$work/log" 2>&1 </dev/null
    status=$?
    [ $status = 1 ] && grep -q -e "$message" "$work/log" && [ "$(ls "$work/out")" = "$before" ] ||
        { echo "status $status, expected: $message" && head -n 5 "$work/log" && ls "$work/out" && return 1; }
}

fails() {
    check "$1: ${2##*/} $3" says "$@"
}

mkdir "$work/out" "$work/folder" "$work/folder.c" "$work/h.h" "$work/data" "$work/data/train"
in=$work/in model=$work/model.dl
cat >"$model" <<END
model m {
    input x: f32[2]
    y = dense(x, 1)
    output z = y
    train { target t: f32[1]
        loss = mean_squared_error(y, t)
        optimizer sgd() }
}
END
truncate -s 100G "$in.sparse"
: >"$in.empty"
ln -s loop "$work/loop"
ln -s /dev/full "$work/out/full.c"
ln -s /dev/full "$work/out/full.safetensors"

# models
fails 'No such file' "$dlc" "$work/none.dl" -o "$work/out/x.c"
fails 'Is a directory' "$dlc" "$work/folder" -o "$work/out/x.c"
fails 'Too many levels of symbolic links' "$dlc" check "$work/loop"
fails 'there is no model' "$dlc" "$in.empty" -o "$work/out/x.c"
for endless in "$in.sparse" /dev/zero; do
    fails 'File too large' "$dlc" "$endless" -o "$work/out/x.c"
    fails 'File too large' "$dlc" fmt "$endless"
done

# C
fails 'none/x.h: No such file' "$dlc" "$model" -o "$work/out/none/x.c"
fails 'folder.c: Is a directory' "$dlc" "$model" -o "$work/folder.c"
fails 'h.h: Is a directory' "$dlc" "$model" -o "$work/h.c"
fails 'full.c: No space left' "$dlc" "$model" -o "$work/out/full.c"
for printed in "$model -o -" "ir $model" "$model --report" --help "check $model --help"; do
    check "standard output is full: $printed" says 'No space left' sh -c "$dlc $printed >/dev/full"
done

# data
printf '1\ta b\r\n' >"$in.crlf"
printf '1\ta\000b\n' >"$in.nul"
fails 'sparse: File too large' "$dlc" data text "$in.sparse" "$in.crlf" --length 3 -o "$work/out/text"
fails 'nul:1: a NUL byte' "$dlc" data text "$in.crlf" "$in.nul" --length 3 -o "$work/out/text"
fails 'empty: no line of' "$dlc" data text "$in.empty" "$in.crlf" --length 3 -o "$work/out/text"
fails 'folder: Is a directory' "$dlc" data text "$work/folder" "$in.crlf" --length 3 -o "$work/out/text"
fails 'empty: not a folder' "$dlc" data digits "$in.empty" --train 2 --test 2
fails 'Not a directory' "$dlc" data digits "$in.empty/data" --train 2 --test 2
check "CRLF" "$dlc" data text "$in.crlf" "$in.crlf" --length 3 -o "$work/text"

# arrays and weights
npy() { printf '\223NUMPY\001\000\166\000%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': $1, }"; }
{ npy '(1, 2)' && printf '\000\000\200\077\000\000\200\077'; } >"$work/data/train/x.npy"
{ npy '(1, 1)' && printf '\000\000\200\077'; } >"$work/data/train/t.npy"
cp -r "$work/data/train" "$work/data/val"
train="$dlc train $model --jit interpret --epochs 1 --data"
check "trains" $train "$work/data" -o "$work/w.safetensors"
fails 'none: no such folder' $train "$work/none" -o "$work/out/w.safetensors"
fails 'No such file' $train "$work/data" -o "$work/out/none/w.safetensors"
fails 'folder: Is a directory' $train "$work/data" -o "$work/folder"
fails 'No space left' $train "$work/data" -o "$work/out/full.safetensors"
for wrong in "head -c 20" "head -c 64" "head -c 129" "tail -c 60" "head -c 0"; do
    rm -rf "$work/cut" && cp -r "$work/data" "$work/cut"
    $wrong "$work/data/train/t.npy" >"$work/cut/train/t.npy"
    check "$wrong of an array" says 't.npy: ' $train "$work/cut" -o "$work/out/w.safetensors"
    $wrong "$work/w.safetensors" >"$work/cut/w.safetensors"
    check "$wrong of weights" says 'w.safetensors: ' "$dlc" eval "$model" --jit interpret --data "$work/data" --split train --weights "$work/cut/w.safetensors"
    check "$wrong of weights, baked" says 'w.safetensors: ' "$dlc" "$model" --weights "$work/cut/w.safetensors" -o "$work/out/x.c"
done
# what the compiler is to read
for asks in "verify $model --jit cc" "verify $model --cc cc" "$model --report --cc cc"; do
    check "no room: $asks" says '/[^ ]*: File too large' sh -c "trap '' XFSZ; ulimit -f 8; XDG_CACHE_HOME=$work/cache $dlc $asks"
done
rm "$work/cut/train/t.npy"
mkdir "$work/cut/train/t.npy"
fails 't.npy: Is a directory' $train "$work/cut" -o "$work/out/w.safetensors"
check "nothing is left beside" sh -c "! ls -R '$work' | grep tmp"
rm -f "$in.sparse"
finish
