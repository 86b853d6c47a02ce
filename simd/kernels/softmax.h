/* softmax.h - softmax, log-softmax and log-sum-exp of each row, and their gradients
 *
 * The row's maximum is subtracted first, so every exponential is at most 1 and one of them is 1: no finite row can
 * overflow or divide by zero. Sums run in 16 lanes over blocks of NNI_BLOCK, whose results are added in double. Short
 * rows run turned (short_rows.h), with the same bits.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* y[i] = e^(x[i] - shift) for n <= NNI_BLOCK floats; their sum is returned. A NULL y keeps the sum only. */
NNI_INLINE float NNI_FN(exp_block)(const int keep, float *y, const float *x, size_t n, float shift) {
    const vf top = vf_set1(shift);
    vf sum[NNI_WIDE];
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) sum[w] = vf_set1(0.0f);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            const vf e = NNI_FN(vexp)(vf_sub(vf_load(x + i + w * VF_LANES), top));
            if (keep) vf_store(y + i + w * VF_LANES, e);
            sum[w] = vf_add(sum[w], e);
        }
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t at = i + (size_t)(w * VF_LANES);
        if (at >= n) continue;
        const vm valid = vm_first(nni_min(n - at, VF_LANES));
        const vf e = vf_where(valid, NNI_FN(vexp)(vf_sub(vf_load_m(x + at, valid), top)));
        if (keep) vf_store_m(y + at, e, valid);
        sum[w] = vf_add(sum[w], e);
    }
    return NNI_FN(fold16)(sum);
}

/* The sums over a row, with and without keeping the exponentials. */
static double NNI_FN(exp_row)(float *y, const float *x, size_t n, float shift) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i += NNI_BLOCK) sum += (double)NNI_FN(exp_block)(1, y + i, x + i, nni_min(n - i, NNI_BLOCK), shift);
    return sum;
}
static double NNI_FN(exp_sum)(const float *x, size_t n, float shift) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i += NNI_BLOCK) sum += (double)NNI_FN(exp_block)(0, NULL, x + i, nni_min(n - i, NNI_BLOCK), shift);
    return sum;
}

/* log of a sum of exponentials, which lies in [1, n] */
NNI_INLINE float NNI_FN(log_of_sum)(double sum) {
    float y[VF_LANES];
    vf_store(y, NNI_FN(vlog)(vf_set1((float)sum)));
    return y[0];
}

/* Up to VF_LANES rows of up to NNI_SHORT floats. A float divided in float is what it is divided in double and rounded. */
static void NNI_FN(softmax_block)(float *y, const float *x, size_t rows, size_t n) {
    vf column[NNI_SHORT];
    NNI_FN(load_columns)(column, x, rows, n);
    const vf scale = vf_div(vf_set1(1.0f), NNI_FN(exp_columns)(column, n, NNI_FN(max_columns)(column, n)));
    for (size_t j = 0; j < n; j++) column[j] = vf_mul(scale, column[j]);
    NNI_FN(store_columns)(y, column, rows, n);
}

static void NNI_FN(softmax)(float *y, const float *x, size_t rows, size_t n) {
    const size_t turned = NNI_FN(rows_to_turn)(rows, n);
    for (size_t r = 0; r < turned; r += VF_LANES) NNI_FN(softmax_block)(y + r * n, x + r * n, nni_min(turned - r, VF_LANES), n);
    for (size_t r = turned; r < rows; r++) {
        const double sum = NNI_FN(exp_row)(y + r * n, x + r * n, n, NNI_FN(max)(x + r * n, n));
        NNI_FN(map1)(NNI_FN(v_scale), y + r * n, y + r * n, n, (float)(1.0 / sum));
    }
}

NNI_INLINE vf NNI_FN(v_subtract)(vf x, vf a) { return vf_sub(x, a); }

static void NNI_FN(log_softmax_block)(float *y, const float *x, size_t rows, size_t n) {
    vf column[NNI_SHORT], e[NNI_SHORT];
    NNI_FN(load_columns)(column, x, rows, n);
    for (size_t j = 0; j < n; j++) e[j] = column[j];
    const vf top = NNI_FN(max_columns)(column, n), log_sum = NNI_FN(vlog)(NNI_FN(exp_columns)(e, n, top));
    for (size_t j = 0; j < n; j++) column[j] = vf_sub(vf_sub(column[j], top), log_sum);
    NNI_FN(store_columns)(y, column, rows, n);
}

static void NNI_FN(log_softmax)(float *y, const float *x, size_t rows, size_t n) {
    const size_t turned = NNI_FN(rows_to_turn)(rows, n);
    for (size_t r = 0; r < turned; r += VF_LANES) NNI_FN(log_softmax_block)(y + r * n, x + r * n, nni_min(turned - r, VF_LANES), n);
    x += turned * n;
    y += turned * n;
    for (size_t r = turned; r < rows; r++, x += n, y += n) {
        const float top = NNI_FN(max)(x, n), log_sum = NNI_FN(log_of_sum)(NNI_FN(exp_sum)(x, n, top));
        /* two subtractions: top + log_sum in one float would lose log_sum beside a large top */
        NNI_FN(map1)(NNI_FN(v_subtract), y, x, n, top);
        NNI_FN(map1)(NNI_FN(v_subtract), y, y, n, log_sum);
    }
}

static void NNI_FN(log_sum_exp_block)(float *y, const float *x, size_t rows, size_t n) {
    vf column[NNI_SHORT];
    NNI_FN(load_columns)(column, x, rows, n);
    const vf top = NNI_FN(max_columns)(column, n), log_sum = NNI_FN(vlog)(NNI_FN(exp_columns)(column, n, top));
    vf_store_n(y, vf_add(top, log_sum), rows);
}

static void NNI_FN(log_sum_exp)(float *y, const float *x, size_t rows, size_t n) {
    const size_t turned = NNI_FN(rows_to_turn)(rows, n);
    for (size_t r = 0; r < turned; r += VF_LANES) NNI_FN(log_sum_exp_block)(y + r, x + r * n, nni_min(turned - r, VF_LANES), n);
    for (size_t r = turned; r < rows; r++) {
        const float top = NNI_FN(max)(x + r * n, n);
        y[r] = top + NNI_FN(log_of_sum)(NNI_FN(exp_sum)(x + r * n, n, top));
    }
}

NNI_INLINE vf NNI_FN(d_softmax)(vf dy, vf y, vf dot) { return vf_mul(y, vf_sub(dy, dot)); }
NNI_INLINE vf NNI_FN(d_log_softmax)(vf dy, vf e, vf sum) { return vf_fnma(e, sum, dy); }

/* dx = y * (dy - sum(dy*y)) */
static void NNI_FN(softmax_backward)(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        double dot = 0.0;
        for (size_t i = 0; i < n; i += NNI_BLOCK)
            dot += (double)NNI_FN(sum_block)(NNI_FN(sum_product), NNI_FN(sum_product_n), dy + i, y + i, nni_min(n - i, NNI_BLOCK));
        NNI_FN(map2)(NNI_FN(d_softmax), dx, dy, y, n, (float)dot);
    }
}

NNI_INLINE vf NNI_FN(d_log_softmax_y)(vf dy, vf y, vf sum) { return NNI_FN(d_log_softmax)(dy, NNI_FN(vexp)(y), sum); }

/* dx = dy - e^y * sum(dy) */
static void NNI_FN(log_softmax_backward)(float *dx, const float *dy, const float *y, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        double sum = 0.0;
        for (size_t i = 0; i < n; i += NNI_BLOCK)
            sum += (double)NNI_FN(sum_block)(NNI_FN(sum_one), NNI_FN(sum_one_n), dy + i, dy + i, nni_min(n - i, NNI_BLOCK));
        NNI_FN(map2)(NNI_FN(d_log_softmax_y), dx, dy, y, n, (float)sum);
    }
}

#endif /* NNI_ISA */
