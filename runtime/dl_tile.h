/* SPDX-License-Identifier: MIT-0 */
/* dl_tile.h: what contraction kernels need: vectors, and which taps of a padded window lie on the data. */
#ifndef DL_TILE_H
#define DL_TILE_H

/* A tap k of a window lies at start + k * dilation. `reach` is how far the window starts before the data: the first tap on it. */
static inline int dl_first_tap(int reach, int dilation)
{
    return reach > 0 ? (reach + dilation - 1) / dilation : 0;
}

/* `room` is the distance from the window's start to the data's last element: one past the last of `taps` on the data. */
static inline int dl_end_tap(int room, int dilation, int taps)
{
    const int end = room < 0 ? 0 : room / dilation + 1;
    return end < taps ? end : taps;
}

static inline int dl_later(int x, int y)
{
    return x > y ? x : y;
}

static inline int dl_sooner(int x, int y)
{
    return x < y ? x : y;
}

#if defined(__GNUC__) && !defined(__TINYC__)
#define DL_ALIGNED __attribute__((aligned(64)))
/* x[i] into the cache; it need not exist. */
#define DL_PREFETCH(x, i) __builtin_prefetch((const void *)((__UINTPTR_TYPE__)(x) + 4 * (__UINTPTR_TYPE__)(i)))
typedef float dl_v4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float dl_v8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float dl_v16 __attribute__((vector_size(64), aligned(4), may_alias));
#endif

#endif
