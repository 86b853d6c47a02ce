/* prelu.h - leaky ReLU whose slopes are learned */
#ifndef NN_PRELU_H
#define NN_PRELU_H

#include "config.h"

/* y = x > 0 ? x : slope*x for rows x n floats, with a slope for each of the n columns (the channels of an image); or, where
 * `shared` is 1, with slope[0] for all. y may be x if no gradient is wanted. */
NN_API void nn_prelu(float *y, const float *x, const float *slope, size_t rows, size_t n, int shared);

/* dx = x > 0 ? dy : slope*dy, and dslope, of n floats or one: the sum of dy*x over the x not above 0. accumulate = 1 adds to
 * what dslope holds, 0 overwrites it without reading; dx is always overwritten. Either may be NULL. dx may be dy or x. */
NN_API void nn_prelu_backward(float *dx, float *dslope, const float *dy, const float *x, const float *slope, size_t rows, size_t n,
                              int shared, int accumulate);

#ifdef NN_IMPLEMENTATION

#include "columns.h"
#include "isa.h"
#include "maths.h"
#include "reduce.h"

static void nni_prelu_apply(const nni_columns *c, const float *factor, size_t row, size_t rows, size_t column, size_t width) {
    const nni_strip strip = nni_columns_strip(c, row, rows, column, width);
    (void)factor;
    c->tier->prelu(c->y + row * c->n + column, &strip, c->scale + column);
}

NN_API void nn_prelu(float *y, const float *x, const float *slope, size_t rows, size_t n, int shared) {
    nni_columns c = nni_columns_of(x, rows, n);
    if (shared) {
        nn_leaky_relu(y, x, rows * n, slope[0]);
        return;
    }
    c.apply = nni_prelu_apply;
    c.scale = slope;
    c.y = y;
    nni_columns_run(&c);
}

static void nni_prelu_sum(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column, size_t width) {
    const nni_strip strip = nni_columns_block(c, block, column, width);
    (void)factor;
    c->tier->prelu_columns(sum, &strip);
}

static void nni_prelu_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    (void)factor;
    nni_columns_gradient(c->first, total, column, width, c->accumulate);
}

static void nni_prelu_apply_backward(const nni_columns *c, const float *factor, size_t row, size_t rows, size_t column,
                                     size_t width) {
    const nni_strip strip = nni_columns_strip(c, row, rows, column, width);
    (void)factor;
    c->tier->prelu_backward(c->y + row * c->n + column, &strip, c->scale + column);
}

static void nni_prelu_reduce(const nni_reduce *r, float *partial, size_t i, size_t n) {
    r->tier->prelu_sum(partial, r->x + i, r->y + i, n);
}

/* The sum first: dx may be written over dy or x. */
static void nni_prelu_backward_shared(float *dx, float *dslope, const float *dy, const float *x, float slope, size_t n,
                                      int accumulate) {
    if (dslope) {
        const float sum = nni_reduce_run(nni_prelu_reduce, dy, x, n);
        *dslope = accumulate ? *dslope + sum : sum;
    }
    if (dx) nn_activate_backward(dx, dy, x, n, NN_LEAKY_RELU, slope); /* from x, whose sign is right for every slope */
}

NN_API void nn_prelu_backward(float *dx, float *dslope, const float *dy, const float *x, const float *slope, size_t rows, size_t n,
                              int shared, int accumulate) {
    nni_columns c = nni_columns_of(x, rows, n);
    if (shared) {
        nni_prelu_backward_shared(dx, dslope, dy, x, slope[0], rows * n, accumulate);
        return;
    }
    if (dslope) {
        c.sums = 1;
        c.sum = nni_prelu_sum;
        c.finish = nni_prelu_finish;
    }
    c.apply = dx ? nni_prelu_apply_backward : NULL;
    c.dy = dy;
    c.scale = slope;
    c.y = dx;
    c.first = dslope;
    c.accumulate = accumulate;
    nni_columns_run(&c);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_PRELU_H */
