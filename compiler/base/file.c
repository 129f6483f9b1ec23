/* SPDX-License-Identifier: MIT */
/* file.c: whole files in and out. A target is either the old file or the whole new one, never half of it. */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *reason(Arena *a)
{
    return arena_strdup(a, strerror(errno));
}

/* All that is left in fd, with a NUL behind it; NULL with errno set on failure. */
static char *read_all(Arena *a, int fd, size_t expected, size_t most, size_t *bytes)
{
    size_t cap = expected + 1, n = 0;
    if (expected > most) {
        errno = EFBIG;
        return NULL;
    }
    char *text = arena_alloc(a, cap + 1);
    for (;;) {
        ssize_t got = read(fd, text + n, cap - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return NULL;
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > most) {
            errno = EFBIG;
            return NULL;
        }
        if (n == cap) {
            char *wider = arena_alloc(a, 2 * cap + 1);
            memcpy(wider, text, n);
            text = wider;
            cap *= 2;
        }
    }
    text[n] = 0;
    *bytes = n;
    return text;
}

char *file_read(Arena *a, const char *path, size_t *bytes, const char **why)
{
    size_t memory = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    return file_read_up_to(a, path, memory / 2, bytes, why);
}

char *file_read_up_to(Arena *a, const char *path, size_t most, size_t *bytes, const char **why)
{
    bool standard = str_eq(path, "-");
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        *why = reason(a);
        return NULL;
    }
    struct stat st;
    size_t expected = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (size_t)st.st_size : 4095;
    char *text = read_all(a, fd, expected, most, bytes);
    if (!text)
        *why = reason(a);
    if (!standard)
        close(fd);
    return text;
}

static bool write_all(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        bytes += done;
        n -= (size_t)done;
    }
    return true;
}

static bool write_stdout(const void *bytes, size_t n)
{
    return fwrite(bytes, 1, n, stdout) == n && fflush(stdout) == 0;
}

/* For what cannot be replaced by renaming: devices and pipes. */
static bool write_through(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, bytes, n);
    return close(fd) == 0 && ok;
}

/* A new file beside `path`, with the permissions of the file there, which must be one we may write, or what
 * the umask leaves; its name in *name. -1 and errno on failure. */
static int open_temporary(Arena *a, const char *path, char **name)
{
    struct stat st;
    bool there = stat(path, &st) == 0;
    int fd = -1;
    if (there && access(path, W_OK) != 0)
        return -1;
    for (int attempt = 0; attempt < 100; attempt++) {
        *name = arena_printf(a, "%s.%ld-%d.tmp", path, (long)getpid(), attempt);
        fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            break;
    }
    if (fd >= 0 && there)
        fchmod(fd, st.st_mode & 07777);
    return fd;
}

static bool write_beside(Arena *a, const char *path, const void *bytes, size_t n)
{
    char *temporary;
    int fd = open_temporary(a, path, &temporary);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, bytes, n);
    int failure = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        failure = errno;
    }
    if (ok && rename(temporary, path) == 0)
        return true;
    if (ok)
        failure = errno;
    unlink(temporary);
    errno = failure;
    return false;
}

bool file_write(Arena *a, const char *path, const void *bytes, size_t n, const char **why)
{
    struct stat st;
    char real[PATH_MAX];
    bool ok;
    if (str_eq(path, "-"))
        ok = write_stdout(bytes, n);
    else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        ok = write_through(path, bytes, n);
    else if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && realpath(path, real))
        ok = write_beside(a, real, bytes, n);       /* the link stays, what it points to is replaced */
    else
        ok = write_beside(a, path, bytes, n);
    if (!ok)
        *why = reason(a);
    return ok;
}

/* ---- several files or none ------------------------------------------------------------------------------ */
typedef struct Staged {
    const char *path;   /* what is replaced, behind links */
    char *temporary;    /* NULL: written straight through */
} Staged;

static bool stage(Arena *a, const FileText *f, Staged *out)
{
    struct stat st;
    char real[PATH_MAX];
    *out = (Staged){.path = f->path};
    if (str_eq(f->path, "-"))
        return true;
    if (stat(f->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return false;
    }
    if (stat(f->path, &st) == 0 && !S_ISREG(st.st_mode))
        return true;
    if (lstat(f->path, &st) == 0 && S_ISLNK(st.st_mode) && realpath(f->path, real))
        out->path = arena_strdup(a, real);
    char *temporary;
    int fd = open_temporary(a, out->path, &temporary);
    if (fd < 0)
        return false;
    out->temporary = temporary;
    bool ok = write_all(fd, f->bytes, f->n);
    return close(fd) == 0 && ok;
}

static bool commit(const FileText *f, Staged *s)
{
    if (!s->temporary)
        return str_eq(f->path, "-") ? write_stdout(f->bytes, f->n) : write_through(f->path, f->bytes, f->n);
    if (rename(s->temporary, s->path) != 0)
        return false;
    s->temporary = NULL;
    return true;
}

bool file_can_write(Arena *a, const char *path, const char **why)
{
    const FileText nothing = {.path = path, .bytes = "", .n = 0};
    Staged staged;
    const bool ok = stage(a, &nothing, &staged) && (staged.temporary || str_eq(path, "-") || access(path, W_OK) == 0);
    if (!ok)
        *why = arena_printf(a, "%s: %s", path, strerror(errno));
    if (staged.temporary)
        unlink(staged.temporary);
    return ok;
}

bool files_write(Arena *a, const FileText *file, int n, const char **failed, const char **why)
{
    Staged *staged = NEWN(a, Staged, n + 1);
    int at = 0;
    bool ok = true;
    for (int i = 0; i < n && ok; i++)
        ok = stage(a, &file[at = i], &staged[i]);
    for (int renamed = 0; renamed <= 1; renamed++)      /* what may still fail for want of room comes first */
        for (int i = 0; i < n && ok; i++)
            if ((staged[i].temporary != NULL) == renamed)
                ok = commit(&file[at = i], &staged[i]);
    if (!ok) {
        *failed = file[at].path;
        *why = reason(a);
    }
    for (int i = 0; i < n; i++)
        if (staged[i].temporary)
            unlink(staged[i].temporary);
    return ok;
}
