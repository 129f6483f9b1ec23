/* SPDX-License-Identifier: MIT */
/* emit_body.c: names, and what every entry point does: where its buffers lie in the arena, and its kernels in
 * order. */
#include "emit.h"

#include "../kernels/place.h"
#include "runtime_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* ---- names ----------------------------------------------------------------------------------------- */
static const char *const reserved[] = {
    "auto",     "break",     "case",      "char",     "const",     "continue", "default",  "do",
    "double",   "else",      "enum",      "extern",   "float",     "for",      "goto",     "if",
    "inline",   "int",       "long",      "register", "restrict",  "return",   "short",    "signed",
    "sizeof",   "static",    "struct",    "switch",   "typedef",   "union",    "unsigned", "void",
    "volatile", "while",     "bool",      "true",     "false",     "class",    "new",      "delete",
    "template", "this",      "private",   "public",   "protected", "virtual",  "operator", "namespace",
    "try",      "catch",     "throw",     "asm",      "linux",     "unix",     "params",   "state",
    "stream",   "optimizer", "gradients", "metrics",  "arena",     "base",     "count",    "seed",
    "step",     "rows",      "lane",      "loops",    "n",         "t",        "words",    "int32_t",
    "uint8_t",  "uint32_t",  "uint64_t",  "pool",     "salt",
};

/* Looks like a loop variable, a constant, a unit's value or a salt in an emitted kernel: a letter and digits, _v and
 * digits behind, or salt_ and digits. */
static bool looks_local(const char *name)
{
    const char *value = strrchr(name, '_');
    if (value && value[1] == 'v' && value[2] && strspn(value + 2, "0123456789") == strlen(value + 2))
        return true;
    if (!strncmp(name, "salt_", 5) && name[5] && strspn(name + 5, "0123456789") == strlen(name + 5))
        return true;
    size_t letters = strspn(name, "ijkrtv");
    return letters == 1 && name[1] && strspn(name + 1, "0123456789_") == strlen(name + 1);
}

const char *c_identifier(Arena *a, const char *name)
{
    char *text = arena_strdup(a, name && *name ? name : "value");
    for (char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_')
            *c = '_';
    if (isdigit((unsigned char)text[0]))
        text = arena_printf(a, "_%s", text);
    for (int i = 0; i < LEN(reserved); i++)
        if (!strcmp(text, reserved[i]))
            return arena_printf(a, "%s_", text);
    return looks_local(text) || !strncmp(text, "dl_", 3) || !strncmp(text, "DL_", 3)
               ? arena_printf(a, "%s_", text)
               : text;
}

/* What has no name is called after what is stored there first. */
static void name_by_units(const Plan *p)
{
    for (int i = 0; i < p->kernels.n; i++)
        for (int k = 0; k < p->kernels.at[i]->units.n; k++) {
            const Unit *u = p->kernels.at[i]->units.at[k];
            const char *word = span_word(p, u->node->span);
            if (u->buffer && !u->buffer->name)
                u->buffer->name = word ? word : op_info(u->node->op)->text;
        }
}

/* name, name_2, name_3, ...: the first that is not among the taken. */
static const char *unique_name(StrMap *taken, const char *name)
{
    int *last = str_map(taken, name), k = *last + 1;        /* the number tried last, so that none is tried twice */
    const char *unique = name;
    for (; k > 1 && *str_map(taken, unique = arena_printf(taken->a, "%s_%d", name, k)); k++)
        continue;
    *str_map(taken, name) = k;
    if (k > 1)
        *str_map(taken, unique) = 1;
    return unique;
}

void name_buffers(Plan *p)
{
    StrMap taken = {.a = p->a};
    for (int r = 0; p->memories && r < p->memories->n; r++)
        *str_map(&taken, p->memories->at[r].name) = 1;
    name_by_units(p);
    for (int i = 0; i < p->buffers.n; i++)
        p->buffers.at[i]->name = unique_name(&taken, c_identifier(p->a, p->buffers.at[i]->name));
}

/* ---- lines ------------------------------------------------------------------------------------------- */
enum { WIDTH = 128, DEEPER = 8 };

/* Where, outside of an index, to break text so that the first part has at most `room` characters: behind a
 * comma if that fills half a line, else in front of an operator; 0 where it need not or can not. */
static size_t break_at(const char *text, size_t room)
{
    if (strlen(text) <= room)
        return 0;
    size_t comma = 0, operator= 0;
    int brackets = 0;
    for (size_t i = 1; text[i] && (i <= room || !(comma + operator)); i++) {
        brackets += (text[i] == '[') - (text[i] == ']');
        if (text[i] != ' ' || brackets)
            continue;
        if (text[i - 1] == ',')
            comma = i;
        else if (strchr("?:+-*/<=&|", text[i + 1]) && text[i + 2] == ' ')
            operator= i;
    }
    return comma > room / 2 || !operator? comma : operator;
}

void emit_line(StrBuf *sb, int indent, const char *text)
{
    bool comment = text[0] == '/';
    size_t at;
    for (int deeper = 0; !comment && (at = break_at(text, (size_t)(WIDTH - indent - deeper))) > 0;
         deeper = DEEPER) {
        sb_printf(sb, "%*s%.*s\n", indent + deeper, "", (int)at, text);
        text += at + 1;
        if (!break_at(text, (size_t)(WIDTH - indent - DEEPER))) {
            indent += DEEPER;
            break;
        }
    }
    sb_printf(sb, "%*s%s\n", indent, "", text);
}

/* ---- steps ----------------------------------------------------------------------------------------- */
typedef struct Body {
    StrBuf *sb;
    Arena *a;
    const Plan *p;
    PortPointer *port;
    void *context;
    bool ticks;
} Body;

static const char *pointer_of(Body *e, const Buffer *b)
{
    return b->kind == BUFFER_PORT ? e->port(e->context, b) : b->name;
}

static const char *pointer_in_body(void *context, const Buffer *b)
{
    return pointer_of(context, b);
}

const char *call_begin(Arena *a, const Kernel *k, const char *pool)
{
    if (k->by_rows)
        return arena_printf(a, "%s_range(0, %" PRId64, k->function, k->split.turns);
    return arena_printf(a, "%s(%s", k->function, k->split.n ? pool : "");
}

const char *call_text(Arena *a, const Kernel *k, PortPointer *pointer, void *context)
{
    return call_text_from(a, k, call_begin(a, k, "pool"), pointer, context);
}

const char *call_text_from(Arena *a, const Kernel *k, const char *begin, PortPointer *pointer, void *context)
{
    StrBuf sb = {.a = a};
    int n = k->split.n > 0;
    sb_puts(&sb, begin);
    for (int i = 0; i < k->scans.n; i++)
        sb_printf(&sb, "%s%s", n++ ? ", " : "", k->scans.at[i]->name);
    for (int i = 0; i < k->salts.n; i++)
        sb_printf(&sb, "%s0x%08" PRIx32 "u", n++ ? ", " : "", k->salts.at[i]);
    for (int i = 0; i < k->args.n; i++)
        sb_printf(&sb, "%s%s", n++ ? ", " : "", pointer(context, k->args.at[i]));
    sb_printf(&sb, "%s)", sizes_passed(a, k));
    return sb_text(&sb);
}

/* Its name in dumps and reports, where the function it calls has another. */
const char *own_name(Arena *a, const Kernel *k)
{
    return k->same && !str_eq(k->name, k->same->name) ? arena_printf(a, "   /* %s */", k->name) : "";
}

void emit_time_loop(StrBuf *sb, const Step *loop, int indent)
{
    const char *t = loop->time->name;
    if (loop->reverse)
        sb_printf(sb, "%*sfor (int %s = %" PRId64 "; %s >= 0; %s--) {\n", indent, "", t, loop->time->extent - 1, t, t);
    else
        sb_printf(sb, "%*sfor (int %s = 0; %s < %" PRId64 "; %s++) {\n", indent, "", t, t, loop->time->extent, t);
}

static void put_check(Body *e, const Kernel *k, int indent)
{
    const bool flushes = e->p->flushes;
    sb_printf(e->sb, "%*sif (%s != DL_OK)%s\n", indent, "", call_text(e->a, k, pointer_in_body, e), flushes ? " {" : "");
    if (flushes)
        sb_printf(e->sb, "%*sdl_set_subnormals(dl_before);\n", indent + 4, "");
    sb_printf(e->sb, "%*sreturn DL_INDEX;\n", indent + 4, "");
    if (flushes)
        sb_printf(e->sb, "%*s}\n", indent, "");
}

static void put_steps(Body *e, Step *const *steps, int n, int indent)
{
    for (int i = 0; i < n; i++) {
        const Step *s = steps[i];
        if (s->kind == STEP_SCAN && (s->grain || s->rows)) {
            emit_shared_loop(e->sb, e->p, s, pointer_in_body, e, indent);
        } else if (s->kind == STEP_SCAN) {
            emit_time_loop(e->sb, s, indent);
            put_steps(e, s->body.at, s->body.n, indent + 4);
            sb_printf(e->sb, "%*s}\n", indent, "");
        } else if (s->kernel->stages.at[0]->kind == STAGE_CHECK) {
            put_check(e, s->kernel, indent);
        } else {
            emit_line(e->sb, indent, arena_printf(e->a, "%s;%s", call_text(e->a, s->kernel, pointer_in_body, e), own_name(e->a, s->kernel)));
        }
        if (e->ticks && (s->kind == STEP_KERNEL || s->grain || s->rows))
            sb_printf(e->sb, "%*sdlc_tick(0, %d);\n", indent, "", s->at);
    }
}

static bool any_split(const Plan *p)
{
    for (int i = 0; i < p->kernels.n; i++)
        if (p->kernels.at[i]->split.n)
            return true;
    for (int i = 0; i < p->steps.n; i++)
        if (p->steps.at[i]->kind == STEP_SCAN && p->steps.at[i]->grain)
            return true;
    return false;
}

static const char *place_text(const Body *e, const Plan *p, const Buffer *b)
{
    return p->memories ? arena_printf(e->a, "%s->arena + %" PRId64, p->memories->at[b->memory].name, b->offset / 4)
                      : arena_printf(e->a, "base + %" PRId64, b->offset);
}

static void put_arena_pointers(Body *e, const Plan *p)
{
    bool any = false;
    for (int i = 0; i < p->buffers.n; i++) {
        const Buffer *b = p->buffers.at[i];
        if (b->kind != BUFFER_ARENA || b->alias || b->first < 0 || b->part)
            continue;
        if (!any && !p->memories)
            sb_puts(e->sb, "    unsigned char *const base = arena;\n");
        any = true;
        const char *type = c_storage_type(b);
        sb_printf(e->sb, "    %s *const %s = (%s *)(void *)(%s);   /* %s */\n", type, b->name, type, place_text(e, p, b),
                  type_text(e->a, b->type));
    }
    if (!any && !p->memories)
        sb_puts(e->sb, "    (void)arena;\n");
    if (p->target->threads.n > 1 && !any_split(p))
        sb_puts(e->sb, "    (void)pool;\n");
}

void emit_steps(StrBuf *sb, const Plan *p, PortPointer *port, void *context, bool ticks)
{
    Body e = {.sb = sb, .a = p->a, .p = p, .port = port, .context = context, .ticks = ticks};
    put_arena_pointers(&e, p);
    sb_puts(sb, p->flushes ? "\n    const unsigned dl_before = dl_flush();\n" : "\n");
    put_steps(&e, p->steps.at, p->steps.n, 4);
    if (p->flushes)
        sb_puts(sb, "    dl_set_subnormals(dl_before);\n");
}

/* ---- the runtime's headers ------------------------------------------------------------------------- */
static size_t word_length(const char *at)
{
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '_')
        n++;
    return n;
}

static size_t comment_length(const char *at)
{
    const char *end = strncmp(at, "/*", 2) ? NULL : strstr(at + 2, "*/");
    return end ? (size_t)(end + 2 - at) : 0;
}

typedef VEC(const char *) Words;

static bool has_word(const Words *words, const char *word, size_t n)
{
    for (int i = 0; i < words->n; i++)
        if (strlen(words->at[i]) == n && !strncmp(words->at[i], word, n))
            return true;
    return false;
}

/* The words of text that begin with dl_ or DL_, each once, without those of comments. */
static Words runtime_words(Arena *a, const char *text)
{
    Words words = {0};
    for (size_t n; *text; text += n ? n : 1) {
        n = comment_length(text);
        if (n)
            continue;
        n = word_length(text);
        if (n > 3 && (!strncmp(text, "dl_", 3) || !strncmp(text, "DL_", 3)) && !has_word(&words, text, n))
            vec_push(a, &words, arena_strndup(a, text, n));
    }
    return words;
}

void emit_runtime(StrBuf *sb, const char *body, bool whole)
{
    static const char *const headers[] = {"dl_math.h", "dl_random.h", "dl_tile.h",
                                          "dl_arena.h", "dl_pool.h", "dl_flush.h"}; /* each without the others */
    const Words words = runtime_words(sb->a, body);
    for (int i = 0; i < LEN(headers); i++) {
        const Words known = runtime_words(sb->a, runtime_text(headers[i]));
        bool used = false;
        for (int k = 0; k < words.n && !used; k++)
            used = has_word(&known, words.at[k], strlen(words.at[k]));
        if (used && whole)
            sb_puts(sb, runtime_text(headers[i]));
        else if (used)
            sb_printf(sb, "#include \"%s\"\n", headers[i]);
    }
}
