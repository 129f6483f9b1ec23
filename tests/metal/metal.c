/* SPDX-License-Identifier: MIT */
/* metal.c: what a program without a C library needs of one: the four functions that compilers call by themselves, and those of
 * metal.h that are the same everywhere. */
#include "metal.h"

#include <stdarg.h>

#if !__STDC_HOSTED__
/* Not to become calls of themselves. */
#if defined(__clang__)
#define PLAIN __attribute__((no_builtin))
#else
#define PLAIN __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);

PLAIN void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

PLAIN void *memmove(void *to, const void *from, size_t n)
{
    if ((uintptr_t)to <= (uintptr_t)from)
        return memcpy(to, from, n);
    while (n--)
        ((char *)to)[n] = ((const char *)from)[n];
    return to;
}

PLAIN void *memset(void *to, int value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((char *)to)[i] = (char)value;
    return to;
}

PLAIN int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}
#endif

enum { STANDARD_OUTPUT = 1 };

static void put(const char *text, int32_t n)
{
    metal_write(STANDARD_OUTPUT, text, n);
}

/* The last `digits` of them, or as many as there are. */
static void put_number(uint32_t value, uint32_t base, int digits)
{
    char text[16];
    int at = (int)sizeof text;
    do
        text[--at] = "0123456789abcdef"[value % base];
    while ((value /= base) || (int)sizeof text - at < digits);
    put(text + at, (int)sizeof text - at);
}

static void put_real(double x)
{
    if (x != x) {
        put("nan", 3);
        return;
    }
    if (x < 0) {
        put("-", 1);
        x = -x;
    }
    if (x >= 2147483648.0) {
        put("large", 5);
        return;
    }
    uint32_t whole = (uint32_t)x, rest = (uint32_t)((x - whole) * 1e6 + 0.5);
    put_number(whole + rest / 1000000, 10, 1);
    put(".", 1);
    put_number(rest % 1000000, 10, 6);
}

static void put_signed(int x)
{
    if (x < 0)
        put("-", 1);
    put_number(x < 0 ? 0u - (uint32_t)x : (uint32_t)x, 10, 1);
}

static int32_t length_of(const char *text)
{
    int32_t n = 0;
    while (text[n])
        n++;
    return n;
}

void metal_print(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    for (; *format; format++) {
        if (*format != '%') {
            put(format, 1);
            continue;
        }
        switch (*++format) {
        case 's': {
            const char *text = va_arg(args, const char *);
            put(text, length_of(text));
            break;
        }
        case 'd':
            put_signed(va_arg(args, int));
            break;
        case 'x':
            put_number(va_arg(args, uint32_t), 16, 8);
            break;
        case 'f':
            put_real(va_arg(args, double));
            break;
        default:
            put(format, 1);
        }
    }
    va_end(args);
}

int metal_must_open(const char *path, int write)
{
    int file = metal_open(path, write);
    if (file < 0) {
        metal_print("%s: cannot be opened\n", path);
        metal_exit(2);
    }
    return file;
}

uint32_t metal_hash(uint32_t hash, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 16777619u;
    return hash;
}

int metal_atoi(const char *text)
{
    int sign = *text == '-' ? -1 : 1, value = 0;
    for (text += *text == '-'; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (*text - '0');
    return sign * value;
}
