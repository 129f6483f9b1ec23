/* SPDX-License-Identifier: MIT-0 */
/* dl_pool.h: how a generated function hands pieces of its work to threads. Who has no pool passes NULL, and everything is done
 * where it is called. dl_threads.h has a pool of POSIX threads; any other is a dl_pool with a run() of its own. */
#ifndef DL_POOL_H
#define DL_POOL_H

typedef struct dl_pool dl_pool;

/* Iterations 0 to count - 1 of a loop, in any order and on any thread: they touch nothing of each other's. A pool of one's own
 * lets its threads take subnormal numbers as the caller of run() does (docs/c-api.md): otherwise training may be slow. */
typedef struct dl_work {
    void (*piece)(const void *arguments, int thread, int from, int to); /* those from `from` up to but without `to` */
    const void *arguments;
    int count;
    int grain;   /* fewer at a time are not worth a call; pieces begin at multiples of it */
    int threads; /* `thread` is less than this, and never the same in two pieces at once */
    int backwards; /* what the last iterations read lies nearest: a thread had better begin with these. A pool need not look at it */
} dl_work;

struct dl_pool {
    void (*run)(dl_pool *pool, const dl_work *work); /* returns when all iterations are done and seen by the caller */
};

static inline void dl_parallel(dl_pool *pool, const dl_work *work)
{
    if (pool)
        pool->run(pool, work);
    else
        work->piece(work->arguments, 0, 0, work->count);
}

#endif
