/* SPDX-License-Identifier: MIT */
/* share.c: kernels whose C is the same but for names become one function with several calls: layers that are alike, and those
 * that inference, evaluation and training have in common. It has the name, and its tensors the names, of the first. */
#include "emit.h"

void share_kernels(Share *s, Plan *p, const char *prefix)
{
    Arena *work = arena_inner(s->a), *held = arena_inner(s->a);
    s->text.a = s->a;
    for (int i = 0; i < p->kernels.n; i++) {
        Kernel *k = p->kernels.at[i];
        StrBuf sb = {.a = held};
        emit_nameless(&sb, work, p, k);
        int *known = str_map(&s->text, sb_text(&sb));
        k->others.n = 0;
        if (*known) {
            Kernel *first = s->first.at[*known - 1];
            k->same = first;
            k->function = first->function;
            vec_push(s->a, &first->others, k);
            continue;
        }
        vec_push(s->a, &s->first, k);
        *known = s->first.n;
        k->same = NULL;
        k->function = arena_printf(p->a, "%s%s", prefix, k->name);
    }
    arena_free(work);
}
