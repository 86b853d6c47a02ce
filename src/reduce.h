/* reduce.h - one number from an array */
#ifndef NN_REDUCE_H
#define NN_REDUCE_H

#include "config.h"

/* Summed in 16 lanes over blocks of 1024, the blocks in double in the order of their index: the same bits for every
 * instruction set and number of threads. Of no elements, 0. */
NN_API float nn_sum(const float *x, size_t n);
NN_API float nn_sum_squares(const float *x, size_t n);
NN_API float nn_dot(const float *x, const float *y, size_t n);

/* The largest element: NaN if there is one, +0 rather than -0; of no elements, -infinity. */
NN_API float nn_max(const float *x, size_t n);

/* The first index of the largest element, or of the first NaN; of no elements, 0. */
NN_API size_t nn_argmax(const float *x, size_t n);

#ifdef NN_IMPLEMENTATION

#include "isa.h"
#include "threads.h"

#include <math.h>

/* Blocks worth a thread. Memory is what these wait for: two threads that sleep between calls ran nn_dot 1.4 times as fast as
 * one at twice as many, and nn_sum no faster (1.1 times at twice that); threads that spin, both 1.5 to 2 times. */
#define NNI_REDUCE_SHARE 2000
#define NNI_REDUCE_ROUND 8192 /* blocks whose results are held at a time */

typedef struct nni_reduce {
    void (*f)(const struct nni_reduce *reduce, float *partial, size_t begin, size_t count);
    const nni_tier *tier;
    const float *x, *y;
    size_t n, blocks, part; /* elements and blocks of this round, blocks of a part */
    float *partial;
} nni_reduce;

static void nni_reduce_task(void *context, size_t i) {
    const nni_reduce *r = (const nni_reduce *)context;
    const size_t begin = i * r->part * NNI_BLOCK, end = nni_min(r->n, begin + r->part * NNI_BLOCK);
    r->f(r, r->partial + i * r->part, begin, end - begin);
}

static float nni_reduce_run(void (*f)(const nni_reduce *, float *, size_t, size_t), const float *x, const float *y, size_t n) {
    float partial[NNI_REDUCE_ROUND];
    nni_reduce r;
    r.f = f;
    r.tier = nni_get_tier();
    r.partial = partial;
    double total = 0.0;
    for (size_t done = 0; done < n; done += r.n) {
        r.x = x + done;
        r.y = y + done;
        r.n = nni_min(n - done, (size_t)NNI_REDUCE_ROUND * NNI_BLOCK);
        r.blocks = nni_ceil_div(r.n, NNI_BLOCK);
        r.part = nni_ceil_div(r.blocks, nni_threads_for(r.blocks, NNI_REDUCE_SHARE));
        nni_parallel(nni_reduce_task, &r, nni_ceil_div(r.blocks, r.part));
        for (size_t i = 0; i < r.blocks; i++) total += (double)partial[i];
    }
    return (float)total;
}

static void nni_reduce_sum(const nni_reduce *r, float *partial, size_t i, size_t n) { r->tier->sum(partial, r->x + i, n); }
static void nni_reduce_dot(const nni_reduce *r, float *partial, size_t i, size_t n) { r->tier->dot(partial, r->x + i, r->y + i, n); }
static void nni_reduce_squares(const nni_reduce *r, float *partial, size_t i, size_t n) {
    r->tier->sum_squares(partial, r->x + i, n);
}

NN_API float nn_sum(const float *x, size_t n) { return nni_reduce_run(nni_reduce_sum, x, x, n); }
NN_API float nn_dot(const float *x, const float *y, size_t n) { return nni_reduce_run(nni_reduce_dot, x, y, n); }
NN_API float nn_sum_squares(const float *x, size_t n) { return nni_reduce_run(nni_reduce_squares, x, x, n); }
NN_API float nn_max(const float *x, size_t n) { return n ? nni_get_tier()->max(x, n) : -INFINITY; }
NN_API size_t nn_argmax(const float *x, size_t n) { return n ? nni_get_tier()->argmax(x, n) : 0; }

#endif /* NN_IMPLEMENTATION */
#endif /* NN_REDUCE_H */
