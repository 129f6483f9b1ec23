/* SPDX-License-Identifier: MIT */
/* hello.c: whether metal.h holds what it says: check_metal.sh runs this before it believes anything else of a board. */
#include "metal.h"

static int counts[3] = {1, 2, 3}; /* .data */
static int zeros[64];             /* .bss */
METAL_CCM static volatile int beside[64];
static const char constants[] = "in flash";

/* Touches so much stack, and that it is not optimised away. */
__attribute__((noinline)) static int deep(int bytes)
{
    volatile char room[3000];
    for (int i = 0; i < bytes; i++)
        room[i] = (char)i;
    return room[bytes - 1];
}

/* Wants more than 16 KiB of stack. */
__attribute__((noinline)) static int deeper(int n)
{
    volatile char room[256];
    for (int i = 0; i < 256; i++)
        room[i] = (char)(n + i);
    return n > 100 ? n : deeper(n + 1) + room[0];
}

static void copy(const char *from, const char *to)
{
    char bytes[100];
    int in = metal_must_open(from, 0), out = metal_must_open(to, 1);
    int32_t left = metal_length(in);
    for (int32_t n; left > 0 && (n = metal_read(in, bytes, sizeof bytes)) > 0; left -= n)
        metal_write(out, bytes, n);
    metal_close(in);
    metal_close(out);
}

/* hello WHAT [...]: one thing each. */
int metal_main(int argc, char **argv)
{
    char what = argc > 1 ? argv[1][0] : '?';
    switch (what) {
    case 'p': /* print: memory as it begins, numbers */
        for (int i = 0; i < 64; i++)
            counts[0] += zeros[i];
        beside[3] = counts[1];
        metal_print("%s %d %d %x %f %d%%\n", constants, counts[0], -beside[3], metal_hash(METAL_HASH, "abc", 3), -1.9999999, argc);
        return 0;
    case 'c': /* copy a file */
        copy(argv[2], argv[3]);
        return 0;
    case 's': /* stack: what deep uses, at least and at most */
        metal_paint_stack();
        deep(3000);
        int32_t used = metal_painted_used();
        metal_print("%d\n", used);
        return used >= 3000 && used < 3500 ? 0 : 1;
    case 'o':
        return deeper(0);
    case 'f': /* fault */
        __builtin_trap();
    case 'm': /* floats: a fused multiply-add would say otherwise */
    {
        volatile float a = 1.0f + 1.0f / 4096, b = -(1.0f + 1.0f / 2048), c;
        c = a * a;
        metal_print("%d\n", c + b == 0.0f);
        return 0;
    }
    default:
        return metal_atoi(argv[1]);
    }
}
