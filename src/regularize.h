/* regularize.h - keeping weights small: penalties, their gradients, and bounds */
#ifndef NN_REGULARIZE_H
#define NN_REGULARIZE_H

#include "config.h"

/* l1 sum|w| + l2/2 sum(w^2): L1, L2, or with both the elastic net. A factor of 0 does not look at w. Summed like nn_sum. */
NN_API float nn_penalty(const float *w, size_t n, float l1, float l2);

/* dw += l1 sign(w) + l2 w, the gradient of nn_penalty; sign(0) is 0. */
NN_API void nn_penalty_backward(float *dw, const float *w, size_t n, float l1, float l2);

/* Scales the columns of w, in x out, whose norm is above `limit` down to it (to a few units in the last place): a column holds the
 * weights that come into one unit. Norms are summed in blocks of 256 rows, the blocks in double. Columns with NaN stay. */
NN_API void nn_max_norm(float *w, size_t in, size_t out, float limit);

/* Sets every |w| < threshold to 0, and says how many they are; after training with l1 they can be left out. NaN stays. */
NN_API size_t nn_zero_small(float *w, size_t n, float threshold);

/* sum|x|, summed like nn_sum, and sqrt(sum(x^2)), which is infinite above 1.8e19. */
NN_API float nn_sum_abs(const float *x, size_t n);
NN_API float nn_norm(const float *x, size_t n);

#ifdef NN_IMPLEMENTATION

#include "isa.h"
#include "maths.h"
#include "reduce.h"
#include "threads.h"

#define NNI_MAX_NORM_SHARE 300000 /* weights worth a thread */

static void nni_reduce_abs(const nni_reduce *r, float *partial, size_t i, size_t n) { r->tier->sum_abs(partial, r->x + i, n); }

NN_API float nn_sum_abs(const float *x, size_t n) { return nni_reduce_run(nni_reduce_abs, x, x, n); }
NN_API float nn_norm(const float *x, size_t n) { return (float)sqrt((double)nn_sum_squares(x, n)); }

NN_API float nn_penalty(const float *w, size_t n, float l1, float l2) {
    const double first = l1 != 0.0f ? (double)l1 * (double)nn_sum_abs(w, n) : 0.0;
    const double second = l2 != 0.0f ? 0.5 * (double)l2 * (double)nn_sum_squares(w, n) : 0.0;
    return (float)(first + second);
}

static void nni_map_penalty(const nni_map *m, size_t i, size_t n) {
    m->tier->penalty_backward(m->y + i, m->a + i, n, m->b[0], m->b[1]);
}

NN_API void nn_penalty_backward(float *dw, const float *w, size_t n, float l1, float l2) {
    const float factors[2] = {l1, l2};
    nni_map map = nni_map_of(nni_map_penalty, dw, w, factors, n);
    if (l1 != 0.0f || l2 != 0.0f) nni_map_run(&map, NNI_MAP_SHARE);
}

typedef struct nni_max_norm_job {
    const nni_tier *tier;
    float *w;
    size_t in, out, part; /* part: columns of one part */
    float limit;
} nni_max_norm_job;

static void nni_max_norm_task(void *context, size_t i) {
    const nni_max_norm_job *job = (const nni_max_norm_job *)context;
    const size_t first = i * job->part;
    job->tier->max_norm(job->w + first, job->in, nni_min(job->part, job->out - first), job->out, job->limit);
}

NN_API void nn_max_norm(float *w, size_t in, size_t out, float limit) {
    nni_max_norm_job job;
    if (in == 0 || out == 0) return;
    job.tier = nni_get_tier();
    job.w = w;
    job.in = in;
    job.out = out;
    job.part = nni_round_up(nni_ceil_div(out, nni_threads_for(in * out, NNI_MAX_NORM_SHARE)), 64);
    job.limit = limit;
    nni_parallel(nni_max_norm_task, &job, nni_ceil_div(out, job.part));
}

NN_API size_t nn_zero_small(float *w, size_t n, float threshold) { return nni_get_tier()->zero_small(w, n, threshold); }

#endif /* NN_IMPLEMENTATION */
#endif /* NN_REGULARIZE_H */
