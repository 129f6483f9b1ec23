/* SPDX-License-Identifier: MIT-0 */
/* dl_arena.h: integers that lie in the arena, where floats are at other times. Compilers that tell the two apart
 * by type have to be told: clang would take a float's load and a later store of an integer to its place for
 * independent, and swap them. */
#ifndef DL_ARENA_H
#define DL_ARENA_H

#ifndef DL_HAVE_STDINT /* define it where the fixed-width types are there already and <stdint.h> is not */
#include <stdint.h>
#endif

#if defined(__GNUC__)
typedef int32_t __attribute__((__may_alias__)) dl_word;
#else
typedef int32_t dl_word;
#endif

#endif
