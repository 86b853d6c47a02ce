/* tier.h - what one instruction set offers to the library: a table of kernels, the same for all
 *
 * Kernels do not check, allocate or fail. In every list the destination comes first, then inputs, sizes, options.
 */
#ifndef NN_SIMD_TIER_H
#define NN_SIMD_TIER_H

#include "../src/activation.h"
#include "../src/config.h"
#include "conv.h"
#include "optim.h"
#include "image.h"
#include "pool.h"
#include "../src/loss_list.h"

#ifdef NN_IMPLEMENTATION

#include <math.h>

/* One product C(m x n) = alpha*A(m x k)*B(k x n) + beta*C, then the epilogue. Transposition is a matter of strides:
 * A(i,p) = a[i*a_row + p*a_col], B(p,j) = b[p*b_row + j*b_col], one stride of each being 1. */
typedef struct nni_gemm {
    size_t m, n, k;
    float alpha, beta;
    const float *a;
    size_t a_row, a_col;
    const float *b;
    size_t b_row, b_col;
    const float *packed_b; /* B in the panels of gemm_pack, or NULL */
    float *c;
    size_t ldc;
    int dot; /* 16-lane dot products instead of one chain per element; needs a_col = 1, b_row = 1, alpha = 1 */
    const float *bias; /* NULL, or added to column j: bias[j*bias_step] */
    size_t bias_step;  /* 1, or 0 where the columns were rows before a matrix times vector was turned */
    nn_activation activation;
    float slope;
} nni_gemm;

/* Rows and columns of x, and of dy where there is one: rows x n floats, `stride` from row to row; and the mean and the
 * inverse deviation of each column, or of each row, where a kernel asks for them. */
typedef struct nni_strip {
    const float *x, *dy;
    size_t stride, rows, n;
    const float *mean, *inverse;
} nni_strip;
/* The loss of rows of n outputs. The target of a column is keep*t + add, with t from `targets` or 1 at the label, else 0. */
typedef struct nni_loss {
    nn_loss loss;
    size_t n;
    const float *targets;        /* rows x n, or NULL */
    const uint32_t *labels;      /* rows, or NULL */
    float keep, add;
    const float *sample_weights; /* rows, or NULL */
    const float *class_weights;  /* n, or NULL */
    float margin, delta;
    float gradient; /* what every gradient is multiplied by */
} nni_loss;

#define NNI_STRING_2(text) #text
#define NNI_STRING(macro) NNI_STRING_2(macro)

#define NNI_BLOCK 1024 /* floats that a reduction folds into one partial result */

/* Dropout takes the probability of keeping and a scale; what adds normal noise ignores a, and b is the deviation. */
#define NNI_NOISE_ARGUMENTS \
    (float *y, const float *x, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float a, float b)

/* X(result, name, (arguments)) */
#define NNI_KERNELS(X)                                                                                                     \
    X(size_t, gemm, (const nni_gemm *product, float *work, size_t floats))                                                 \
    X(int, gemm_small, (const nni_gemm *product))                                                                          \
    X(size_t, gemm_workspace, (const nni_gemm *product))                                                                   \
    X(void, gemm_pack, (float *dst, const float *b, size_t b_row, size_t b_col, size_t n, size_t k))                       \
    X(size_t, conv_packed, (const nni_conv *job))                                                                          \
    X(void, conv_pack, (float *dst, const nni_conv *job))                                                                  \
    X(void, conv, (const nni_conv *job, size_t from, size_t to))                                                           \
    X(size_t, conv_weights_work, (const nni_conv *job))                                                                    \
    X(void, conv_weights, (const nni_conv *job, float *dw, const float *dy, size_t from, size_t to, float *work))          \
    X(void, max_pool, (float *y, uint32_t *index, const float *x, const nni_pool *pool, size_t from, size_t to))           \
    X(void, max_pool_backward,                                                                                             \
      (float *dx, const float *dy, const uint32_t *index, const nni_pool *pool, size_t from, size_t to))                   \
    X(void, average_pool, (float *y, const float *x, const nni_pool *pool, size_t from, size_t to))                        \
    X(void, average_pool_backward, (float *dx, const float *dy, const nni_pool *pool, size_t from, size_t to))             \
    X(void, global_average_pool, (float *y, const float *x, size_t images, size_t pixels, size_t channels))                \
    X(void, global_average_pool_backward, (float *dx, const float *dy, size_t images, size_t pixels, size_t channels))     \
    X(void, activate, (float *y, const float *x, size_t n, nn_activation activation, float slope))                         \
    X(void, activate_backward, (float *dx, const float *dy, const float *v, size_t n, nn_activation activation, float slope)) \
    X(void, exp, (float *y, const float *x, size_t n))                                                                     \
    X(void, log, (float *y, const float *x, size_t n))                                                                     \
    X(void, log_backward, (float *dx, const float *dy, const float *x, size_t n))                                          \
    X(void, add, (float *y, const float *a, const float *b, size_t n))                                                     \
    X(void, mul, (float *y, const float *a, const float *b, size_t n))                                                     \
    X(void, sub, (float *y, const float *a, const float *b, size_t n))                                                     \
    X(void, mul_add, (float *y, const float *a, const float *b, size_t n))                                                 \
    X(void, add_row, (float *y, const float *x, const float *row, size_t rows, size_t n))                                  \
    X(void, reciprocal, (float *y, const float *x, size_t n))                                                              \
    X(void, reciprocal_backward, (float *dx, const float *dy, const float *y, size_t n))                                   \
    X(void, clip, (float *y, const float *x, size_t n, float lo, float hi))                                                \
    X(void, scale, (float *y, const float *x, size_t n, float a))                                                          \
    X(void, axpy, (float *y, const float *x, size_t n, float a))                                                           \
    X(void, dot, (float *partial, const float *x, const float *y, size_t n))                                               \
    X(void, sum, (float *partial, const float *x, size_t n))                                                               \
    X(void, sum_squares, (float *partial, const float *x, size_t n))                                                       \
    X(void, columns_sum, (float *sum, const nni_strip *strip))                                                             \
    X(void, prelu, (float *y, const nni_strip *strip, const float *slope))                                                 \
    X(void, prelu_backward, (float *dx, const nni_strip *strip, const float *slope))                                       \
    X(void, prelu_columns, (float *sum, const nni_strip *strip))                                                           \
    X(void, prelu_sum, (float *partial, const float *dy, const float *x, size_t n))                                        \
    X(void, columns_moments, (float *sum, const nni_strip *strip))                                                         \
    X(void, columns_products, (float *sum, const nni_strip *strip))                                                        \
    X(void, columns_products_by_row, (float *sum, const nni_strip *strip))                                                 \
    X(void, inverse_deviation, (float *inverse, const float *variance, size_t n, float epsilon))                           \
    X(void, normalize, (float *y, const nni_strip *strip, const float *scale, const float *shift))                         \
    X(void, normalize_backward,                                                                                            \
      (float *dx, const nni_strip *strip, const float *gain, const float *dy_mean, const float *slope))                    \
    X(void, layer_norm, (float *y, float *mean, float *inverse, const nni_strip *strip, const float *gamma,                \
                         const float *beta, float epsilon))                                                                \
    X(void, layer_norm_backward, (float *dx, const nni_strip *strip, const float *gamma))                                  \
    X(void, sum_abs, (float *partial, const float *x, size_t n))                                                           \
    X(float, max, (const float *x, size_t n))                                                                              \
    X(size_t, argmax, (const float *x, size_t n))                                                                          \
    X(void, softmax, (float *y, const float *x, size_t rows, size_t n))                                                    \
    X(void, log_softmax, (float *y, const float *x, size_t rows, size_t n))                                                \
    X(void, log_sum_exp, (float *y, const float *x, size_t rows, size_t n))                                                \
    X(void, softmax_backward, (float *dx, const float *dy, const float *y, size_t rows, size_t n))                         \
    X(void, log_softmax_backward, (float *dx, const float *dy, const float *y, size_t rows, size_t n))                     \
    X(int, all_finite, (const float *x, size_t n))                                                                         \
    X(void, loss, (float *y, float *dx, const float *x, size_t rows, const nni_loss *loss))                                \
    X(void, penalty_backward, (float *dw, const float *w, size_t n, float l1, float l2))                                   \
    X(void, max_norm, (float *w, size_t rows, size_t cols, size_t stride, float limit))                                    \
    X(size_t, zero_small, (float *w, size_t n, float threshold))                                                           \
    X(void, optimize, (const nni_update *update, size_t from, size_t n))                                                   \
    X(void, move_average, (float *average, const float *w, size_t n, float some))                                          \
    X(void, truncated_normal, (float *y, const float *x, size_t n, float scale))                                           \
    X(void, random_bits, (uint32_t *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks))                      \
    X(void, random_uniform, (float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float lo, float hi))  \
    X(void, random_normal, (float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float mean, float sd)) \
    X(void, random_mask, (float *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks, float keep, float value)) \
    X(void, dropout, NNI_NOISE_ARGUMENTS)                                                                                  \
    X(void, add_normal, NNI_NOISE_ARGUMENTS)                                                                               \
    X(void, mask_columns, (float *y, const nni_strip *strip, const float *mask, float scale))                              \
    X(void, floats_from_bytes, (float *y, const uint8_t *x, size_t n, float divisor))                                      \
    X(void, bytes_from_floats, (uint8_t *y, const float *x, size_t n, float scale))                                        \
    X(void, reverse, (float *y, size_t y_stride, const float *x, ptrdiff_t x_stride, size_t rows, size_t n))               \
    X(void, reverse_3, (float *y, const float *x, size_t pixels))                                                          \
    X(void, mix_channels, (float *y, const float *x, size_t pixels, size_t channels, const float *columns))                \
    X(void, gamma, (float *y, const float *x, size_t n, float exponent))                                                   \
    X(void, warp, (float *y, const nni_warp *warp))                                                                        \
    X(void, filter, (float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows, size_t n, size_t step,       \
                     const float *weights, size_t taps))                                                                   \
    X(void, filter_bytes, (float *y, const uint8_t *x, size_t n, size_t step, const float *weights, size_t taps))          \
    X(void, resize_row, (float *y, const float *x, const nni_taps *taps, size_t channels))

typedef struct nni_tier {
    const char *name;
    size_t packed_width; /* columns are padded to a multiple of this in gemm_pack */
#define NNI_KERNEL_FIELD(result, name, arguments) result(*name) arguments;
    NNI_KERNELS(NNI_KERNEL_FIELD)
#undef NNI_KERNEL_FIELD
} nni_tier;

#endif /* NN_IMPLEMENTATION */
#endif /* NN_SIMD_TIER_H */
