/* SPDX-License-Identifier: MIT */
/* memory.h: `--memory`. */
#ifndef DLC_MEMORY_H
#define DLC_MEMORY_H

#include "commands.h"

/* "sram=128K,ccm=64K,psram=8M@4"; NULL, and what is wrong. Without cycles a memory is one slower than the one before. */
const Memories *memories_read(Arena *a, const char *text, const char **why);
/* Where all a module keeps and the arenas of its functions lie, in plans that are not the caller's any more for other work; NULL, and why
 * not. `gradients` is left out: its results are the caller's, in one piece. */
const Placement *memories_place(Arena *a, const Module *m, const Memories *memories, const ModulePlans *plans, bool baked, bool train,
                                const char **why);

#endif
