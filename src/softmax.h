/* softmax.h - softmax, its logarithm and its normaliser, row by row */
#ifndef NN_SOFTMAX_H
#define NN_SOFTMAX_H

#include "config.h"

/* rows x n floats, rows one after another; y may be x. Every finite row gives a finite result, however large its values;
 * a row with NaN or +infinity, or of -infinity only, gives NaN. */
NN_API void nn_softmax(float *y, const float *x, size_t rows, size_t n);      /* e^x / sum(e^x) */
NN_API void nn_log_softmax(float *y, const float *x, size_t rows, size_t n);  /* x - log(sum(e^x)) */
NN_API void nn_log_sum_exp(float *y, const float *x, size_t rows, size_t n);  /* y has `rows` floats */

/* dx from dy and the result y; dx may be dy. */
NN_API void nn_softmax_backward(float *dx, const float *dy, const float *y, size_t rows, size_t n);
NN_API void nn_log_softmax_backward(float *dx, const float *dy, const float *y, size_t rows, size_t n);

#ifdef NN_IMPLEMENTATION

#include "isa.h"
#include "threads.h"

/* Elements worth a thread, forward and backward: at twice as many, in rows of 128, two threads that sleep between calls were
 * 1.2 to 1.6 times as fast as one (softmax backward 0.9 to 1.2). */
#define NNI_SOFTMAX_SHARE 120000
#define NNI_SOFTMAX_SHARE_BACK 300000

typedef struct nni_rows {
    void (*forward)(float *y, const float *x, size_t rows, size_t n);
    void (*backward)(float *dx, const float *dy, const float *y, size_t rows, size_t n);
    float *out;
    const float *a, *b;
    size_t rows, n, part, out_n; /* part: rows of one part; out_n: floats of an output row */
} nni_rows;

static void nni_rows_task(void *context, size_t i) {
    const nni_rows *r = (const nni_rows *)context;
    const size_t row = i * r->part, rows = nni_min(r->part, r->rows - row);
    if (r->forward) r->forward(r->out + row * r->out_n, r->a + row * r->n, rows, r->n);
    else r->backward(r->out + row * r->out_n, r->a + row * r->n, r->b + row * r->n, rows, r->n);
}

static void nni_rows_run(nni_rows r) {
    if (r.rows == 0 || r.n == 0) return;
    r.part = nni_ceil_div(r.rows, nni_threads_for(r.rows * r.n, r.forward ? NNI_SOFTMAX_SHARE : NNI_SOFTMAX_SHARE_BACK));
    nni_parallel(nni_rows_task, &r, nni_ceil_div(r.rows, r.part));
}

static void nni_rows_forward(void (*f)(float *, const float *, size_t, size_t), float *y, const float *x, size_t rows, size_t n,
                             size_t out_n) {
    const nni_rows r = {f, NULL, y, x, NULL, rows, n, 0, out_n};
    nni_rows_run(r);
}
static void nni_rows_backward(void (*f)(float *, const float *, const float *, size_t, size_t), float *dx, const float *dy,
                              const float *y, size_t rows, size_t n) {
    const nni_rows r = {NULL, f, dx, dy, y, rows, n, 0, n};
    nni_rows_run(r);
}

NN_API void nn_softmax(float *y, const float *x, size_t rows, size_t n) {
    nni_rows_forward(nni_get_tier()->softmax, y, x, rows, n, n);
}
NN_API void nn_log_softmax(float *y, const float *x, size_t rows, size_t n) {
    nni_rows_forward(nni_get_tier()->log_softmax, y, x, rows, n, n);
}
NN_API void nn_log_sum_exp(float *y, const float *x, size_t rows, size_t n) {
    nni_rows_forward(nni_get_tier()->log_sum_exp, y, x, rows, n, 1);
}
NN_API void nn_softmax_backward(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    nni_rows_backward(nni_get_tier()->softmax_backward, dx, dy, y, rows, n);
}
NN_API void nn_log_softmax_backward(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    nni_rows_backward(nni_get_tier()->log_softmax_backward, dx, dy, y, rows, n);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_SOFTMAX_H */
