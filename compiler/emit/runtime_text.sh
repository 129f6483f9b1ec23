#!/bin/sh
# Writes the runtime's headers as C strings: runtime_text.sh runtime/*.h > runtime_text.c
cat <<'HEAD'
/* Generated from runtime/ by compiler/emit/runtime_text.sh. */
#include "compiler/emit/runtime_text.h"
#include "compiler/base/base.h"
#include <string.h>
static const struct { const char *name, *text; } texts[] = {
    {"types",
     "typedef signed char int8_t;\ntypedef unsigned char uint8_t;\ntypedef short int16_t;\ntypedef unsigned short uint16_t;\n"
     "typedef int int32_t;\ntypedef unsigned int uint32_t;\ntypedef long long int64_t;\ntypedef unsigned long long uint64_t;\n"},
HEAD
for file in "$@"; do
    printf '    {"%s",\n' "${file##*/}"
    grep -v '^#include' "$file" | sed 's/\\/\\\\/g; s/"/\\"/g; s/^/     "/; s/$/\\n"/'
    printf '    },\n'
done
cat <<'TAIL'
};

const char *runtime_text(const char *header)
{
    for (int i = 0; i < LEN(texts); i++)
        if (!strcmp(texts[i].name, header))
            return texts[i].text;
    BUG("no runtime header %s", header);
}

const char *runtime_header(int i)
{
    return i >= 0 && i < LEN(texts) - 1 ? texts[i + 1].name : NULL;
}
TAIL
