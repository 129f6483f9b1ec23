/* SPDX-License-Identifier: MIT */
/* machine.c: peak and bandwidths of this machine, by a text that is compiled as the profiled code is. */
#include "profile.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const char probe_text[]; /* of probe.h, with DLC_PROBE */

typedef void ProbeCall(double *flops, double *clock, const long *bytes, int levels, double *bandwidths, float *memory);

enum { ROOM = 8192, MOST_PROBED = 128 << 20 };

static void add_level(Machine *m, const char *name, int64_t bytes)
{
    if (bytes > 0 && (!m->nlevel || bytes > m->level[m->nlevel - 1].bytes))
        m->level[m->nlevel++] = (Level){.name = name, .bytes = bytes};
}

static void find_levels(Machine *m, const Target *target, int64_t bytes)
{
    long l3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
    add_level(m, "L1", target->l1);
    add_level(m, "L2", target->l2);
    add_level(m, "L3", l3);
    if (!m->nlevel || bytes > m->level[m->nlevel - 1].bytes)
        add_level(m, "memory", INT64_MAX);
}

/* What a level is measured with: half of it, so that nothing else pushes it out; of large ones a few times what the level
 * before holds. */
static long probed_bytes(const Machine *m, int i)
{
    int64_t half = m->level[i].bytes / 2, enough = i ? 4 * m->level[i - 1].bytes : half;
    return (long)(half < enough ? half : enough < MOST_PROBED ? enough : MOST_PROBED);
}

void machine_again(Machine *m)
{
    double flops = 0, clock = 0, found[3 * MOST_LEVELS];
    long bytes[MOST_LEVELS];
    for (int i = 0; i < m->nlevel; i++)
        bytes[i] = probed_bytes(m, i);
    ((ProbeCall *)m->probe)(&flops, &clock, bytes, m->nlevel, found, m->memory);
    m->flops = flops > m->flops ? flops : m->flops;
    m->clock = clock > m->clock ? clock : m->clock;
    for (int i = 0; i < m->nlevel; i++) {
        double *const at[] = {&m->level[i].read, &m->level[i].copy, &m->level[i].fill};
        for (int p = 0; p < LEN(at); p++)
            *at[p] = found[3 * i + p] > *at[p] ? found[3 * i + p] : *at[p];
    }
}

bool machine_open(Machine *m, const Target *target, int64_t bytes, CompileText *compile, void *context,
                  const char **why)
{
    *m = (Machine){0};
    Jit *jit = compile(context, probe_text, why);
    if (!jit)
        return false;
    find_levels(m, target, bytes);
    m->probe = jit_symbol(jit, "dlc_probe");
    size_t most = (size_t)probed_bytes(m, m->nlevel - 1) + ROOM;
    m->memory = m->probe ? aligned_alloc(64, most) : NULL;
    if (!m->memory) {
        *why = "cannot measure this machine";
        return false;
    }
    memset(m->memory, 0, most);
    machine_again(m);
    return true;
}

void machine_close(Machine *m)
{
    free(m->memory);
    m->memory = NULL;
}
