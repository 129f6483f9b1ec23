# For the scripts beside it: what can be broken of the rows of compiler/graph/ops.def.

# rows KIND: lines OP:FUNCTION of the rows that have one, KIND being eval or grad
rows() {
    sed -n 's/^OP(\([A-Z0-9]*\),.* \('"$1"'_[a-z0-9]*\),.*/\1:\2/p' compiler/graph/ops.def
}

# spellings: lines OP FILE SED that put another function or operator into the column C of a row
spellings() {
    sed -n 's/^OP(\([A-Z0-9]*\),.*, *\("[^"]*"\), *"[^"]*")$/\1 \2/p' compiler/graph/ops.def | while read -r op c; do
        case $c in
        '"+"') other='-' ;; '"-"') other='+' ;; '"*"') other='\/' ;; '"/"') other='*' ;;
        '"=="') other='<' ;; '"<"') other='==' ;; '"<="') other='<' ;; '"&&"') other='||' ;; '"||"') other='\&\&' ;;
        '"dl_pow"' | '"dl_rem"') other=dl_max ;;
        '"dl_abs"') other=dl_floor ;;
        *) other=dl_abs ;;
        esac
        from=$(printf '%s' "$c" | sed 's,[*/],\\&,g')
        echo "$op graph/ops.def /^OP($op,/s/$from/\"$other\"/"
    done
}

# lowerings: all lines OP FILE SED
lowerings() {
    spellings
    grep '^[A-Z]' tests/mutants/lower.txt
}

# break_file FILE SED TO: the file below compiler/, broken; fails where sed finds nothing to change
break_file() {
    sed "$2" "compiler/$1" >"$3" && ! cmp -s "compiler/$1" "$3"
}
