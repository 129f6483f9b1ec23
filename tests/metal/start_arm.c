/* SPDX-License-Identifier: MIT */
/* start_arm.c: where a Cortex-M begins. Armv6-M, v7-M and v8.1-M; faults end the program. */
#include "metal.h"
#include "start.h"

void _start(void);

enum { FAULT_STATUS = 100 };

/* Coprocessor Access Control Register: CP10 and CP11, the floating-point unit and Helium, for everybody. */
#define CPACR (*(volatile uint32_t *)0xe000ed88)

static void fault(void)
{
    uint32_t number;
    __asm__ volatile("mrs %0, ipsr" : "=r"(number));
    metal_exit(FAULT_STATUS + (int)(number & 0x1f));
}

void _start(void)
{
#if defined(__ARM_FP)
    CPACR |= 0xfu << 20;
    __asm__ volatile("dsb\nisb" ::: "memory");
#endif
    start_memory();
    start_program();
}

__attribute__((naked)) void metal_paint_stack(void)
{
    __asm__("mov r0, sp\n"
            "ldr r1, =start_paint\n"
            "bx r1\n"
            ".ltorg");
}

typedef union Vector {
    uint32_t *stack;
    void (*handler)(void);
} Vector;

__attribute__((section(".vectors"), used)) static const Vector vectors[16] = {
    {__stack_top},      {.handler = _start}, {.handler = fault}, {.handler = fault}, {.handler = fault}, {.handler = fault},
    {.handler = fault}, {.handler = fault}, {.handler = fault}, {.handler = fault}, {.handler = fault}, {.handler = fault},
    {.handler = fault}, {.handler = fault}, {.handler = fault}, {.handler = fault},
};
