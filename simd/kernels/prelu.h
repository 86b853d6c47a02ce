/* prelu.h - x > 0 ? x : slope*x, with a slope for each column that is learned */
#ifndef NNI_ISA
#include "../scalar.h"
#else

NNI_INLINE vf NNI_FN(v_prelu)(vf x, vf slope, vf a) { return (void)a, NNI_FN(v_leaky_relu)(x, slope); }

static void NNI_FN(prelu)(float *y, const nni_strip *s, const float *slope) {
    for (size_t i = 0; i < s->rows; i++)
        NNI_FN(map2)(NNI_FN(v_prelu), y + i * s->stride, s->x + i * s->stride, slope, s->n, 0.0f);
}

/* dx = x > 0 ? dy : slope*dy */
static void NNI_FN(prelu_backward)(float *dx, const nni_strip *s, const float *slope) {
    for (size_t i = 0; i < s->rows; i++) {
        const float *x = s->x + i * s->stride, *dy = s->dy + i * s->stride;
        float *to = dx + i * s->stride;
        size_t j = 0;
        for (; j + VF_LANES <= s->n; j += VF_LANES)
            vf_store(to + j, NNI_FN(d_leaky_relu)(vf_load(dy + j), vf_load(x + j), vf_load(slope + j)));
        const size_t rest = s->n - j;
        if (!rest) continue;
        vf_store_n(to + j, NNI_FN(d_leaky_relu)(vf_load_n(dy + j, rest), vf_load_n(x + j, rest), vf_load_n(slope + j, rest)), rest);
    }
}

/* sum + dy*x where x is not above 0 */
NNI_INLINE vf NNI_FN(prelu_product)(vf dy, vf x, vf sum) {
    return vf_select(vf_lt(vf_set1(0.0f), x), sum, vf_fma(dy, x, sum));
}

/* Down the columns, for a slope each, in the order of columns.h. */
NNI_INLINE void NNI_FN(column_prelu)(vf *sum, const nni_strip *s, size_t row, size_t j, const int whole, vm valid) {
    const vf dy = NNI_FN(column_load)(s->dy + row * s->stride + j, whole, valid);
    sum[0] = NNI_FN(prelu_product)(dy, NNI_FN(column_load)(s->x + row * s->stride + j, whole, valid), sum[0]);
}
static void NNI_FN(prelu_columns)(float *sum, const nni_strip *s) { NNI_FN(column_sums)(NNI_FN(column_prelu), 1, sum, s); }

/* Over everything, for a slope that all columns share, in the order of reduce.h. */
NNI_INLINE vf NNI_FN(sum_prelu)(const float *dy, const float *x, vf sum) {
    return NNI_FN(prelu_product)(vf_load(dy), vf_load(x), sum);
}
NNI_INLINE vf NNI_FN(sum_prelu_n)(const float *dy, const float *x, vf sum, size_t n) {
    return NNI_FN(prelu_product)(vf_load_n(dy, n), vf_load_n(x, n), sum);
}
static void NNI_FN(prelu_sum)(float *partial, const float *dy, const float *x, size_t n) {
    NNI_FN(sum_blocks)(NNI_FN(sum_prelu), NNI_FN(sum_prelu_n), partial, dy, x, n);
}

#endif /* NNI_ISA */
