/* SPDX-License-Identifier: MIT */
/* metal.h: all that a test program has on a board without an operating system: its arguments, files of the machine that emulates
 * the board, memory to put arrays into, a stack that can be measured. semihost.c has it for Arm and RISC-V, wasm.c for WebAssembly, and host.c for
 * the machine itself, so that the same program says what its results should be. */
#ifndef METAL_H
#define METAL_H

#include <stddef.h>
#include <stdint.h>

/* The program. What it returns is the exit status. */
int metal_main(int argc, char **argv);

_Noreturn void metal_exit(int status);

/* A file to read, or one to write anew. Negative where it cannot be opened; metal_must_open ends the program then, with its name. */
int metal_open(const char *path, int write);
int metal_must_open(const char *path, int write);
void metal_close(int file);
int32_t metal_length(int file);

/* How many bytes were read or written. */
int32_t metal_read(int file, void *to, int32_t bytes);
int32_t metal_write(int file, const void *from, int32_t bytes);

/* To standard output. %s, %d (int), %x (uint32_t, eight digits), %f (six digits behind the point, below 2^31), %%. */
void metal_print(const char *format, ...);

/* FNV-1a, of these bytes behind those that gave `hash`; METAL_HASH begins. */
#define METAL_HASH 2166136261u
uint32_t metal_hash(uint32_t hash, const void *bytes, size_t n);

/* Paints the stack below the caller; what was used of it since, at the deepest. 0 where it cannot be told: in WebAssembly and on the host. */
void metal_paint_stack(void);
int32_t metal_painted_used(void);

/* Large boards have megabytes for these; the stm32f405's second memory, 64 KiB beside the core. Neither is zeroed at the start. */
#if !__STDC_HOSTED__ && defined(__ELF__)
#define METAL_CCM __attribute__((section(".ccm")))
#else
#define METAL_CCM
#endif

int metal_atoi(const char *text);

#endif
