/* SPDX-License-Identifier: MIT */
/* emit_turns.c: loops of kernels that threads share, their turns or their examples: a function for some of these, and the call that hands
 * them out. What lives in a turn alone, and a kernel's block of rows, has a place of the thread's own. */
#include "emit.h"
#include "emit_internal.h"

#include <inttypes.h>

typedef VEC(const Buffer *) Tensors;
typedef VEC(const Var *) Times;

/* What a loop's function is given. */
typedef struct Given {
    Tensors tensors;
    Times times;                /* positions of the loops around it */
} Given;

static void add_kernel(Arena *a, Given *g, const Kernel *k)
{
    for (int i = 0; i < k->args.n; i++) {
        bool known = false;
        for (int j = 0; j < g->tensors.n; j++)
            known |= g->tensors.at[j] == k->args.at[i];
        if (!known)
            vec_push(a, &g->tensors, k->args.at[i]);
    }
    for (int i = 0; i < k->scans.n; i++) {
        bool known = false;
        for (int j = 0; j < g->times.n; j++)
            known |= g->times.at[j] == k->scans.at[i];
        if (!known)
            vec_push(a, &g->times, k->scans.at[i]);
    }
}

static void add_steps(Arena *a, Given *g, const Step *loop)
{
    for (int i = 0; i < loop->body.n; i++)
        if (loop->body.at[i]->kind == STEP_SCAN)
            add_steps(a, g, loop->body.at[i]);
        else
            add_kernel(a, g, loop->body.at[i]->kernel);
    int n = 0;
    for (int i = 0; i < g->times.n; i++)
        if (g->times.at[i] != loop->time)
            g->times.at[n++] = g->times.at[i];
    g->times.n = n;
}

static Given given_of(Arena *a, const Step *loop)
{
    Given g = {0};
    add_steps(a, &g, loop);
    return g;
}

static bool writes(const Step *loop, const Buffer *b)
{
    for (int i = 0; i < loop->body.n; i++)
        if (loop->body.at[i]->kind == STEP_SCAN ? writes(loop->body.at[i], b) : is_written(loop->body.at[i]->kernel, b))
            return true;
    return false;
}

static const char *function_of(const Plan *p, const Step *loop)
{
    return arena_printf(p->a, "%s%s%d", p->prefix, loop->rows ? "rows" : "turns", loop->at);
}

/* ---- the function ---------------------------------------------------------------------------------- */
static int64_t own_stride(const Plan *p, const Step *loop, const Buffer *b)
{
    return loop->rows && b->block ? type_count(b->type) / p->target->threads.n : thread_stride(b);
}

typedef struct Inside {
    const Plan *p;
    const Step *loop;
    VEC(const char *) lists;    /* the turns with which shares begin, each list once */
    bool ticks;                 /* dlc_tick(thread + 1, -1) at the beginning, dlc_tick(thread + 1, its step) behind each kernel */
} Inside;

/* In the function: a member of its arguments, or the thread's part of it. */
static const char *pointer_inside(void *context, const Buffer *b)
{
    const Inside *in = context;
    const int64_t stride = own_stride(in->p, in->loop, b);
    return stride ? arena_printf(in->p->a, "with->%s + thread * %" PRId64, b->name, stride) : arena_printf(in->p->a, "with->%s", b->name);
}

/* Of a kernel's turns those with which shares begin. */
static const char *begins_text(const Inside *in, const Kernel *k)
{
    const int n = in->p->target->threads.n;
    StrBuf sb = {.a = in->p->a};
    for (int i = 0; i <= n; i++)
        sb_printf(&sb, "%s%" PRId64, i ? ", " : "", row_turn(k, in->loop->rows[i], in->loop->rows[n]));
    return sb_text(&sb);
}

/* The number of a list, from 1 on; a new one is put behind the others. */
static int list_number(Inside *in, const char *text)
{
    for (int i = 0; i < in->lists.n; i++)
        if (str_eq(in->lists.at[i], text))
            return i + 1;
    vec_push(in->p->a, &in->lists, text);
    return in->lists.n;
}

static void list_begins(Inside *in, const Step *loop)
{
    for (int i = 0; i < loop->body.n; i++)
        if (loop->body.at[i]->kind == STEP_SCAN)
            list_begins(in, loop->body.at[i]);
        else
            list_number(in, begins_text(in, loop->body.at[i]->kernel));
}

/* The call's first arguments: the kernel's turns that are the share's. */
static const char *begin_text(Inside *in, const Kernel *k)
{
    const int list = list_number(in, begins_text(in, k));
    return arena_printf(in->p->a, "%s_range(begin_%d[share], begin_%d[share + 1]", k->function, list, list);
}

static void print_calls(StrBuf *sb, Inside *in, const Step *loop, int indent)
{
    for (int i = 0; i < loop->body.n; i++) {
        const Step *s = loop->body.at[i];
        if (s->kind == STEP_SCAN) {
            emit_time_loop(sb, s, indent);
            print_calls(sb, in, s, indent + 4);
            sb_printf(sb, "%*s}\n", indent, "");
            continue;
        }
        const char *begin = in->loop->rows ? begin_text(in, s->kernel) : call_begin(in->p->a, s->kernel, "");
        const char *call = call_text_from(in->p->a, s->kernel, begin, pointer_inside, in);
        emit_line(sb, indent, arena_printf(in->p->a, "%s;%s", call, own_name(in->p->a, s->kernel)));
        if (in->ticks)
            sb_printf(sb, "%*sdlc_tick(thread + 1, %d);\n", indent, "", s->at);
    }
}

static void print_begins(StrBuf *sb, Inside *in)
{
    list_begins(in, in->loop);
    for (int i = 0; i < in->lists.n; i++)
        sb_printf(sb, "%sbegin_%d[] = {%s}", i ? ", " : "    static const int ", i + 1, in->lists.at[i]);
    sb_puts(sb, ";\n");
}

static void print_function(StrBuf *sb, const Plan *p, const Step *loop, bool ticks)
{
    const char *name = function_of(p, loop), *t = loop->time->name;
    const Given g = given_of(p->a, loop);
    Inside in = {.p = p, .loop = loop, .ticks = ticks};
    bool own = ticks;
    sb_printf(sb, "struct %s_arguments {\n", name);
    for (int i = 0; i < g.times.n; i++)
        sb_printf(sb, "    int %s;\n", g.times.at[i]->name);
    for (int i = 0; i < g.tensors.n; i++) {
        const Buffer *b = g.tensors.at[i];
        sb_printf(sb, "    %s%s *%s;\n", writes(loop, b) ? "" : "const ", c_storage_type(b), b->name);
        own |= own_stride(p, loop, b) > 0;
    }
    sb_printf(sb, "};\n\nstatic void %s(const void *arguments, int thread, int from, int to)\n{\n", name);
    if (loop->rows)
        print_begins(sb, &in);
    sb_printf(sb, "    const struct %s_arguments *const with = arguments;\n%s", name, own ? "" : "    (void)thread;\n");
    for (int i = 0; i < g.times.n; i++)
        sb_printf(sb, "    const int %s = with->%s;\n", g.times.at[i]->name, g.times.at[i]->name);
    sb_puts(sb, ticks ? "    dlc_tick(thread + 1, -1);\n" : "");
    if (loop->rows) {
        sb_puts(sb, "    for (int share = from; share < to; share++) {\n");
        emit_time_loop(sb, loop, 8);
        print_calls(sb, &in, loop, 12);
        sb_puts(sb, "        }\n");
    } else {
        sb_printf(sb, loop->reverse ? "    for (int %s = to - 1; %s >= from; %s--) {\n" : "    for (int %s = from; %s < to; %s++) {\n", t, t, t);
        print_calls(sb, &in, loop, 8);
    }
    sb_puts(sb, "    }\n}\n\n");
}

static void print_functions(StrBuf *sb, const Plan *p, Step *const *steps, int n, bool ticks)
{
    for (int i = 0; i < n; i++)
        if (steps[i]->kind == STEP_SCAN && (steps[i]->grain || steps[i]->rows))
            print_function(sb, p, steps[i], ticks);
        else if (steps[i]->kind == STEP_SCAN)
            print_functions(sb, p, steps[i]->body.at, steps[i]->body.n, ticks);
}

void emit_turns(StrBuf *sb, const Plan *p, bool ticks)
{
    print_functions(sb, p, p->steps.at, p->steps.n, ticks);
}

/* ---- the call -------------------------------------------------------------------------------------- */
void emit_shared_loop(StrBuf *sb, const Plan *p, const Step *loop, PortPointer *pointer, void *context, int indent)
{
    const char *name = function_of(p, loop);
    const Given g = given_of(p->a, loop);
    const int n = p->target->threads.n;
    StrBuf with = {.a = p->a};
    for (int i = 0; i < g.times.n; i++)
        sb_printf(&with, "%s%s", with.n ? ", " : "", g.times.at[i]->name);
    for (int i = 0; i < g.tensors.n; i++)
        sb_printf(&with, "%s%s", with.n ? ", " : "", pointer(context, g.tensors.at[i]));
    emit_line(sb, indent, arena_printf(p->a, "dl_parallel(pool, &(const dl_work){%s, &(const struct %s_arguments){%s}, %" PRId64 ", %" PRId64 ", %d, %d});",
                                       name, name, sb_text(&with), loop->rows ? n : loop->time->extent, loop->rows ? 1 : loop->grain, n, !loop->rows && loop->reverse));
}
