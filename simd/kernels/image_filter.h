/* image_filter.h - sums of neighbours by fixed weights: smoothing, and the two passes of resizing. Each is a chain over taps. */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* Vectors side by side share the broadcast weight. */
NNI_INLINE void NNI_FN(filter_run)(const int vectors, float *y, const float *x, size_t step, const float *weights, size_t taps) {
    vf sum[4];
    NNI_UNROLL for (int v = 0; v < vectors; v++) sum[v] = vf_set1(0.0f);
    for (size_t t = 0; t < taps; t++, x += step) {
        const vf weight = vf_set1(weights[t]);
        NNI_UNROLL for (int v = 0; v < vectors; v++) sum[v] = vf_fma(weight, vf_load(x + v * VF_LANES), sum[v]);
    }
    NNI_UNROLL for (int v = 0; v < vectors; v++) vf_store(y + v * VF_LANES, sum[v]);
}

/* y[j] = the sum over t < taps of weights[t] * x[j + t*step]. */
static void NNI_FN(filter)(float *y, const float *x, size_t n, size_t step, const float *weights, size_t taps) {
    size_t j = 0;
    for (; j + 4 * VF_LANES <= n; j += 4 * VF_LANES) NNI_FN(filter_run)(4, y + j, x + j, step, weights, taps);
    for (; j + VF_LANES <= n; j += VF_LANES) NNI_FN(filter_run)(1, y + j, x + j, step, weights, taps);
    if (j < n) {
        const vm rest = vm_first(n - j);
        vf sum = vf_set1(0.0f);
        for (size_t t = 0; t < taps; t++) sum = vf_fma(vf_set1(weights[t]), vf_load_m(x + j + t * step, rest), sum);
        vf_store_m(y + j, sum, rest);
    }
}

NNI_INLINE void NNI_FN(resize_row_gray)(float *y, const float *x, const nni_taps *t) {
    for (size_t i = 0; i < t->outputs; i += VF_LANES) {
        const size_t n = nni_min(VF_LANES, t->outputs - i);
        uint32_t first[VF_LANES] = {0};
        memcpy(first, t->first + i, n * sizeof *first);
        const vi at = vi_load(first);
        vf sum = vf_set1(0.0f);
        for (size_t k = 0; k < t->taps; k++)
            sum = vf_fma(vf_load_n(t->weights + k * t->outputs + i, n), vf_gather(x + k, at), sum);
        vf_store_n(y + i, sum, n);
    }
}

NNI_INLINE vf4 NNI_FN(resize_pixel)(const float *x, const nni_taps *t, size_t i, size_t channels) {
    vf4 sum = vf4_set1(0.0f);
    x += t->first[i] * channels;
    for (size_t k = 0; k < t->taps; k++) sum = vf4_fma(vf4_set1(t->weights[k * t->outputs + i]), vf4_load(x + k * channels), sum);
    return sum;
}

/* A row by its taps. x may be read four floats beyond its end, y is not written beyond it. */
static void NNI_FN(resize_row)(float *y, const float *x, const nni_taps *t, size_t channels) {
    if (channels == 1) {
        NNI_FN(resize_row_gray)(y, x, t);
        return;
    }
    const size_t plain = t->outputs - (channels < 4);
    for (size_t i = 0; i < plain; i++) vf4_store(y + i * channels, NNI_FN(resize_pixel)(x, t, i, channels));
    if (plain < t->outputs) {
        float pixel[4];
        vf4_store(pixel, NNI_FN(resize_pixel)(x, t, plain, channels));
        memcpy(y + plain * channels, pixel, channels * sizeof *y);
    }
}

#endif /* NNI_ISA */
