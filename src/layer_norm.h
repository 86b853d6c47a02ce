/* layer_norm.h - layer normalisation: every row by its own mean and deviation */
#ifndef NN_LAYER_NORM_H
#define NN_LAYER_NORM_H

#include "config.h"

/* y = gamma*(x - mean)/sqrt(variance + epsilon) + beta, with the mean and the biased variance of each row of n floats; gamma
 * and beta are n floats, or NULL for ones and zeros. mean and inverse_deviation, which is 1/sqrt(variance + epsilon), take one
 * float a row for the backward pass; both may be NULL. y may be x. */
NN_API void nn_layer_norm(float *y, float *mean, float *inverse_deviation, const float *x, const float *gamma,
                          const float *beta, size_t rows, size_t n, float epsilon);

/* Gradients from dy and what the forward pass kept. A gradient that is NULL is not computed; dx may be dy or x. accumulate
 * = 1 adds to dgamma and dbeta, 0 overwrites them. */
NN_API void nn_layer_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x, const float *mean,
                                   const float *inverse_deviation, const float *gamma, size_t rows, size_t n, int accumulate);

#ifdef NN_IMPLEMENTATION

#include "columns.h"

#define NNI_LAYER_NORM_SHARE 150000 /* elements worth a thread, as in columns.h */

typedef struct nni_layer_norm {
    const nni_tier *tier;
    nni_strip strip; /* all rows */
    size_t part;     /* rows of one thread's part */
    float *y, *mean, *inverse;
    const float *gamma, *beta;
    float epsilon;
} nni_layer_norm;

static void nni_layer_norm_task(void *context, size_t i) {
    const nni_layer_norm *l = (const nni_layer_norm *)context;
    const size_t row = i * l->part, at = row * l->strip.n;
    nni_strip part = l->strip;
    part.rows = nni_min(l->part, part.rows - row);
    part.x += at;
    if (part.dy) {
        part.dy += at;
        part.mean += row;
        part.inverse += row;
        l->tier->layer_norm_backward(l->y + at, &part, l->gamma);
    } else {
        l->tier->layer_norm(l->y + at, l->mean ? l->mean + row : NULL, l->inverse ? l->inverse + row : NULL, &part, l->gamma,
                            l->beta, l->epsilon);
    }
}

static void nni_layer_norm_run(nni_layer_norm *l) {
    if (l->strip.rows == 0 || l->strip.n == 0) return;
    l->tier = nni_get_tier();
    l->part = nni_ceil_div(l->strip.rows, nni_threads_for(l->strip.rows * l->strip.n, NNI_LAYER_NORM_SHARE));
    nni_parallel(nni_layer_norm_task, l, nni_ceil_div(l->strip.rows, l->part));
}

NN_API void nn_layer_norm(float *y, float *mean, float *inverse_deviation, const float *x, const float *gamma,
                          const float *beta, size_t rows, size_t n, float epsilon) {
    nni_layer_norm l = {NULL, {x, NULL, n, rows, n, NULL, NULL}, 0, y, mean, inverse_deviation, gamma, beta, epsilon};
    nni_layer_norm_run(&l);
}

static void nni_layer_norm_products(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column,
                                    size_t width) {
    nni_strip strip = nni_columns_block(c, block, column, width);
    (void)factor;
    strip.mean = c->mean + block * NNI_ROW_BLOCK;
    strip.inverse = c->variance + block * NNI_ROW_BLOCK;
    c->tier->columns_products_by_row(sum, &strip);
}

static void nni_layer_norm_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    (void)factor;
    nni_columns_gradient(c->first, total + width, column, width, c->accumulate);
    nni_columns_gradient(c->second, total, column, width, c->accumulate);
}

NN_API void nn_layer_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x, const float *mean,
                                   const float *inverse_deviation, const float *gamma, size_t rows, size_t n, int accumulate) {
    if (dgamma || dbeta) {
        nni_columns c = nni_columns_of(x, rows, n);
        c.sum = nni_layer_norm_products;
        c.finish = nni_layer_norm_finish;
        c.sums = 2;
        c.dy = dy;
        c.mean = mean;
        c.variance = inverse_deviation;
        c.first = dgamma;
        c.second = dbeta;
        c.accumulate = accumulate;
        nni_columns_run(&c);
    }
    if (dx) {
        nni_layer_norm l = {NULL, {x, dy, n, rows, n, mean, inverse_deviation}, 0, dx, NULL, NULL, gamma, NULL, 0.0f};
        nni_layer_norm_run(&l);
    }
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LAYER_NORM_H */
