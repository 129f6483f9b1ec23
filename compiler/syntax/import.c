/* SPDX-License-Identifier: MIT */
/* import.c: a model description with the files it imports, each read once and found beside whoever names it. */
#include "ast.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    IMPORT_DEPTH_MAX = 64,      /* files, each imported by the one before */
    IMPORT_FILES_MAX = 1000,
};

typedef struct File {
    const char *identity;       /* its path without links, "." and ".."; NULL where there is no such file: standard input */
    const char *name;           /* as messages spell it */
    Program *program;
    bool open;                  /* being read, or a file it imports is */
    struct File *importer;
    Span site;                  /* where the importer names it */
} File;

typedef struct Reader {
    Arena *a;
    Diag *d;
    VEC(File *) files;
    bool gave_up;               /* too many files: said once */
} Reader;

/* "models/main.dl", "parts/a.dl" -> "models/parts/a.dl". Standard input's are relative to the working folder. */
static const char *path_beside(Arena *a, const File *importer, const char *path)
{
    const char *slash = strrchr(importer->name, '/');
    if (path[0] == '/' || !slash)
        return path;
    return arena_printf(a, "%.*s%s", (int)(slash - importer->name) + 1, importer->name, path);
}

static const char *identity_of(Arena *a, const char *path)
{
    char *real = realpath(path, NULL);
    const char *identity = real ? arena_strdup(a, real) : NULL;
    free(real);
    return identity;
}

/* How one got there: the importers of `f`, the nearest first. */
static void note_importers(Reader *r, const File *f)
{
    for (int shown = 0; f->importer && shown < 4; f = f->importer, shown++)
        diag_note_at(r->d, f->site, "`%s` is imported", f->name);
}

static void complain(Reader *r, const File *importer, const Def *import, const char *why)
{
    diag_error(r->d, import->name.span, "cannot import `%s`: %s", import->name.text, why);
    note_importers(r, importer);
}

static void add_import(Reader *r, Program *program, const Program *imported)
{
    for (int i = 0; i < program->imports.n; i++)
        if (program->imports.at[i] == imported)
            return;
    vec_push(r->a, &program->imports, imported);
}

static void read_imports(Reader *r, File *f, int depth);

static File *file_add(Reader *r, File f, const char *text, size_t bytes)
{
    File *file = NEW(r->a, File);
    *file = f;
    file->program = parse_program(r->a, r->d, diag_add_source(r->d, f.name, text, bytes));
    vec_push(r->a, &r->files, file);
    return file;
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) != 0 || S_ISREG(st.st_mode); /* what is not there, reading will say */
}

/* The imported file, read and with its own imports; NULL once diagnosed. */
static File *import_file(Reader *r, File *importer, const Def *import, int depth)
{
    const char *path = path_beside(r->a, importer, import->name.text), *identity = identity_of(r->a, path);
    for (int i = 0; i < r->files.n; i++) {
        File *f = r->files.at[i];
        if (!identity || !str_eq(f->identity, identity))
            continue;
        if (f->open) {
            diag_error(r->d, import->name.span, "`%s` imports itself", f->name);
            note_importers(r, importer);
            return NULL;
        }
        return f;
    }
    if (depth > IMPORT_DEPTH_MAX || r->files.n >= IMPORT_FILES_MAX) {
        complain(r, importer, import, depth > IMPORT_DEPTH_MAX ? "imports are nested too deeply" : "there are too many files");
        r->gave_up = true;
        return NULL;
    }
    size_t bytes;
    const char *why = "not a file", *text = is_file(path) ? file_read_up_to(r->a, path, SOURCE_MAX, &bytes, &why) : NULL;
    if (!text) {
        complain(r, importer, import, why);
        return NULL;
    }
    const File new = {.identity = identity, .name = path, .importer = importer, .site = import->span};
    File *f = file_add(r, new, text, bytes);
    read_imports(r, f, depth);
    return f;
}

/* A file sees what the files see that it imports. */
static void read_imports(Reader *r, File *f, int depth)
{
    f->open = true;
    for (int i = 0; i < f->program->defs.n && !r->gave_up; i++) {
        const Def *def = f->program->defs.at[i];
        const File *imported = def->kind == DEF_IMPORT ? import_file(r, f, def, depth + 1) : NULL;
        if (!imported)
            continue;
        for (int k = 0; k < imported->program->imports.n; k++)
            add_import(r, f->program, imported->program->imports.at[k]);
        add_import(r, f->program, imported->program);
    }
    f->open = false;
}

const Program *program_read_text(Arena *a, Diag *d, const char *name, const char *text, size_t bytes)
{
    Reader r = {.a = a, .d = d};
    File *f = file_add(&r, (File){.identity = identity_of(a, name), .name = name}, text, bytes);
    read_imports(&r, f, 1);
    return f->program;
}

const Program *program_read(Arena *a, Diag *d, const char *path)
{
    size_t bytes;
    const char *why, *text = file_read_up_to(a, path, SOURCE_MAX, &bytes, &why);
    if (!text) {
        diag_error(d, (Span){0}, "%s: %s", path, why);
        return NULL;
    }
    return program_read_text(a, d, str_eq(path, "-") ? "<stdin>" : path, text, bytes);
}
