/* image.h - what the image kernels are told */
#ifndef NN_SIMD_IMAGE_H
#define NN_SIMD_IMAGE_H

#include "../src/config.h"

#ifdef NN_IMPLEMENTATION

typedef enum nni_taking { NNI_TAKE_BILINEAR, NNI_TAKE_NEAREST, NNI_TAKE_BICUBIC } nni_taking;

/* How a coordinate finds its way back into the image: with u = s + shift, u - period*floor(u/period) is in the first period,
 * whose second half is the mirror image of the first if `mirrored`. A period of 0 leaves it to the bounds, which are those of
 * the border in memory, NaN going to the lower one. */
typedef struct nni_fold {
    float low, high;
    float shift, period, inverse;
    int mirrored;
} nni_fold;

/* A resampling: the value at (column, row) of y is taken from x at
 *     m[0]*column + m[1]*row + m[2] + dx,    m[3]*column + m[4]*row + m[5] + dy
 * where pixel (0, 0) of the source has its centre at (0, 0). x lies in a border, of which `before` pixels are above and left
 * of it: x points at the first of those. Rows are `stride` floats apart, and four floats beyond the last may be read. */
typedef struct nni_warp {
    const float *x;
    size_t stride, channels, before;
    nni_taking taking;
    nni_fold across, down;
    double m[6];
    const float *dx, *dy; /* rows x columns, or NULL */
    size_t rows, columns, y_stride;
} nni_warp;

/* Output i of `outputs` is the sum over k < taps of weights[k*outputs + i] * pixel first[i] + k. */
typedef struct nni_taps {
    const uint32_t *first;
    const float *weights;
    size_t taps, outputs;
} nni_taps;

#endif /* NN_IMPLEMENTATION */
#endif /* NN_SIMD_IMAGE_H */
