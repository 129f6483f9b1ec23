#!/bin/sh
# docs/library.md from compiler/std/*.dl: every definition, its parameters, the comment above it.   usage: library.sh > docs/library.md
set -eu
cat <<'END'
# The standard library

Made from `compiler/std/*.dl` by `make docs/library.md`. Arguments before `;` are tensors, those after it are known when the model is
compiled; [language.md](language.md) explains signatures. A definition is a few lines of the language: read it there.
END
for name in dense embedding convolution pooling normalization regularization recurrent attention reshaping \
    activations losses metrics regularizers optimizers schedules clipping initializers arrays; do
    awk -v name="$name" '
        NR == 1 { printf "\n## %s.dl\n", name }
        /^#/ { sub(/^# ?/, ""); comment = comment (comment == "" ? "" : " ") $0; next }
        /^(layer|optimizer|initializer) / { heading = 1; signature = own = "" }
        heading { sub(/^ +/, ""); signature = signature (signature == "" ? "" : " ") $0
                  if (sub(/ *{ *$/, "", signature)) heading = 0
                  next }
        /^ *(param|state) / {
            sub(/^ */, ""); sub(/ *=.*/, ""); own = own (own == "" ? "" : ", ") "`" $0 "`" }
        /^}/ {
            printf "\n- `%s`%s%s", signature, comment == "" ? "" : "\\\n  " comment, own == "" ? "" : "\\\n  Keeps " own "."
            comment = ""; next }
        /^$/ { if (comment != "") printf "\n%s\n", comment; comment = "" }
        END { print "" }' "compiler/std/$name.dl"
done
