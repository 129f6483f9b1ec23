/* SPDX-License-Identifier: MIT */
/* emit_memory.c: functions for compilation in memory. */
#include "emit.h"
#include "runtime_text.h"

#include <inttypes.h>

static const char *port_in_list(void *context, const Buffer *b)
{
    const Plan *p = context;
    for (int i = 0; i < p->fn->input.n; i++)
        if (p->fn->input.at[i].role == b->role && p->fn->input.at[i].index == b->index)
            return arena_printf(p->a, "in[%d]", i);
    for (int i = 0; i < p->fn->result.n; i++)
        if (p->fn->result.at[i].role == b->role && p->fn->result.at[i].index == b->index)
            return arena_printf(p->a, "out[%d]", i);
    BUG("port %s of %s is neither input nor result", b->name, p->fn->name);
}

const char *emit_memory(Arena *a, const MemoryFunction *functions, int n)
{
    StrBuf body = {.a = a}, sb = {.a = a};
    Share share = {.a = arena_inner(a)};
    Arena *work = arena_inner(a);
    bool calls_gemm = false, ticks = false;
    for (int i = 0; i < n; i++) {
        name_buffers(functions[i].plan);
        share_kernels(&share, functions[i].plan, arena_printf(a, "%s_", functions[i].name));
    }
    for (int i = 0; i < n; i++) {
        Plan *p = functions[i].plan;
        for (int k = 0; k < p->kernels.n; k++)
            emit_kernel(&body, work, p, p->kernels.at[k]);
        emit_turns(&body, p, functions[i].ticks);
        const char *head = arena_printf(a, "dl_status dlc_%s(void *const *in, void *const *out, void *arena, struct dl_pool *pool)",
                                        functions[i].name);
        sb_printf(&body, "struct dl_pool;\n%s;\n%s\n{\n    (void)in;\n    (void)out;\n    (void)pool;\n", head, head);
        emit_steps(&body, p, port_in_list, p, functions[i].ticks);
        sb_puts(&body, "    return DL_OK;\n}\n\n");
        calls_gemm |= p->target->calls_gemm;
        ticks |= functions[i].ticks;
    }
    sb_puts(&sb, n ? emit_exact(functions[0].plan->target) : "");
    sb_puts(&sb, runtime_text("types"));
    sb_puts(&sb, runtime_text("dl_status.h"));
    emit_runtime(&sb, sb_text(&body), true);
    if (calls_gemm)
        sb_puts(&sb, "void dl_gemm(int rows, int columns, int nloop, const int *loops, int a_row, int c_row,\n"
                     "             const float *a, const float *b, float *c);\n");
    sb_puts(&sb, ticks ? "void (*dlc_tick)(int thread, int step);\n" : "");
    sb_puts(&sb, sb_text(&body));
    return sb_text(&sb);
}
