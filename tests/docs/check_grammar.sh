#!/bin/sh
# The grammar of docs/language.md has the words of the parser, and no others.
. tests/tap.sh

sed -n '/^%token/p' compiler/syntax/parser.y | grep -o '"[a-z]*"' | sort -u >"$work/parser"
sed -n '/^## Grammar/,/^## /p' docs/language.md | grep -o '"[a-z]*"' | sort -u >"$work/page"
# How tokens are called that are no words, and the operators, which the page calls OPERATOR.
printf '"%s"\n' name integer number string and or >"$work/others"

same_words() {
    [ "$(wc -l <"$work/page")" -gt 25 ] && grep -vxF -f "$work/others" "$work/parser" | diff - "$work/page"
}

check "the grammar's words" same_words
finish
