/* SPDX-License-Identifier: MIT-0 */
/* dl_threads.c: a pool of POSIX threads.
 *
 * Each thread has a share of the work's grains: a word with the first and the end of those that nobody has taken yet. A thread takes
 * from the front of its own share, then from the back of the others'; of work that runs backwards the other way round. So nobody
 * waits for a thread that comes late, on a machine with other work to do: the others take its share. Only what was taken is waited
 * for.
 *
 * Whoever has taken a grain may read the work, which is not done before that grain is. What was seen before may have been of
 * the work before, and does not matter: the word that was taken from is the very word that was seen.
 *
 * A thread looks for work for a little while, then lets others run between its looks, and at last sleeps until it is woken. */
#include "dl_threads.h"

#include "dl_flush.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    LINE = 128,       /* bytes: two lines of a cache, which are fetched together */
    PATIENCE = 2000,  /* looks, a pause between them: 20 to 100 microseconds, as long as a pause takes, */
    COURTESY = 2000,  /* and then others may run between so many more: a millisecond, before it sleeps */
    BITS = 28,        /* of a number of grains */
    MOST = 1 << BITS
};

typedef struct Share {
    _Alignas(LINE) _Atomic uint64_t left; /* first grain, end, whether it runs backwards, and how many threads may take part */
} Share;

typedef struct Threads Threads;

typedef struct Worker {
    Threads *pool;
    int number;
    pthread_t thread;
} Worker;

struct Threads {
    dl_pool pool; /* first: what callers see */
    int threads;
    atomic_flag busy;
    _Alignas(LINE) _Atomic(const dl_work *) work;
    atomic_int grain; /* iterations */
    atomic_uint subnormals; /* as the caller takes them */
    _Alignas(LINE) atomic_int unfinished; /* grains */
    _Alignas(LINE) atomic_int sleeping, waiting, closing;
    pthread_mutex_t mutex;
    pthread_cond_t wake, finished;
    Worker worker[DL_THREADS_MOST];
    Share share[DL_THREADS_MOST];
};

static void pause_a_little(void)
{
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
    __builtin_ia32_pause();
#elif defined(__GNUC__) && defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Between two looks. false: it has been long enough. */
static int look_again(int looks)
{
    if (looks < PATIENCE)
        pause_a_little();
    else
        sched_yield();
    return looks < PATIENCE + COURTESY;
}

/* ---- shares ---------------------------------------------------------------------------------------- */
enum { TAKE_PART = DL_THREADS_MOST * 2 - 1, BACKWARDS = TAKE_PART + 1 }; /* below the two numbers of grains */

static uint64_t share_of(int first, int end, uint64_t rest)
{
    return (uint64_t)first << (64 - BITS) | (uint64_t)end << (64 - 2 * BITS) | (rest & (TAKE_PART | BACKWARDS));
}

static int first_of(uint64_t share)
{
    return (int)(share >> (64 - BITS));
}

static int end_of(uint64_t share)
{
    return (int)(share >> (64 - 2 * BITS)) & (MOST - 1);
}

static int threads_of(uint64_t share)
{
    return (int)(share & TAKE_PART);
}

/* Takes half of what is left of a share, for `thread`. */
static int take(Threads *t, int share, int thread, int *first, int *end)
{
    uint64_t now = atomic_load(&t->share[share].left);
    while (first_of(now) < end_of(now) && thread < threads_of(now)) {
        const int half = (end_of(now) - first_of(now) + 1) / 2, front = (share == thread) == !(now & BACKWARDS);
        const int middle = front ? first_of(now) + half : end_of(now) - half;
        const uint64_t rest = front ? share_of(middle, end_of(now), now) : share_of(first_of(now), middle, now);
        *first = front ? first_of(now) : middle;
        *end = front ? middle : end_of(now);
        if (atomic_compare_exchange_weak(&t->share[share].left, &now, rest))
            return 1;
    }
    return 0;
}

static int take_any(Threads *t, int thread, int *first, int *end)
{
    for (int i = 0; i < t->threads; i++)
        if (take(t, (thread + i) % t->threads, thread, first, end))
            return 1;
    return 0;
}

/* Works until all is taken; whether there was anything. What it has done it says once: nobody hands out other work before. */
static int work_along(Threads *t, int thread)
{
    int first, end, done = 0;
    while (take_any(t, thread, &first, &end)) {
        const dl_work *work = atomic_load(&t->work);
        const int grain = atomic_load(&t->grain);
        const int from = first * grain, to = work->count / grain < end ? work->count : end * grain;
        dl_set_subnormals(atomic_load(&t->subnormals));
        work->piece(work->arguments, thread, from, to);
        done += end - first;
    }
    if (done && atomic_fetch_sub(&t->unfinished, done) == done && atomic_load(&t->waiting)) {
        pthread_mutex_lock(&t->mutex);
        pthread_cond_signal(&t->finished);
        pthread_mutex_unlock(&t->mutex);
    }
    return done > 0;
}

/* ---- the threads ----------------------------------------------------------------------------------- */
static int anything_left(Threads *t, int thread)
{
    for (int i = 0; i < t->threads; i++) {
        const uint64_t now = atomic_load(&t->share[i].left);
        if (first_of(now) < end_of(now) && thread < threads_of(now))
            return 1;
    }
    return 0;
}

static void sleep_until_woken(Threads *t, int thread)
{
    pthread_mutex_lock(&t->mutex);
    atomic_store(&t->sleeping, 1);
    if (!anything_left(t, thread) && !atomic_load(&t->closing))
        pthread_cond_wait(&t->wake, &t->mutex);
    pthread_mutex_unlock(&t->mutex);
}

static void *live(void *context)
{
    const Worker *me = context;
    Threads *t = me->pool;
    int idle = 0;
    while (!atomic_load(&t->closing)) {
        if (work_along(t, me->number)) {
            idle = 0;
        } else if (!look_again(idle++)) {
            sleep_until_woken(t, me->number);
            idle = 0;
        }
    }
    return NULL;
}

/* After all shares are there. */
static void wake_all(Threads *t)
{
    if (!atomic_exchange(&t->sleeping, 0))
        return;
    pthread_mutex_lock(&t->mutex);
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->mutex);
}

static void wait_for_the_others(Threads *t)
{
    for (int i = 0; look_again(i); i++)
        if (!atomic_load(&t->unfinished))
            return;
    pthread_mutex_lock(&t->mutex);
    atomic_store(&t->waiting, 1);
    while (atomic_load(&t->unfinished))
        pthread_cond_wait(&t->finished, &t->mutex);
    atomic_store(&t->waiting, 0);
    pthread_mutex_unlock(&t->mutex);
}

/* Of so many grains those that come before the share of a thread. */
static int grains_before(int grains, int thread, int threads)
{
    return (int)((int64_t)grains * thread / threads);
}

/* One piece of work at a time: a second caller, or a piece that calls, does its own alone. */
static void run(dl_pool *pool, const dl_work *work)
{
    Threads *t = (Threads *)(void *)pool;
    const int threads = work->threads < t->threads ? work->threads : t->threads;
    int grain = work->grain;
    while (work->count / grain >= MOST - 1)
        grain *= 2;
    const int grains = (work->count + grain - 1) / grain;
    if (threads < 2 || grains < 2 || atomic_flag_test_and_set(&t->busy)) {
        work->piece(work->arguments, 0, 0, work->count);
        return;
    }
    atomic_store(&t->work, work);
    atomic_store(&t->grain, grain);
    atomic_store(&t->subnormals, dl_subnormals());
    atomic_store(&t->unfinished, grains);
    for (int i = 0; i < threads; i++)
        atomic_store(&t->share[i].left, share_of(grains_before(grains, i, threads), grains_before(grains, i + 1, threads),
                                                 (uint64_t)threads | (work->backwards ? BACKWARDS : 0)));
    wake_all(t);
    work_along(t, 0);
    wait_for_the_others(t);
    atomic_flag_clear(&t->busy);
}

/* ---- opening and closing --------------------------------------------------------------------------- */
static void end_threads(Threads *t, int started)
{
    pthread_mutex_lock(&t->mutex);
    atomic_store(&t->closing, 1);
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->mutex);
    for (int i = 1; i < started; i++)
        pthread_join(t->worker[i].thread, NULL);
    pthread_cond_destroy(&t->finished);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->mutex);
    free(t);
}

dl_pool *dl_threads_open(int threads)
{
    Threads *t = threads < 1 || threads > DL_THREADS_MOST
                     ? NULL
                     : aligned_alloc(LINE, (sizeof(Threads) + LINE - 1) / LINE * LINE);
    if (!t)
        return NULL;
    t->pool.run = run;
    t->threads = threads;
    atomic_flag_clear(&t->busy);
    atomic_init(&t->work, NULL);
    atomic_init(&t->grain, 1);
    atomic_init(&t->subnormals, 0);
    atomic_init(&t->unfinished, 0);
    atomic_init(&t->sleeping, 0);
    atomic_init(&t->waiting, 0);
    atomic_init(&t->closing, 0);
    for (int i = 0; i < DL_THREADS_MOST; i++)
        atomic_init(&t->share[i].left, 0);
    if (pthread_mutex_init(&t->mutex, NULL) || pthread_cond_init(&t->wake, NULL) || pthread_cond_init(&t->finished, NULL)) {
        free(t);
        return NULL;
    }
    for (int i = 1; i < threads; i++) {
        t->worker[i] = (Worker){t, i, t->worker[i].thread};
        if (pthread_create(&t->worker[i].thread, NULL, live, &t->worker[i])) {
            end_threads(t, i);
            return NULL;
        }
    }
    return &t->pool;
}

void dl_threads_close(dl_pool *pool)
{
    if (pool)
        end_threads((Threads *)(void *)pool, ((Threads *)(void *)pool)->threads);
}
