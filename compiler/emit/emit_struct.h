/* SPDX-License-Identifier: MIT */
/* emit_struct.h: the structs of a generated header. */
#ifndef DLC_EMIT_STRUCT_H
#define DLC_EMIT_STRUCT_H

#include "emit.h"

const char *upper(Arena *a, const char *name);
Type type_with_batch(Entry entry, int64_t batch);       /* `batch`: of what each example has its own */
void put_members(StrBuf *sb, Arena *a, const Entry *entry, int n, int64_t batch, int indent);
void put_struct(StrBuf *sb, Arena *a, const char *name, const char *kind, const Entry *entry, int n, int64_t batch,
                const char *comment);
/* Ends the struct NAME_KIND, and says how a store knows it (runtime/dl_store.h). */
void put_struct_end(StrBuf *sb, Arena *a, const char *name, const char *kind, const Entry *entry, int n, int64_t batch);
void put_optimizer_scalars(StrBuf *sb, bool seed, int indent);

/* With a placement: a struct for each memory, of its arena and of what is kept there. */
void put_memory_structs(StrBuf *sb, Arena *a, const char *name, const Module *m, const Placement *p, bool seed);
int placement_of(const Placement *p, Role role, int index);     /* the memory of what is kept */
bool memory_is_used(const Placement *p, int memory);
bool plan_uses_memory(const Placement *to, const Plan *p, int memory);      /* a function's arena or ports lie there */

#endif
