/* SPDX-License-Identifier: MIT */
/* semihost.c: metal.h by semihosting: the core stops at an instruction of its own kind, and its emulator (or a debugger) does what
 * registers ask for. Arm, Semihosting for AArch32 and AArch64; RISC-V, Semihosting binary interface. */
#include "metal.h"

#include "start.h"

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_FLEN = 0x0c,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20,
    APPLICATION_EXIT = 0x20026,
    MODE_READ_BINARY = 1, /* fopen's "rb" and "wb" */
    MODE_WRITE_BINARY = 5
};

typedef intptr_t Word;

#if defined(__arm__)
static Word ask(Word operation, Word *block)
{
    register Word a0 __asm__("r0") = operation;
    register Word *a1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(a0) : "r"(a1) : "memory");
    return a0;
}
#else
Word ask(Word operation, Word *block); /* start_riscv.S: its instructions want a place of their own */
#endif

static Word length_of(const char *text)
{
    Word n = 0;
    while (text[n])
        n++;
    return n;
}

static int open_as(const char *path, int mode)
{
    Word block[] = {(Word)path, mode, length_of(path)};
    return (int)ask(SYS_OPEN, block);
}

int metal_open(const char *path, int write)
{
    return open_as(path, write ? MODE_WRITE_BINARY : MODE_READ_BINARY);
}

void metal_close(int file)
{
    Word block[] = {file};
    ask(SYS_CLOSE, block);
}

int32_t metal_length(int file)
{
    Word block[] = {file};
    return (int32_t)ask(SYS_FLEN, block);
}

int32_t metal_read(int file, void *to, int32_t bytes)
{
    Word block[] = {file, (Word)to, bytes};
    return bytes - (int32_t)ask(SYS_READ, block); /* it says what is left */
}

int32_t metal_write(int file, const void *from, int32_t bytes)
{
    Word block[] = {file, (Word)from, bytes};
    return bytes - (int32_t)ask(SYS_WRITE, block);
}

_Noreturn void metal_exit(int status)
{
    Word block[] = {APPLICATION_EXIT, start_stack_held() ? status : 99};
    for (;;)
        ask(SYS_EXIT_EXTENDED, block);
}

/* The command line, cut at its spaces. */
static int arguments(char *line, Word size, char **argv, int most)
{
    Word block[] = {(Word)line, size};
    int argc = 0;
    if (ask(SYS_GET_CMDLINE, block))
        return 0;
    for (char *at = line; *at;) {
        if (argc < most - 1)
            argv[argc++] = at;
        while (*at && *at != ' ')
            at++;
        while (*at == ' ')
            *at++ = 0;
    }
    return argc;
}

/* The first file that is opened is 1 in QEMU, or whatever comes: the console has to be what metal_print writes to. */
_Noreturn void start_program(void)
{
    static char line[512];
    static char *argv[32];
    if (open_as(":tt", MODE_WRITE_BINARY) != 1)
        metal_exit(98);
    metal_exit(metal_main(arguments(line, sizeof line, argv, 32), argv));
}
