/* pool.h - what pooling is to the kernels */
#ifndef NN_SIMD_POOL_H
#define NN_SIMD_POOL_H

#include "../src/config.h"

#ifdef NN_IMPLEMENTATION

#include <math.h> /* INFINITY */

/* One dimension of the windows. Output i looks at i*stride - pad + t*dilation for taps t < kernel. */
typedef struct nni_pool_axis {
    size_t length, padded; /* of the image, and with its padding */
    size_t kernel, stride, dilation, pad, outputs;
} nni_pool_axis;

typedef struct nni_pool {
    size_t images, channels;
    nni_pool_axis y, x;
    int count_padding;
    int disjoint; /* no pixel is in two windows */
} nni_pool;

/* The taps of one output that lie in the image: `count` from `first` on, `tap` being the place of the first in the window. */
typedef struct nni_pool_taps {
    size_t first, count, tap;
    size_t divisor; /* those that an average counts */
} nni_pool_taps;

static inline nni_pool_taps nni_pool_taps_of(const nni_pool_axis *a, size_t output, int count_padding) {
    const size_t at = output * a->stride; /* in the padded image */
    nni_pool_taps t = {at - a->pad, a->kernel, 0, a->kernel};
    if (at >= a->pad && at - a->pad + (a->kernel - 1) * a->dilation < a->length) return t;
    t.tap = at >= a->pad ? 0 : nni_min(a->kernel, nni_ceil_div(a->pad - at, a->dilation));
    t.first = at + t.tap * a->dilation - a->pad;
    const size_t end = at >= a->pad + a->length ? 0 : nni_min(a->kernel, nni_ceil_div(a->pad + a->length - at, a->dilation));
    t.count = end > t.tap ? end - t.tap : 0;
    t.divisor = count_padding ? nni_min(a->kernel, nni_ceil_div(a->padded - at, a->dilation)) : t.count;
    return t;
}

/* What a pass reads and writes: a window has a place in the arrays of outputs, its pixels in those of inputs. */
typedef struct nni_pool_pass {
    const nni_pool *pool;
    float *to;
    const float *from;
    uint32_t *index; /* of the pixels that were the largest; NULL: nobody asks */
    const uint32_t *given;
} nni_pool_pass;

/* Where some channels of a window lie: its output, its image, and in that the pixels that are not padding. */
typedef struct nni_pool_window {
    size_t output, image;
    size_t at, rows, columns; /* the first of rows x columns pixels */
    size_t divisor;
} nni_pool_window;

/* The number of the pixel in row r and column c of a window. */
static inline size_t nni_pool_pixel(const nni_pool *p, const nni_pool_window *w, size_t r, size_t c) {
    return w->at + r * p->y.dilation * p->x.length + c * p->x.dilation;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_SIMD_POOL_H */
