/* SPDX-License-Identifier: MIT */
/* start.h: between start-up code and semihost.c. What lies where comes from the linker scripts. */
#ifndef METAL_START_H
#define METAL_START_H

#include <stdint.h>

extern uint32_t __stack_limit[], __stack_top[], __data_start[], __data_end[], __bss_start[], __bss_end[];
extern const uint32_t __data_load[];

/* Memory as C wants it at the start, and the program. start_memory needs a stack, and marks its end. */
void start_memory(void);
_Noreturn void start_program(void);

/* metal_paint_stack, called with the stack pointer of its caller. */
void start_paint(uint32_t *top);

/* Nothing has been written beyond the stack's end. */
int start_stack_held(void);

#endif
