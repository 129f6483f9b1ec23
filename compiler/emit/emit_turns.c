/* SPDX-License-Identifier: MIT */
/* emit_turns.c: a loop of kernels whose turns threads share: a function for some of the turns, with what lives in a turn alone at a place of
 * the thread's own, and the call that hands them out. */
#include "emit.h"
#include "emit_internal.h"

#include <inttypes.h>

typedef VEC(const Buffer *) Tensors;

static Tensors tensors_of(Arena *a, const Step *loop)
{
    Tensors list = {0};
    for (int i = 0; i < loop->body.n; i++)
        for (int k = 0; k < loop->body.at[i]->kernel->args.n; k++) {
            const Buffer *b = loop->body.at[i]->kernel->args.at[k];
            bool known = false;
            for (int j = 0; j < list.n; j++)
                known |= list.at[j] == b;
            if (!known)
                vec_push(a, &list, b);
        }
    return list;
}

static bool writes(const Step *loop, const Buffer *b)
{
    for (int i = 0; i < loop->body.n; i++)
        if (is_written(loop->body.at[i]->kernel, b))
            return true;
    return false;
}

static const char *function_of(const Plan *p, const Step *loop)
{
    return arena_printf(p->a, "%sturns%d", p->prefix, loop->at);
}

/* In the function: a member of its arguments, or the thread's part of it. */
static const char *pointer_in_turn(void *context, const Buffer *b)
{
    Arena *a = context;
    const int64_t stride = thread_stride(b);
    return stride ? arena_printf(a, "with->%s + thread * %" PRId64, b->name, stride) : arena_printf(a, "with->%s", b->name);
}

static void print_function(StrBuf *sb, const Plan *p, const Step *loop)
{
    const char *name = function_of(p, loop), *t = loop->time->name;
    const Tensors list = tensors_of(p->a, loop);
    bool own = false;
    sb_printf(sb, "struct %s_arguments {\n", name);
    for (int i = 0; i < list.n; i++) {
        const Buffer *b = list.at[i];
        sb_printf(sb, "    %s%s *%s;\n", writes(loop, b) ? "" : "const ", c_storage_type(b), b->name);
        own |= thread_stride(b) > 0;
    }
    sb_printf(sb, "};\n\nstatic void %s(const void *arguments, int thread, int from, int to)\n{\n", name);
    sb_printf(sb, "    const struct %s_arguments *const with = arguments;\n%s", name, own ? "" : "    (void)thread;\n");
    sb_printf(sb, "    for (int %s = from; %s < to; %s++) {\n", t, t, t);
    for (int i = 0; i < loop->body.n; i++) {
        const Kernel *k = loop->body.at[i]->kernel;
        emit_line(sb, 8, arena_printf(p->a, "%s;%s", call_text(p->a, k, pointer_in_turn, p->a), own_name(p->a, k)));
    }
    sb_puts(sb, "    }\n}\n\n");
}

void emit_turns(StrBuf *sb, const Plan *p)
{
    for (int i = 0; i < p->steps.n; i++)
        if (p->steps.at[i]->kind == STEP_SCAN && p->steps.at[i]->grain)
            print_function(sb, p, p->steps.at[i]);
}

void emit_shared_loop(StrBuf *sb, const Plan *p, const Step *loop, PortPointer *pointer, void *context, int indent)
{
    const char *name = function_of(p, loop);
    const Tensors list = tensors_of(p->a, loop);
    StrBuf with = {.a = p->a};
    for (int i = 0; i < list.n; i++)
        sb_printf(&with, "%s%s", i ? ", " : "", pointer(context, list.at[i]));
    emit_line(sb, indent, arena_printf(p->a, "dl_parallel(pool, &(const dl_work){%s, &(const struct %s_arguments){%s}, %" PRId64 ", %" PRId64 ", %d});",
                                       name, name, sb_text(&with), loop->time->extent, loop->grain, p->target->threads.n));
}
