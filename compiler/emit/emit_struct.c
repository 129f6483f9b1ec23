/* SPDX-License-Identifier: MIT */
/* emit_struct.c: what the caller keeps, as structs: one a kind, or, with --memory, one a memory. */
#include "emit_struct.h"

#include <ctype.h>
#include <inttypes.h>

const char *upper(Arena *a, const char *name)
{
    char *text = arena_strdup(a, name);
    for (char *c = text; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return text;
}

Type type_with_batch(Entry entry, int64_t batch)
{
    return entry.batched ? type_insert(entry.type, 0, batch) : entry.type;
}

void put_members(StrBuf *sb, Arena *a, const Entry *entry, int n, int64_t batch, int indent)
{
    for (int i = 0; i < n; i++) {
        Type t = type_with_batch(entry[i], batch);
        sb_printf(sb, "%*s%s %s[%" PRId64 "];%s%s%s\n", indent, "", c_type(t.dt), c_identifier(a, entry[i].name), type_count(t),
                  t.rank > 1 ? "   /* " : "", t.rank > 1 ? type_text(a, t) : "", t.rank > 1 ? " */" : "");
    }
}

/* FNV-1a (Fowler, Noll, Vo) of names, shapes and types. */
static uint32_t signature_of(Arena *a, const Entry *entry, int n, int64_t batch)
{
    StrBuf text = {.a = a};
    uint32_t hash = 2166136261u;
    for (int i = 0; i < n; i++)
        sb_printf(&text, "%s: %s\n", entry[i].name, type_text(a, type_with_batch(entry[i], batch)));
    for (const char *c = sb_text(&text); *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    return hash;
}

static void put_signature(StrBuf *sb, Arena *a, const char *name, const char *kind, const Entry *entry, int n, int64_t batch)
{
    sb_printf(sb, "#define %s_%s_SIGNATURE 0x%08" PRIX32 "u   /* of names and types, for dl_store.h */\n", upper(a, name), upper(a, kind),
              signature_of(a, entry, n, batch));
}

void put_struct_end(StrBuf *sb, Arena *a, const char *name, const char *kind, const Entry *entry, int n, int64_t batch)
{
    sb_printf(sb, "} %s_%s;\n", name, kind);
    put_signature(sb, a, name, kind, entry, n, batch);
    sb_putc(sb, '\n');
}

void put_struct(StrBuf *sb, Arena *a, const char *name, const char *kind, const Entry *entry, int n, int64_t batch, const char *comment)
{
    sb_printf(sb, "/* %s */\ntypedef struct %s_%s {\n", comment, name, kind);
    put_members(sb, a, entry, n, batch, 4);
    put_struct_end(sb, a, name, kind, entry, n, batch);
}

void put_optimizer_scalars(StrBuf *sb, bool seed, int indent)
{
    if (seed)
        sb_printf(sb, "%*suint64_t seed;\n", indent, "");
    sb_printf(sb, "%*sint32_t step;\n", indent, "");
}

/* ---- several memories ------------------------------------------------------------------------------ */
static const KeptTensor *find_kept(const Placement *p, Role role, int index)
{
    for (int i = 0; i < p->nkept; i++)
        if (p->kept[i].role == role && p->kept[i].index == index)
            return &p->kept[i];
    return NULL;
}

int placement_of(const Placement *p, Role role, int index)
{
    const KeptTensor *kept = find_kept(p, role, index);
    if (!kept)
        BUG("a %s port that was not placed", role_name(role));
    return kept->memory;
}

bool memory_is_used(const Placement *p, int memory)
{
    return p->kept_bytes[memory] + p->arena_bytes[memory] > 0;
}

bool plan_uses_memory(const Placement *to, const Plan *p, int memory)
{
    for (int i = 0; i < p->buffers.n; i++) {
        const Buffer *b = p->buffers.at[i];
        if (b->first < 0 || b->alias)
            continue;
        const KeptTensor *kept = b->kind == BUFFER_PORT ? find_kept(to, b->role, b->index) : NULL;
        if (b->kind == BUFFER_ARENA ? b->memory == memory : kept && kept->memory == memory)
            return true;
    }
    return false;
}

/* Those of a kind that lie in the memory. */
typedef VEC(Entry) Entries;
static Entries entries_in(Arena *a, const Placement *p, int memory, Role role, const Entry *entry, int n)
{
    Entries in = {0};
    for (int i = 0; i < n; i++) {
        const KeptTensor *kept = find_kept(p, role, i);
        if (kept && kept->memory == memory)
            vec_push(a, &in, entry[i]);
    }
    return in;
}

static void put_memory(StrBuf *sb, Arena *a, const char *name, const Module *m, const Placement *p, int r, bool seed)
{
    const struct {
        const char *kind;
        Role role;
        const Entry *entry;
        int n;
        int64_t batch;
    } kinds[] = {
        {"params", ROLE_PARAM, m->params.at, m->params.n, 1},
        {"state", ROLE_STATE, m->states.at, m->states.n, 1},
        {"stream", ROLE_STREAM, m->streams.at, m->streams.n, m->batch},
        {"optimizer", ROLE_OPTIMIZER, m->optimizer.at, m->optimizer.n, 1},
    };
    const Memory *memory = &p->memories->at[r];
    StrBuf signatures = {.a = a};
    const KeptTensor *scalars = find_kept(p, ROLE_STEP, 0);
    sb_printf(sb, "/* What lies in %s, aligned to 64: %" PRId64 " bytes of %" PRId64 ". */\ntypedef struct %s_%s {\n", memory->name,
              p->kept_bytes[r] + p->arena_bytes[r], memory->bytes, name, memory->name);
    if (p->arena_bytes[r])
        sb_printf(sb, "    float arena[%" PRId64 "];   /* scratch; contents need not survive between calls */\n", p->arena_bytes[r] / 4);
    for (int i = 0; i < LEN(kinds); i++) {
        Entries in = entries_in(a, p, r, kinds[i].role, kinds[i].entry, kinds[i].n);
        bool has_scalars = kinds[i].role == ROLE_OPTIMIZER && scalars && scalars->memory == r;
        if (!in.n && !has_scalars)
            continue;
        sb_puts(sb, "    struct {\n");
        if (has_scalars)
            put_optimizer_scalars(sb, seed, 8);
        put_members(sb, a, in.at, in.n, kinds[i].batch, 8);
        sb_printf(sb, "    } %s;\n", kinds[i].kind);
        put_signature(&signatures, a, name, arena_printf(a, "%s_%s", memory->name, kinds[i].kind), in.at, in.n, kinds[i].batch);
    }
    sb_printf(sb, "} %s_%s;\n%stypedef char %s_%s_fits[sizeof(%s_%s) <= %" PRId64 " ? 1 : -1];\n\n", name, memory->name,
              sb_text(&signatures), name, memory->name, name, memory->name, memory->bytes);
}

void put_memory_structs(StrBuf *sb, Arena *a, const char *name, const Module *m, const Placement *p, bool seed)
{
    for (int r = 0; r < p->memories->n; r++)
        if (memory_is_used(p, r))
            put_memory(sb, a, name, m, p, r, seed);
}
