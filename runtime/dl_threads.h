/* SPDX-License-Identifier: MIT-0 */
/* dl_threads.h: a pool of POSIX threads for what `dlc --threads` generates. Only dl_threads.c needs a C library. */
#ifndef DL_THREADS_H
#define DL_THREADS_H

#include "dl_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { DL_THREADS_MOST = 64 };

/* A pool of so many threads, the caller's being one of them: it starts threads - 1, which wait. NULL where threads is not in
 * 1..DL_THREADS_MOST, or there is no memory or no thread to be had. */
dl_pool *dl_threads_open(int threads);

/* Ends its threads and frees the pool, which must not be at work. NULL does nothing. */
void dl_threads_close(dl_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
