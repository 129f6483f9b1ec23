/* SPDX-License-Identifier: MIT */
/* cc.c: compilation by the system's compiler into a shared object, cached by content in a folder only its owner can enter.
 *
 * A cached object is loaded only when the folder and both files belong to this user, nobody else may write them, and the source
 * kept beside it is the very source asked for. */
#define _GNU_SOURCE
#include "jit.h"
#include "process.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *compiler_name(void)
{
    const char *cc = getenv("CC");
    return cc && *cc && !strchr(cc, ' ') ? cc : "cc";
}

static bool on_path(const char *program)
{
    if (strchr(program, '/'))
        return access(program, X_OK) == 0;
    const char *path = getenv("PATH");
    for (const char *at = path; at && *at;) {
        const char *end = strchrnul(at, ':');
        char file[4096];
        if (snprintf(file, sizeof file, "%.*s/%s", (int)(end - at), at, program) < (int)sizeof file && access(file, X_OK) == 0)
            return true;
        at = *end ? end + 1 : end;
    }
    return false;
}

bool jit_has_cc(void)
{
    return on_path(compiler_name());
}

/* ---- the folder ------------------------------------------------------------------------------------ */
static bool mine_alone(const char *path, mode_t kind)
{
    struct stat st;
    return lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind && st.st_uid == geteuid() && !(st.st_mode & 022);
}

static void make_folders(Arena *a, const char *path)
{
    for (char *copy = arena_strdup(a, path), *at = strchr(copy + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(copy, 0700);
        *at = '/';
    }
    mkdir(path, 0700);
}

static const char *cache_folder(Arena *a)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const char *path = cache && cache[0] == '/' ? arena_printf(a, "%s/dlc", cache)
                     : home && home[0] == '/' ? arena_printf(a, "%s/.cache/dlc", home) : NULL;
    if (!path)
        return NULL;
    make_folders(a, path);
    struct stat st;
    bool private = mine_alone(path, S_IFDIR) && stat(path, &st) == 0 && !(st.st_mode & 077);
    return private && access(path, W_OK) == 0 ? path : NULL;
}

/* ---- running the compiler -------------------------------------------------------------------------- */
static bool compile(Arena *a, const char *source, const char *object, const Target *target, const char **why)
{
    char *argv[64];
    int n = 0;
    argv[n++] = arena_strdup(a, compiler_name());
    process_words(a, target_flags(a, target, compiler_name()), argv, &n);
    process_words(a, "-std=gnu11 -w -fPIC -shared -o", argv, &n);
    argv[n++] = arena_strdup(a, object);
    argv[n++] = arena_strdup(a, source);
    argv[n] = NULL;
    const char *log = arena_printf(a, "%s.log", object);
    bool ok = process_run(a, argv, log, object, why);
    unlink(log);
    return ok;
}

/* ---- objects --------------------------------------------------------------------------------------- */
static void *cc_symbol(Jit *jit, const char *name)
{
    return dlsym(jit->handle, name);
}

static void cc_close(Jit *jit)
{
    dlclose(jit->handle);
}

static Jit *load(Arena *a, const char *object, const char **why)
{
    void *handle = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        *why = arena_printf(a, "cannot load %s: %s", object, dlerror());
        return NULL;
    }
    Jit *jit = NEW(a, Jit);
    *jit = (Jit){.handle = handle, .symbol = cc_symbol, .close = cc_close};
    return jit;
}

static bool cached(Arena *a, const char *source_file, const char *object, const char *source)
{
    if (!mine_alone(source_file, S_IFREG) || !mine_alone(object, S_IFREG))
        return false;
    size_t bytes;
    const char *why, *kept = file_read(a, source_file, &bytes, &why);
    return kept && bytes == strlen(source) && !memcmp(kept, source, bytes);
}

/* Compiles beside the final names and renames, the object first: a source without its object is never there. */
static bool fill(Arena *a, const char *source, const char *stem, const Target *target, const char **why)
{
    const char *mine = arena_printf(a, "%s.%ld", stem, (long)getpid());
    const char *c = arena_printf(a, "%s.c", mine), *so = arena_printf(a, "%s.so", mine);
    bool ok = process_file(a, c, source, strlen(source), why) && compile(a, c, so, target, why);
    if (ok && (chmod(so, 0700) || chmod(c, 0600) || rename(so, arena_printf(a, "%s.so", stem)) || rename(c, arena_printf(a, "%s.c", stem)))) {
        *why = arena_printf(a, "%s: %s", stem, strerror(errno));
        ok = false;
    }
    if (!ok) {
        unlink(c);
        unlink(so);
    }
    return ok;
}

static Jit *compile_once(Arena *a, const char *source, const Target *target, const char **why)
{
    const char *folder = process_folder(a, why);
    if (!folder)
        return NULL;
    const char *stem = arena_printf(a, "%s/model", folder);
    Jit *jit = fill(a, source, stem, target, why) ? load(a, arena_printf(a, "%s.so", stem), why) : NULL;
    unlink(arena_printf(a, "%s.c", stem));
    unlink(arena_printf(a, "%s.so", stem));
    rmdir(folder);
    return jit;
}

Jit *jit_files(Arena *a, const char *command, const FileText *file, int n, const char **why)
{
    char **argv = NEWN(a, char *, strlen(command) + 8);
    const char *folder = process_folder(a, why), *text = "";
    int narg = 0;
    if (!folder)
        return NULL;
    const char *object = arena_printf(a, "%s/object.so", folder), *log = arena_printf(a, "%s/log", folder);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        text = arena_printf(a, "%s/%s", folder, file[i].path);
        ok = ok && process_file(a, text, file[i].bytes, file[i].n, why);
    }
    process_words(a, command, argv, &narg);
    process_words(a, "-shared -fPIC", argv, &narg);
    argv[narg++] = arena_printf(a, "-I%s", folder);
    argv[narg++] = arena_strdup(a, "-o");
    argv[narg++] = arena_strdup(a, object);
    argv[narg++] = arena_strdup(a, text);
    Jit *jit = ok && process_run(a, argv, log, object, why) ? load(a, object, why) : NULL;
    for (int i = 0; i < n; i++)
        unlink(arena_printf(a, "%s/%s", folder, file[i].path));
    unlink(object);
    unlink(log);
    rmdir(folder);
    return jit;
}

Jit *jit_cc(Arena *a, const char *body, const Target *target, const char **why)
{
    const char *source = arena_printf(a, "/* %s %s */\n%s", compiler_name(), target_flags(a, target, compiler_name()), body);
    const char *folder = cache_folder(a);
    if (!folder)
        return compile_once(a, source, target, why);
    uint64_t hash = hash_bytes(source, strlen(source));
    const char *stem = arena_printf(a, "%s/%016llx", folder, (unsigned long long)hash);
    const char *object = arena_printf(a, "%s.so", stem);
    if (!cached(a, arena_printf(a, "%s.c", stem), object, source) && !fill(a, source, stem, target, why))
        return NULL;
    return load(a, object, why);
}
