/* SPDX-License-Identifier: MIT */
/* tcc.c: compilation by libtcc: in milliseconds, without any compiler or header on the machine. */
#include "jit.h"

#include <libtcc.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Message {
    Arena *a;
    const char *text;
} Message;

static void keep_message(void *context, const char *text)
{
    Message *m = context;
    if (!m->text || strstr(text, "error"))
        m->text = arena_strdup(m->a, text);
}

static void *tcc_symbol(Jit *jit, const char *name)
{
    return tcc_get_symbol(jit->handle, name);
}

static void tcc_close(Jit *jit)
{
    tcc_delete(jit->handle);
    munmap(jit->code, jit->bytes);
}

/* Symbols that libtcc's code calls although nothing in the source does. */
static void add_symbols(TCCState *s, bool exact)
{
    tcc_add_symbol(s, "dl_gemm", exact ? (void *)dl_gemm_exact : (void *)dl_gemm);
    tcc_add_symbol(s, "memset", (void *)memset);
    tcc_add_symbol(s, "memcpy", (void *)memcpy);
    tcc_add_symbol(s, "memmove", (void *)memmove);
}

/* Into memory of our own: libtcc's would leave pages of the heap executable. */
static bool relocate(TCCState *s, Jit *jit)
{
    int bytes = tcc_relocate(s, NULL);
    if (bytes < 0)
        return false;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    jit->bytes = ((size_t)bytes + page - 1) / page * page;
    jit->code = mmap(NULL, jit->bytes, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (jit->code == MAP_FAILED)
        return false;
    if (tcc_relocate(s, jit->code) >= 0)
        return true;
    munmap(jit->code, jit->bytes);
    return false;
}

Jit *jit_tcc(Arena *a, const char *source, const Target *target, const char **why)
{
    Message message = {.a = a};
    TCCState *s = tcc_new();
    Jit *jit = NEW(a, Jit);
    *jit = (Jit){.handle = s, .symbol = tcc_symbol, .close = tcc_close};
    tcc_set_error_func(s, &message, keep_message);
    tcc_set_options(s, "-nostdlib -nostdinc");
    tcc_set_output_type(s, TCC_OUTPUT_MEMORY);
    add_symbols(s, target->deterministic);
    if (tcc_compile_string(s, source) == 0 && relocate(s, jit))
        return jit;
    *why = arena_printf(a, "libtcc: %s", message.text ? message.text : "cannot place the code in memory");
    tcc_delete(s);
    return NULL;
}
