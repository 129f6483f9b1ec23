/* SPDX-License-Identifier: MIT */
/* cost.c: `cost COMMAND...` runs a command several times and prints the least time and the most memory it took:
 * "MILLISECONDS MEGABYTES". Fails when the command does. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS = 15 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

int main(int argc, char **argv)
{
    double least = 1e30;
    for (int i = 0; argc > 1 && i < RUNS; i++) {
        double begin = now();
        pid_t child = fork();
        if (child == 0) {
            execvp(argv[1], argv + 1);
            _exit(127);
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child || status)
            return 1;
        double took = now() - begin;
        least = took < least ? took : least;
    }
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    printf("%.1f %.1f\n", least, (double)used.ru_maxrss / 1000);
    return argc > 1 ? 0 : 2;
}
