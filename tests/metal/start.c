/* SPDX-License-Identifier: MIT */
/* start.c: .data and .bss, and a stack whose use can be seen: by its end, and by paint. */
#include "start.h"

#include "metal.h"

enum { MARKS = 64, MARK = 0x5afe57ac, PAINT = 0x1a1d7ed0 };

void start_memory(void)
{
    for (uint32_t *to = __data_start, i = 0; to < __data_end; to++, i++)
        *(volatile uint32_t *)to = __data_load[i]; /* volatile: no memcpy yet */
    for (uint32_t *to = __bss_start; to < __bss_end; to++)
        *(volatile uint32_t *)to = 0;
    for (int i = 0; i < MARKS; i++)
        __stack_limit[i] = MARK;
}

int start_stack_held(void)
{
    int held = 1;
    for (int i = 0; i < MARKS; i++)
        held &= *(volatile uint32_t *)(__stack_limit + i) == MARK;
    return held;
}

static uint32_t *painted_from;

void start_paint(uint32_t *top)
{
    painted_from = top;
    uint32_t *mine = __builtin_frame_address(0);
    for (volatile uint32_t *at = __stack_limit + MARKS; at < mine - 32; at++)
        *at = PAINT;
}

int32_t metal_painted_used(void)
{
    const volatile uint32_t *at = __stack_limit + MARKS;
    while (at < painted_from && *at == PAINT)
        at++;
    return (int32_t)((uintptr_t)painted_from - (uintptr_t)at);
}
