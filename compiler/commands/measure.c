/* SPDX-License-Identifier: MIT */
/* measure.c: what a compiler says of emitted C: the sizes of an ELF object's sections, and gcc's graph of calls, in which each function
 * has the bytes of its frame:
 *
 *     node: { title: "m.c:kernel" label: "kernel\nm.c:9:5\n88 bytes (static)" }
 *     edge: { sourcename: "m_infer" targetname: "m.c:kernel" label: "m.c:40:5" } */
#include "measure.h"

#include "../emit/runtime_text.h"
#include "../jit/process.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- sections ---------------------------------------------------------------------------------------- */
static void add_section(Measured *m, uint64_t flags, uint64_t bytes)
{
    if (flags & SHF_ALLOC)
        *(flags & SHF_EXECINSTR ? &m->text : flags & SHF_WRITE ? &m->data : &m->constants) += (int64_t)bytes;
}

/* The section headers of an object, of 32 or 64 bits; both begin alike. */
#define ADD_SECTIONS(name, Header, Section)                                                                  \
    static bool name(const char *object, size_t n, Measured *m)                                              \
    {                                                                                                        \
        const Header *header = (const Header *)object;                                                       \
        if (n < sizeof *header || header->e_shentsize != sizeof(Section) || header->e_shoff > n ||           \
            (n - header->e_shoff) / sizeof(Section) < header->e_shnum)                                       \
            return false;                                                                                    \
        for (int i = 0; i < header->e_shnum; i++) {                                                          \
            Section section;                                                                                 \
            memcpy(&section, object + header->e_shoff + (size_t)i * sizeof section, sizeof section);         \
            add_section(m, section.sh_flags, section.sh_size);                                               \
        }                                                                                                    \
        return true;                                                                                         \
    }
ADD_SECTIONS(add_sections_32, Elf32_Ehdr, Elf32_Shdr)
ADD_SECTIONS(add_sections_64, Elf64_Ehdr, Elf64_Shdr)

static bool read_object(Arena *a, const char *path, Measured *m, const char **why)
{
    size_t n;
    const char *object = file_read(a, path, &n, why);
    if (!object)
        return false;
    bool elf = n > EI_NIDENT && !memcmp(object, ELFMAG, SELFMAG) && object[EI_DATA] == ELFDATA2LSB;
    if (elf && (object[EI_CLASS] == ELFCLASS32 ? add_sections_32 : add_sections_64)(object, n, m))
        return true;
    *why = "what it writes is no little-endian ELF object";
    return false;
}

/* ---- the graph of calls -------------------------------------------------------------------------------- */
/* What stands between `key: "` and the next quote; NULL without the key. */
static const char *quoted(Arena *a, const char *line, const char *key)
{
    const char *at = strstr(line, arena_printf(a, "%s: \"", key));
    if (!at)
        return NULL;
    at += strlen(key) + strlen(": \"");
    return arena_strndup(a, at, strcspn(at, "\""));
}

static StackNode *node_of(Arena *a, Measured *m, StrMap *numbers, const char *title)
{
    int *number = str_map(numbers, title);
    if (!*number) {
        const char *colon = strchr(title, ':');
        vec_push(a, &m->nodes, ((StackNode){.name = colon ? colon + 1 : title, .most = -1}));
        *number = m->nodes.n;
    }
    return &m->nodes.at[*number - 1];
}

/* "...\n88 bytes (static)"; without these words it is another file's. */
static bool read_frame(Arena *a, const char *label, StackNode *node, const char **why)
{
    const char *end = strstr(label, " bytes ("), *at = end;
    node->told = true;
    if (!end)
        return true;
    while (at > label && at[-1] >= '0' && at[-1] <= '9')
        at--;
    node->own = strtoll(at, NULL, 10);
    if (!strncmp(end, " bytes (dynamic)", strlen(" bytes (dynamic)"))) {
        *why = arena_printf(a, "the stack of %s has no bound", node->name);
        return false;
    }
    return true;
}

static bool read_line(Arena *a, Measured *m, StrMap *numbers, const char *line, const char **why)
{
    if (!strncmp(line, "edge:", 5)) {
        const char *from = quoted(a, line, "sourcename"), *to = quoted(a, line, "targetname");
        if (!from || !to)
            return true;
        int called = (int)(node_of(a, m, numbers, to) - m->nodes.at);
        StackNode *node = node_of(a, m, numbers, from);
        vec_push(a, &node->calls, called);
        return true;
    }
    const char *title = strncmp(line, "node:", 5) ? NULL : quoted(a, line, "title"), *label = title ? quoted(a, line, "label") : NULL;
    return !label || read_frame(a, label, node_of(a, m, numbers, title), why);
}

/* Sets `most` of a function and of all that it calls. false: one of them calls itself. */
static bool settle(Measured *m, StackNode *node)
{
    if (node->most >= 0)
        return true;
    if (node->under_way)
        return false;
    node->under_way = true;
    int64_t deepest = 0;
    for (int i = 0; i < node->calls.n; i++) {
        StackNode *called = &m->nodes.at[node->calls.at[i]];
        if (!settle(m, called))
            return false;
        deepest = called->most > deepest ? called->most : deepest;
    }
    node->most = node->own + deepest;
    return true;
}

/* The number of a function, told or not; -1: nothing is said of it. */
static int node_number(const Measured *m, const char *name)
{
    for (int i = 0; i < m->nodes.n; i++)
        if (str_eq(m->nodes.at[i].name, name))
            return i;
    return -1;
}

/* gcc makes one function of two that do the same (-fipa-icf): calls of both stay, but the graph has a node of one alone. Its notes tell
 * which: "m.c:9:5: optimized: Semantic equality hit:kept/3->gone/4". What is gone needs the stack of what is kept. */
static void read_twins(Arena *a, char *notes, Measured *m)
{
    static const char hit[] = "Semantic equality hit:", arrow[] = "->";
    char *state = NULL;
    for (char *line = strtok_r(notes, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        const char *kept = strstr(line, hit), *gone = kept ? strstr(kept, arrow) : NULL;
        if (!gone)
            continue;
        kept += strlen(hit);
        gone += strlen(arrow);
        int from = node_number(m, arena_strndup(a, gone, strcspn(gone, "/"))), to = node_number(m, arena_strndup(a, kept, strcspn(kept, "/")));
        if (from < 0 || to < 0 || m->nodes.at[from].told)
            continue;
        vec_push(a, &m->nodes.at[from].calls, to);
        m->nodes.at[from].told = true;
    }
}

static bool read_calls(Arena *a, const char *folder, Measured *m, const char **why)
{
    size_t n;
    char *text = file_read(a, arena_printf(a, "%s/object.ci", folder), &n, why), *state = NULL;
    char *notes = file_read(a, arena_printf(a, "%s/notes", folder), &n, why);
    if (!text) {
        *why = "it does not say what stack its functions use: --cc wants gcc 10 or later (-fcallgraph-info)";
        return false;
    }
    StrMap numbers = {.a = a};
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
        if (!read_line(a, m, &numbers, line, why))
            return false;
    if (notes)
        read_twins(a, notes, m);
    for (int i = 0; i < m->nodes.n; i++) {
        StackNode *node = &m->nodes.at[i];
        const char *wrong = !node->told ? "it does not say what stack %s uses" : !settle(m, node) ? "%s calls itself" : NULL;
        if (wrong) {
            *why = arena_printf(a, wrong, node->name);
            return false;
        }
    }
    return true;
}

int64_t measured_stack(const Measured *m, const char *function)
{
    int number = node_number(m, function);
    return number < 0 ? -1 : m->nodes.at[number].most;
}

/* ---- the compiler ---------------------------------------------------------------------------------------- */
static char **compiler_words(Arena *a, const char *command, const Target *target, const char *folder)
{
    const char *words = target_command(a, target, command, "-std=c11 -ffreestanding -fno-asynchronous-unwind-tables");
    char **argv = NEWN(a, char *, strlen(words) + 16);
    int n = 0;
    process_words(a, words, argv, &n);
    process_words(a, "-fcallgraph-info=su -c", argv, &n);
    argv[n++] = arena_printf(a, "-fopt-info-ipa-optimized=%s/notes", folder);
    argv[n++] = arena_printf(a, "-I%s", folder);
    argv[n++] = arena_strdup(a, "-o");
    argv[n++] = arena_printf(a, "%s/object.o", folder);
    argv[n++] = arena_printf(a, "%s/object.c", folder);
    return argv;
}

static bool compile_and_read(Arena *a, const char *command, const Target *target, const char *folder, Measured *m, const char **why)
{
    const char *object = arena_printf(a, "%s/object.o", folder);
    return process_run(a, compiler_words(a, command, target, folder), arena_printf(a, "%s/log", folder), object, why) &&
           read_object(a, object, m, why) && read_calls(a, folder, m, why);
}

bool measure(Arena *a, const char *command, const Target *target, const char *name, const char *source, const char *header,
             Measured *m, const char **why)
{
    const char *folder = process_folder(a, why);
    if (!folder)
        return false;
    int n = 0;
    bool ok = true;
    FileText *file = runtime_files(a, 2, &n);
    file[n++] = (FileText){arena_printf(a, "%s.h", name), header, strlen(header)};
    file[n++] = (FileText){"object.c", source, strlen(source)};
    for (int i = 0; i < n; i++)
        ok = ok && process_file(a, arena_printf(a, "%s/%s", folder, file[i].path), file[i].bytes, file[i].n, why);
    static const char *const made[] = {"object.o", "object.ci", "object.su", "notes", "log"};
    ok = ok && compile_and_read(a, command, target, folder, m, why);
    for (int i = 0; i < n; i++)
        unlink(arena_printf(a, "%s/%s", folder, file[i].path));
    for (int i = 0; i < LEN(made); i++)
        unlink(arena_printf(a, "%s/%s", folder, made[i]));
    rmdir(folder);
    return ok;
}
