/* SPDX-License-Identifier: MIT */
/* jit.c: the two engines by name. */
#include "jit.h"

#include <string.h>

static const JitEngine engines[] = {
    {"tcc", "tcc", jit_tcc},
    {"cc", "native", jit_cc},
};

const JitEngine *jit_engine(const char *name)
{
    if (!name)
        name = jit_has_cc() ? "cc" : "tcc";
    for (int i = 0; i < LEN(engines); i++)
        if (!strcmp(engines[i].name, name))
            return &engines[i];
    return NULL;
}

void *jit_symbol(Jit *jit, const char *name)
{
    return jit->symbol(jit, name);
}

void jit_close(Jit *jit)
{
    if (jit)
        jit->close(jit);
}
