/* SPDX-License-Identifier: MIT */
/* cost.c: `cost COMMAND...` runs a command 15 times (RUNS says otherwise) and prints the least processor time (user and system, so that
 * a busy machine does not count) and the most memory it took: "MILLISECONDS MEGABYTES". Fails when the command does. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sys/time.h>
#include <unistd.h>

enum { USUAL_RUNS = 15 };

static double milliseconds(struct timeval t)
{
    return (double)t.tv_sec * 1e3 + (double)t.tv_usec * 1e-3;
}

int main(int argc, char **argv)
{
    const char *runs = getenv("RUNS");
    int n = runs ? atoi(runs) : USUAL_RUNS;
    double least = 1e30, most = 0;
    for (int i = 0; argc > 1 && i < n; i++) {
        pid_t child = fork();
        if (child == 0) {
            execvp(argv[1], argv + 1);
            _exit(127);
        }
        int status = 0;
        struct rusage used;
        if (child < 0 || wait4(child, &status, 0, &used) != child || status)
            return 1;
        double took = milliseconds(used.ru_utime) + milliseconds(used.ru_stime), memory = (double)used.ru_maxrss / 1000;
        least = took < least ? took : least;
        most = memory > most ? memory : most;
    }
    printf("%.1f %.1f\n", least, most);
    return argc > 1 ? 0 : 2;
}
