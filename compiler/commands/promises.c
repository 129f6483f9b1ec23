/* SPDX-License-Identifier: MIT */
/* promises.c: --flash and --stack, which the target's compiler alone can tell: what it measured is compared with what was promised. */
#include "promises.h"

#include "commands.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MOST_NAMED = 4 };

int64_t flash_of(const Measured *m)
{
    return m->text + m->constants + m->data;
}

/* ---- flash ------------------------------------------------------------------------------------------------ */
static int by_bytes(const void *x, const void *y)
{
    const Entry *a = *(const Entry *const *)x, *b = *(const Entry *const *)y;
    int64_t p = type_bytes(a->type), q = type_bytes(b->type);
    return p != q ? (p < q ? 1 : -1) : (a > b) - (a < b);
}

/* The largest of the weights that are constants. */
static void name_weights(Arena *a, Diag *d, const Module *m)
{
    int n = m->params.n + m->states.n;
    const Entry **entry = NEWN(a, const Entry *, n + 1);
    for (int i = 0; i < n; i++)
        entry[i] = i < m->params.n ? &m->params.at[i] : &m->states.at[i - m->params.n];
    qsort(entry, (size_t)n, sizeof *entry, by_bytes);
    for (int i = 0; i < n && i < MOST_NAMED; i++)
        diag_note_at(d, entry[i]->span, "%s : %s, %" PRId64 " bytes", entry[i]->name, type_text(a, entry[i]->type), type_bytes(entry[i]->type));
}

/* ---- stack ------------------------------------------------------------------------------------------------ */
static const StackNode *deepest(const Measured *m)
{
    const StackNode *most = NULL;
    for (int i = 0; i < m->nodes.n; i++)
        if (!most || m->nodes.at[i].most > most->most)
            most = &m->nodes.at[i];
    return most;
}

/* Down from `node`, each time to the callee that needs most: their frames add up to what it needs. */
static void name_frames(Diag *d, const Measured *m, const StackNode *node)
{
    for (int depth = 0; node && depth < MOST_NAMED; depth++) {
        diag_note(d, "%s has a frame of %" PRId64 " bytes", node->name, node->own);
        const StackNode *next = NULL;
        for (int i = 0; i < node->calls.n; i++) {
            const StackNode *called = &m->nodes.at[node->calls.at[i]];
            next = !next || called->most > next->most ? called : next;
        }
        node = next && next->most ? next : NULL;
    }
}

/* ---- both ------------------------------------------------------------------------------------------------- */
bool promises_kept(Arena *a, Diag *d, const Module *m, Span place, const Budget *budget, bool baked, const Measured *measured)
{
    const StackNode *most = deepest(measured);
    bool kept = true;
    if (budget->flash && flash_of(measured) > budget->flash) {
        diag_error(d, place, "--flash %" PRId64 " cannot be kept: the file has %" PRId64 " bytes, the least that was found", budget->flash,
                   flash_of(measured));
        diag_note(d, "code %" PRId64 ", constants %" PRId64 ", data %" PRId64, measured->text, measured->constants, measured->data);
        if (baked)
            name_weights(a, d, m);
        kept = false;
    }
    if (budget->stack && most && most->most > budget->stack) {
        diag_error(d, place, "--stack %" PRId64 " cannot be kept: %s needs %" PRId64 " bytes", budget->stack, most->name, most->most);
        name_frames(d, measured, most);
        kept = false;
    }
    return kept;
}
