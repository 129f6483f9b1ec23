/* SPDX-License-Identifier: MIT */
/* host.c: metal.h on the machine itself. */
#define _POSIX_C_SOURCE 200809L
#include "metal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    return metal_main(argc, argv);
}

_Noreturn void metal_exit(int status)
{
    exit(status);
}

int metal_open(const char *path, int write)
{
    return write ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) : open(path, O_RDONLY);
}

void metal_close(int file)
{
    close(file);
}

int32_t metal_length(int file)
{
    struct stat about;
    return fstat(file, &about) ? -1 : (int32_t)about.st_size;
}

int32_t metal_read(int file, void *to, int32_t bytes)
{
    int32_t done = 0, got = 1;
    for (; done < bytes && got > 0; done += got > 0 ? got : 0)
        got = (int32_t)read(file, (char *)to + done, (size_t)(bytes - done));
    return done;
}

int32_t metal_write(int file, const void *from, int32_t bytes)
{
    return (int32_t)write(file, from, (size_t)bytes);
}

void metal_paint_stack(void)
{
}

int32_t metal_painted_used(void)
{
    return 0;
}
