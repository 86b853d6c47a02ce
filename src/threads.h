/* threads.h - sharing work among threads: OpenMP if compiled with it, the caller's own loop, or none */
#ifndef NN_THREADS_H
#define NN_THREADS_H

#include "config.h"

/* How many threads a call may use: 1 at the start, which means the caller's only. More take effect where the program was
 * compiled with OpenMP or a hook is set; results are the same bits for every number. 0 counts as 1.
 * Calls too small to gain from sharing stay on the calling thread. nn.h itself never spins; how long OpenMP's idle
 * workers do is set by OMP_WAIT_POLICY. Not to be called while another thread is inside nn.h. */
NN_API void nn_threads(size_t count);

/* The number of threads set, and 1 while there is neither OpenMP nor a hook. */
NN_API size_t nn_threads_in_use(void);

/* A parallel loop of the caller's: runs task(context, i) for every i in [0, count), in any order and on any threads,
 * and returns when all are done. It is called from the thread that called nn.h. */
typedef void (*nn_parallel_for)(void (*task)(void *context, size_t i), void *context, size_t count, void *user);

/* Uses `loop` instead of OpenMP; NULL goes back. */
NN_API void nn_threads_hook(nn_parallel_for loop, void *user);

/* Work is shared from the size on at which two threads gain even if the second has to be woken, which takes some 25 us: measured
 * with OMP_WAIT_POLICY=passive. Where workers spin and start within 1 us, define NN_THREADS_EAGER as 16 or so: the sizes are
 * divided by it. */
#ifndef NN_THREADS_EAGER
#define NN_THREADS_EAGER 1
#endif

#ifdef NN_IMPLEMENTATION

#ifdef _OPENMP
#include <omp.h>
#endif

static struct {
    size_t count;
    nn_parallel_for loop;
    void *user;
} nni_threads;

NN_API void nn_threads(size_t count) { nni_threads.count = count; }

/* Set while this thread does one of several jobs that run side by side: what it calls then shares no work with others. */
static __thread int nni_alone;

NN_API size_t nn_threads_in_use(void) {
    if (nni_alone) return 1;
#ifndef _OPENMP
    if (!nni_threads.loop) return 1;
#endif
    return nni_max(nni_threads.count, 1);
}

NN_API void nn_threads_hook(nn_parallel_for loop, void *user) {
    nni_threads.loop = loop;
    nni_threads.user = user;
}

/* Among how many threads to share `work`, of which a thread should get at least `least` (which workers that sleep make it). */
static inline size_t nni_threads_for(size_t work, size_t least) {
    const size_t most = nn_threads_in_use();
    return most == 1 ? 1 : nni_max(1, nni_min(most, work / nni_max(least / NN_THREADS_EAGER, 1)));
}

static void nni_parallel(void (*task)(void *context, size_t i), void *context, size_t count) {
    if (count <= 1) {
        if (count) task(context, 0);
    } else if (nni_threads.loop) {
        nni_threads.loop(task, context, count, nni_threads.user);
    } else {
#ifdef _OPENMP
#pragma omp parallel for schedule(static, 1) num_threads((int)count)
#endif
        for (size_t i = 0; i < count; i++) task(context, i);
    }
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_THREADS_H */
