/* norm.h - normalising: by columns, with factors for each, and by rows, each with statistics of its own */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* 1/sqrt(variance + epsilon) */
static void NNI_FN(inverse_deviation)(float *inverse, const float *variance, size_t n, float epsilon) {
    const vf one = vf_set1(1.0f), e = vf_set1(epsilon);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) vf_store(inverse + i, vf_div(one, vf_sqrt(vf_add(vf_load(variance + i), e))));
    if (i < n) vf_store_n(inverse + i, vf_div(one, vf_sqrt(vf_add(vf_load_n(variance + i, n - i), e))), n - i);
}

/* ---- by columns ---- */

#define NNI_ROWS_AT_ONCE 4 /* rows for which the factors of some columns are loaded once */

/* What is done to `rows` elements of VF_LANES columns, from row `row` and column j on. */
typedef void (*NNI_FN(normalize_fn))(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                     const int rows, const int whole, vm valid);

NNI_INLINE void NNI_FN(normalize_rows)(NNI_FN(normalize_fn) f, const int rows, float *y, const nni_strip *s,
                                       const float *const *factor, size_t row) {
    size_t j = 0;
    for (; j + VF_LANES <= s->n; j += VF_LANES) f(y, s, factor, row, j, rows, 1, vm_first(VF_LANES));
    if (j < s->n) f(y, s, factor, row, j, rows, 0, vm_first(s->n - j));
}

NNI_INLINE void NNI_FN(normalize_strip)(NNI_FN(normalize_fn) f, float *y, const nni_strip *s, const float *const *factor) {
    size_t row = 0;
    for (; row + NNI_ROWS_AT_ONCE <= s->rows; row += NNI_ROWS_AT_ONCE)
        NNI_FN(normalize_rows)(f, NNI_ROWS_AT_ONCE, y, s, factor, row);
    for (; row < s->rows; row++) NNI_FN(normalize_rows)(f, 1, y, s, factor, row);
}

NNI_INLINE void NNI_FN(normalize_columns)(float *y, const nni_strip *s, const float *const *factor, size_t row, size_t j,
                                          const int rows, const int whole, vm valid) {
    const vf mean = NNI_FN(column_load)(s->mean + j, whole, valid);
    const vf scale = NNI_FN(column_load)(factor[0] + j, whole, valid);
    const vf shift = NNI_FN(column_load)(factor[1] + j, whole, valid);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const vf distance = vf_sub(NNI_FN(column_load)(s->x + at, whole, valid), mean);
        NNI_FN(column_store)(y + at, vf_fma(distance, scale, shift), whole, valid);
    }
}

/* y = (x - mean)*scale + shift: the difference first, which is exact where a large mean would drown the result. */
static void NNI_FN(normalize)(float *y, const nni_strip *s, const float *scale, const float *shift) {
    const float *const factor[] = {scale, shift};
    NNI_FN(normalize_strip)(NNI_FN(normalize_columns), y, s, factor);
}

NNI_INLINE void NNI_FN(normalize_columns_backward)(float *dx, const nni_strip *s, const float *const *factor, size_t row,
                                                   size_t j, const int rows, const int whole, vm valid) {
    const vf mean = NNI_FN(column_load)(s->mean + j, whole, valid);
    const vf inverse = NNI_FN(column_load)(s->inverse + j, whole, valid);
    const vf gain = NNI_FN(column_load)(factor[0] + j, whole, valid);
    const vf less = vf_sub(vf_set1(0.0f), NNI_FN(column_load)(factor[1] + j, whole, valid));
    const vf slope = NNI_FN(column_load)(factor[2] + j, whole, valid);
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        const size_t at = (row + (size_t)r) * s->stride + j;
        const vf distance = vf_sub(NNI_FN(column_load)(s->x + at, whole, valid), mean);
        const vf centred = vf_fma(gain, NNI_FN(column_load)(s->dy + at, whole, valid), less);
        NNI_FN(column_store)(dx + at, vf_mul(inverse, vf_fnma(distance, slope, centred)), whole, valid);
    }
}

/* dx = inverse*(gain*dy - dy_mean - (x - mean)*slope) */
static void NNI_FN(normalize_backward)(float *dx, const nni_strip *s, const float *gain, const float *dy_mean,
                                       const float *slope) {
    const float *const factor[] = {gain, dy_mean, slope};
    NNI_FN(normalize_strip)(NNI_FN(normalize_columns_backward), dx, s, factor);
}

#undef NNI_ROWS_AT_ONCE

/* ---- by rows ---- */

/* A row, and what is done with it. `scaled` says that there is a gamma: known when compiled, or a register too few would
 * hold the sums. */
typedef struct NNI_FN(row) {
    const float *x, *dy, *gamma, *beta;
    vf mean;
    int scaled;
} NNI_FN(row);

/* Adds what VF_LANES elements from i on contribute to two sums. */
typedef void (*NNI_FN(row_fn))(vf *first, vf *second, const NNI_FN(row) *r, size_t i, const int whole, vm valid);

/* A row's sums are chains, in which every step waits for the one before: some rows side by side fill the time. */
#define NNI_ROWS_TOGETHER (NNI_WIDE < 4 ? 4 / NNI_WIDE : 1)

/* Two sums over the n floats of each of `rows` rows, in 16 lanes and blocks as everywhere. */
NNI_INLINE void NNI_FN(row_sums)(NNI_FN(row_fn) f, const int rows, double *first, double *second, const NNI_FN(row) *r,
                                 size_t n) {
    NNI_UNROLL for (int k = 0; k < rows; k++) first[k] = second[k] = 0.0;
    for (size_t begin = 0; begin < n; begin += NNI_BLOCK) {
        const size_t end = nni_min(n, begin + NNI_BLOCK);
        vf a[NNI_ROWS_TOGETHER * NNI_WIDE], b[NNI_ROWS_TOGETHER * NNI_WIDE];
        NNI_UNROLL for (int w = 0; w < rows * NNI_WIDE; w++) a[w] = b[w] = vf_set1(0.0f);
        size_t i = begin;
        for (; i + 16 <= end; i += 16)
            NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++)
                NNI_UNROLL for (int k = 0; k < rows; k++)
                    f(a + k * NNI_WIDE + w, b + k * NNI_WIDE + w, r + k, i + (size_t)(w * VF_LANES), 1, vm_first(VF_LANES));
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            const size_t at = i + (size_t)(w * VF_LANES);
            if (at >= end) continue;
            const vm valid = vm_first(nni_min(end - at, VF_LANES));
            NNI_UNROLL for (int k = 0; k < rows; k++) f(a + k * NNI_WIDE + w, b + k * NNI_WIDE + w, r + k, at, 0, valid);
        }
        NNI_UNROLL for (int k = 0; k < rows; k++) {
            first[k] += (double)NNI_FN(fold16)(a + k * NNI_WIDE);
            second[k] += (double)NNI_FN(fold16)(b + k * NNI_WIDE);
        }
    }
}

NNI_INLINE void NNI_FN(row_plain)(vf *first, vf *second, const NNI_FN(row) *r, size_t i, const int whole, vm valid) {
    (void)second;
    *first = vf_add(*first, NNI_FN(column_load)(r->x + i, whole, valid));
}

/* x - mean, and 0 beyond the end of the row */
NNI_INLINE vf NNI_FN(row_distance)(const NNI_FN(row) *r, size_t i, const int whole, vm valid) {
    const vf distance = vf_sub(NNI_FN(column_load)(r->x + i, whole, valid), r->mean);
    return whole ? distance : vf_where(valid, distance);
}

NNI_INLINE void NNI_FN(row_moments)(vf *first, vf *second, const NNI_FN(row) *r, size_t i, const int whole, vm valid) {
    const vf distance = NNI_FN(row_distance)(r, i, whole, valid);
    *first = vf_add(*first, distance);
    *second = vf_fma(distance, distance, *second);
}

NNI_INLINE vf NNI_FN(row_gamma)(const NNI_FN(row) *r, size_t i, const int whole, vm valid) {
    return r->scaled ? NNI_FN(column_load)(r->gamma + i, whole, valid) : vf_set1(1.0f);
}

/* gamma*dy, and gamma*dy*(x - mean) */
NNI_INLINE void NNI_FN(row_products)(vf *first, vf *second, const NNI_FN(row) *r, size_t i, const int whole, vm valid) {
    const vf g = vf_mul(NNI_FN(row_gamma)(r, i, whole, valid), NNI_FN(column_load)(r->dy + i, whole, valid));
    *first = vf_add(*first, g);
    *second = vf_fma(g, NNI_FN(row_distance)(r, i, whole, valid), *second);
}

/* Means, which r takes too, and inverse deviations: a first mean, then the moments about it, which correct what was rounded
 * off. */
NNI_INLINE void NNI_FN(row_statistics)(const int rows, float *mean, float *inverse, NNI_FN(row) *r, size_t n, float epsilon) {
    const double share = 1.0 / (double)n;
    double sum[NNI_ROWS_TOGETHER], squares[NNI_ROWS_TOGETHER];
    float about[NNI_ROWS_TOGETHER];
    NNI_FN(row_sums)(NNI_FN(row_plain), rows, sum, squares, r, n);
    NNI_UNROLL for (int k = 0; k < rows; k++) {
        about[k] = (float)(sum[k] * share);
        r[k].mean = vf_set1(about[k]);
    }
    NNI_FN(row_sums)(NNI_FN(row_moments), rows, sum, squares, r, n);
    NNI_UNROLL for (int k = 0; k < rows; k++) {
        const double off = sum[k] * share, variance = squares[k] * share - off * off;
        inverse[k] = (float)(1.0 / sqrt((variance < 0.0 ? 0.0 : variance) + (double)epsilon));
        mean[k] = (float)((double)about[k] + off);
        r[k].mean = vf_set1(mean[k]);
    }
}

NNI_INLINE void NNI_FN(layer_norm_vector)(float *y, const NNI_FN(row) *r, vf inverse, size_t i, const int whole, vm valid) {
    const vf shift = r->beta ? NNI_FN(column_load)(r->beta + i, whole, valid) : vf_set1(0.0f);
    const vf scale = vf_mul(inverse, NNI_FN(row_gamma)(r, i, whole, valid));
    NNI_FN(column_store)(y + i, vf_fma(NNI_FN(row_distance)(r, i, whole, valid), scale, shift), whole, valid);
}

NNI_INLINE void NNI_FN(layer_norm_row)(float *y, const NNI_FN(row) *r, float inverse, size_t n) {
    const vf scale = vf_set1(inverse);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) NNI_FN(layer_norm_vector)(y, r, scale, i, 1, vm_first(VF_LANES));
    if (i < n) NNI_FN(layer_norm_vector)(y, r, scale, i, 0, vm_first(n - i));
}

/* What a layer norm is given and gives; mean and inverse, unless NULL, are of each row. */
typedef struct NNI_FN(layer_norm_job) {
    const nni_strip *s;
    const float *gamma, *beta;
    float *y, *mean, *inverse;
    float epsilon;
} NNI_FN(layer_norm_job);

NNI_INLINE void NNI_FN(layer_norm_rows)(const int rows, const NNI_FN(layer_norm_job) *job, size_t row) {
    const size_t n = job->s->n, at = row * n;
    NNI_FN(row) r[NNI_ROWS_TOGETHER];
    float mean[NNI_ROWS_TOGETHER], inverse[NNI_ROWS_TOGETHER];
    NNI_UNROLL for (int k = 0; k < rows; k++) {
        const float *x = job->s->x + at + (size_t)k * n;
        const NNI_FN(row) one = {x, NULL, job->gamma, job->beta, vf_set1(0.0f), job->gamma != NULL};
        r[k] = one;
    }
    NNI_FN(row_statistics)(rows, mean, inverse, r, n, job->epsilon);
    for (int k = 0; k < rows; k++) {
        NNI_FN(layer_norm_row)(job->y + at + (size_t)k * n, r + k, inverse[k], n);
        if (job->mean) job->mean[row + (size_t)k] = mean[k];
        if (job->inverse) job->inverse[row + (size_t)k] = inverse[k];
    }
}

static void NNI_FN(layer_norm)(float *y, float *mean, float *inverse, const nni_strip *s, const float *gamma, const float *beta,
                               float epsilon) {
    const NNI_FN(layer_norm_job) job = {s, gamma, beta, y, mean, inverse, epsilon};
    size_t row = 0;
    for (; row + NNI_ROWS_TOGETHER <= s->rows; row += NNI_ROWS_TOGETHER) NNI_FN(layer_norm_rows)(NNI_ROWS_TOGETHER, &job, row);
    for (; row < s->rows; row++) NNI_FN(layer_norm_rows)(1, &job, row);
}

NNI_INLINE void NNI_FN(layer_norm_vector_backward)(float *dx, const NNI_FN(row) *r, vf inverse, vf less, vf slope, size_t i,
                                                   const int whole, vm valid) {
    const vf dy = NNI_FN(column_load)(r->dy + i, whole, valid);
    const vf centred = vf_fma(NNI_FN(row_gamma)(r, i, whole, valid), dy, less);
    const vf distance = NNI_FN(row_distance)(r, i, whole, valid);
    NNI_FN(column_store)(dx + i, vf_mul(inverse, vf_fnma(distance, slope, centred)), whole, valid);
}

/* dx = inverse*(g - mean(g) - z*mean(g*z)) with g = gamma*dy, z = (x - mean)*inverse. Row by row: more of x and dy at a time
 * would not stay in the L1 cache until dx is made of them. */
NNI_INLINE void NNI_FN(layer_norm_rows_backward)(const int scaled, float *dx, const nni_strip *s, const float *gamma) {
    NNI_FN(row) r = {s->x, s->dy, gamma, NULL, vf_set1(0.0f), scaled};
    const double share = 1.0 / (double)s->n;
    for (size_t row = 0; row < s->rows; row++, r.x += s->n, r.dy += s->n, dx += s->n) {
        const double row_inverse = (double)s->inverse[row];
        double sum, products;
        r.mean = vf_set1(s->mean[row]);
        NNI_FN(row_sums)(NNI_FN(row_products), 1, &sum, &products, &r, s->n);
        const vf inverse = vf_set1(s->inverse[row]), less = vf_set1((float)(-sum * share));
        const vf slope = vf_set1((float)(products * share * row_inverse * row_inverse));
        size_t i = 0;
        for (; i + VF_LANES <= s->n; i += VF_LANES)
            NNI_FN(layer_norm_vector_backward)(dx, &r, inverse, less, slope, i, 1, vm_first(VF_LANES));
        if (i < s->n) NNI_FN(layer_norm_vector_backward)(dx, &r, inverse, less, slope, i, 0, vm_first(s->n - i));
    }
}

static void NNI_FN(layer_norm_backward)(float *dx, const nni_strip *s, const float *gamma) {
    if (gamma) NNI_FN(layer_norm_rows_backward)(1, dx, s, gamma);
    else NNI_FN(layer_norm_rows_backward)(0, dx, s, NULL);
}

#undef NNI_ROWS_TOGETHER
#endif /* NNI_ISA */
