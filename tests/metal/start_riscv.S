/* SPDX-License-Identifier: MIT */
/* start_riscv.S: where a RISC-V core begins, in machine mode. The first of several goes on, others sleep; traps end the program. */
    .section .vectors, "ax"
    .globl _start
_start:
    .option push
    .option norelax                 /* gp is not there yet */
    la gp, __global_pointer$
    .option pop
    la sp, __stack_top
    csrr t0, 0xf14                  /* mhartid */
    bnez t0, sleep
    la t0, trap
    csrw 0x305, t0                  /* mtvec */
#ifdef __riscv_flen
    li t0, 0x6000                   /* mstatus.FS: the floating-point unit is in use */
    csrs 0x300, t0
    csrw 0x003, zero                /* fcsr: to nearest, no flags */
#endif
    call start_memory
    call start_program
sleep:
    wfi
    j sleep

    .balign 4
trap:
    la sp, __stack_top              /* whatever it was */
    csrr a0, 0x342                  /* mcause */
    andi a0, a0, 31
    addi a0, a0, 120
    call metal_exit

/* ask(operation, block): three instructions that say together what they are, uncompressed and on one page. */
    .section .text.ask, "ax"
    .globl ask
    .option push
    .option norvc
    .option norelax
    .balign 16
ask:
    slli x0, x0, 0x1f
    ebreak
    srai x0, x0, 7
    ret
    .option pop

    .section .text.metal_paint_stack, "ax"
    .globl metal_paint_stack
metal_paint_stack:
    mv a0, sp
    tail start_paint
