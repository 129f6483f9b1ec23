/* SPDX-License-Identifier: MIT */
/* code.c: emitted kernels, each callable alone. Behind the text that is verified stands, for each kernel, a
 * function of one shape that calls it. */
#include "verify.h"

#include <inttypes.h>
#include <signal.h>

void code_put_pool(StrBuf *sb, const MemoryFunction *functions, int n)
{
    bool any = false;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < functions[i].plan->kernels.n; k++)
            any |= functions[i].plan->kernels.at[k]->split.n > 0 && !functions[i].plan->kernels.at[k]->by_rows;
    if (any)
        sb_puts(sb, "static void dlv_backwards(dl_pool *pool, const dl_work *work)\n{\n    (void)pool;\n"
                    "    for (int from = (work->count - 1) / work->grain * work->grain; from >= 0; from -= work->grain)\n"
                    "        work->piece(work->arguments, from / work->grain % work->threads, from,\n"
                    "                    work->count - from < work->grain ? work->count : from + work->grain);\n}\n\n"
                    "static dl_pool dlv_pool = {dlv_backwards};\n\n");
}

void code_put_caller(StrBuf *sb, const char *function, const Kernel *k)
{
    bool check = k->stages.at[0]->kind == STAGE_CHECK;
    sb_printf(sb, "int dlv_%s_%d(void *const *arg, const int *time);\n", function, k->id);
    sb_printf(sb,
              "int dlv_%s_%d(void *const *arg, const int *time)\n{\n    (void)arg;\n    (void)time;\n    ",
              function, k->id);
    int n = k->split.n > 0;
    sb_printf(sb, "%s%s", check ? "return (int)" : "", call_begin(sb->a, k, "&dlv_pool"));
    for (int i = 0; i < k->scans.n; i++)
        sb_printf(sb, "%stime[%d]", n++ ? ", " : "", i);
    for (int i = 0; i < k->salts.n; i++)
        sb_printf(sb, "%s0x%08" PRIx32 "u", n++ ? ", " : "", k->salts.at[i]);
    for (int i = 0; i < k->args.n; i++)
        sb_printf(sb, "%sarg[%d]", n++ ? ", " : "", i);
    sb_puts(sb, sizes_passed(sb->a, k));
    sb_puts(sb, check ? ");\n}\n\n" : ");\n    return 0;\n}\n\n");
}

const char *code_source(Arena *a, const MemoryFunction *functions, int n)
{
    StrBuf sb = {.a = a};
    sb_puts(&sb, emit_memory(a, functions, n));
    code_put_pool(&sb, functions, n);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < functions[i].plan->kernels.n; k++)
            code_put_caller(&sb, functions[i].name, functions[i].plan->kernels.at[k]);
    return sb_text(&sb);
}

bool code_find(Arena *a, Jit *jit, const MemoryFunction *function, Code *code, const char **why)
{
    int n = function->plan->kernels.n;
    *code = (Code){.plan = function->plan, .kernel = NEWN(a, KernelCall *, n + 1)};
    code->entry = (JitFunction *)jit_symbol(jit, arena_printf(a, "dlc_%s", function->name));
    bool all = code->entry != NULL;
    for (int i = 0; i < n; i++) {
        code->kernel[i] = (KernelCall *)jit_symbol(jit, arena_printf(a, "dlv_%s_%d", function->name, i));
        all &= code->kernel[i] != NULL;
    }
    if (!all)
        *why = arena_printf(a, "the compiled code has no %s", function->name);
    return all;
}

/* ---- calls that may go wrong ----------------------------------------------------------------------- */
static sigjmp_buf back;

static void leave(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}

__attribute__((noinline)) void code_litter_stack(int byte)
{
    enum { MOST = 64 * 1024 / sizeof(uint64_t) };
    volatile uint64_t below[MOST];
    for (int i = 0; i < MOST; i++)
        below[i] = (unsigned char)byte * (UINT64_MAX / 255);
    (void)below[MOST - 1];
}

bool code_survives(void (*call)(void *context), void *context)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct sigaction action = {.sa_handler = leave}, before[LEN(signals)];
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < LEN(signals); i++)
        sigaction(signals[i], &action, &before[i]);
    volatile bool survives = sigsetjmp(back, 1) == 0;
    if (survives)
        call(context);
    for (int i = 0; i < LEN(signals); i++)
        sigaction(signals[i], &before[i], NULL);
    return survives;
}
