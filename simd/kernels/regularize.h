/* regularize.h - penalties and bounds on weights */
#ifndef NNI_ISA
#include "../scalar.h"
#else

NNI_INLINE vf NNI_FN(sum_size)(const float *x, const float *y, vf sum) { return (void)y, vf_add(sum, vf_abs(vf_load(x))); }
NNI_INLINE vf NNI_FN(sum_size_n)(const float *x, const float *y, vf sum, size_t n) {
    return (void)y, vf_add(sum, vf_abs(vf_load_n(x, n)));
}
static void NNI_FN(sum_abs)(float *partial, const float *x, size_t n) {
    NNI_FN(sum_blocks)(NNI_FN(sum_size), NNI_FN(sum_size_n), partial, x, x, n);
}

NNI_INLINE vf NNI_FN(d_penalty)(vf dw, vf w, vf l1, vf l2) {
    const vf zero = vf_set1(0.0f);
    const vf slope = vf_select(vf_lt(zero, w), l1, vf_where(vf_lt(w, zero), vf_sub(zero, l1)));
    return vf_fma(l2, w, vf_add(dw, slope));
}

static void NNI_FN(penalty_backward)(float *dw, const float *w, size_t n, float l1, float l2) {
    const vf first = vf_set1(l1), second = vf_set1(l2);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) vf_store(dw + i, NNI_FN(d_penalty)(vf_load(dw + i), vf_load(w + i), first, second));
    if (i < n) vf_store_n(dw + i, NNI_FN(d_penalty)(vf_load_n(dw + i, n - i), vf_load_n(w + i, n - i), first, second), n - i);
}

#define NNI_NORM_ROWS 256  /* rows of a block, summed in float */
#define NNI_NORM_PANEL 64  /* columns summed side by side */

/* total[j] += the sum of squares of column j, for `rows` <= NNI_NORM_ROWS rows and `cols` <= NNI_NORM_PANEL columns. */
NNI_INLINE void NNI_FN(norm_block)(double *total, const float *w, size_t rows, size_t cols, size_t stride) {
    float partial[NNI_NORM_PANEL];
    for (size_t j = 0; j < cols; j += VF_LANES) {
        const size_t some = nni_min(cols - j, VF_LANES);
        vf sum = vf_set1(0.0f);
        if (some == VF_LANES)
            for (size_t r = 0; r < rows; r++) sum = vf_fma(vf_load(w + r * stride + j), vf_load(w + r * stride + j), sum);
        else
            for (size_t r = 0; r < rows; r++) {
                const vf v = vf_load_n(w + r * stride + j, some);
                sum = vf_fma(v, v, sum);
            }
        vf_store(partial + j, sum);
    }
    for (size_t j = 0; j < cols; j++) total[j] += (double)partial[j];
}

/* Columns [0, cols) of rows `stride` apart: those of a norm above the limit are scaled down to it. */
static void NNI_FN(max_norm)(float *w, size_t rows, size_t cols, size_t stride, float limit) {
    for (size_t panel = 0; panel < cols; panel += NNI_NORM_PANEL, w += NNI_NORM_PANEL) {
        const size_t some = nni_min(cols - panel, NNI_NORM_PANEL);
        double total[NNI_NORM_PANEL] = {0};
        float factor[NNI_NORM_PANEL];
        int above = 0;
        for (size_t r = 0; r < rows; r += NNI_NORM_ROWS)
            NNI_FN(norm_block)(total, w + r * stride, nni_min(rows - r, NNI_NORM_ROWS), some, stride);
        for (size_t j = 0; j < some; j++) {
            const int over = total[j] > (double)limit * (double)limit;
            factor[j] = over ? (float)((double)limit / sqrt(total[j])) : 1.0f;
            above |= over;
        }
        for (size_t r = 0; above && r < rows; r++) NNI_FN(map2)(NNI_FN(v_mul), w + r * stride, w + r * stride, factor, some, 0.0f);
    }
}

static size_t NNI_FN(zero_small)(float *w, size_t n, float threshold) {
    const vf least = vf_set1(threshold), one = vf_set1(1.0f);
    size_t count = 0;
    for (size_t i = 0; i < n;) {
        vf sum = vf_set1(0.0f); /* counts are exact */
        const size_t end = nni_min(n, i + NNI_BLOCK);
        for (; i + VF_LANES <= end; i += VF_LANES) {
            const vf v = vf_load(w + i);
            const vm small = vf_lt(vf_abs(v), least);
            vf_store(w + i, vf_select(small, vf_set1(0.0f), v));
            sum = vf_add(sum, vf_where(small, one));
        }
        count += (size_t)vf_fold(sum);
        for (; i < end; i++)
            if (fabsf(w[i]) < threshold) {
                w[i] = 0.0f;
                count++;
            }
    }
    return count;
}

#endif /* NNI_ISA */
