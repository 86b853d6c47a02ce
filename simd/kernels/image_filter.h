/* image_filter.h - sums of neighbours by fixed weights: smoothing, and both passes of resizing. Each is a chain over taps. */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* A vector of sums in each of so many rows, enough of them that none waits for itself: `whole`, or of the first lanes. */
NNI_INLINE void NNI_FN(filter_block)(const int rows, const int whole, float *y, size_t y_stride, const float *x,
                                     size_t x_stride, size_t step, const float *weights, size_t taps, vm lanes) {
    vf sum[8];
    NNI_UNROLL for (int r = 0; r < rows; r++) sum[r] = vf_set1(0.0f);
    for (size_t t = 0; t < taps; t++, x += step) {
        const vf weight = vf_set1(weights[t]);
        NNI_UNROLL for (int r = 0; r < rows; r++) {
            const float *at = x + (size_t)r * x_stride;
            sum[r] = vf_fma(weight, whole ? vf_load(at) : vf_load_m(at, lanes), sum[r]);
        }
    }
    NNI_UNROLL for (int r = 0; r < rows; r++) {
        if (whole) vf_store(y + (size_t)r * y_stride, sum[r]);
        else vf_store_m(y + (size_t)r * y_stride, sum[r], lanes);
    }
}

NNI_INLINE void NNI_FN(filter_rows)(const int whole, float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                                    size_t step, const float *weights, size_t taps, vm lanes) {
    size_t r = 0;
    for (; r + 8 <= rows; r += 8)
        NNI_FN(filter_block)(8, whole, y + r * y_stride, y_stride, x + r * x_stride, x_stride, step, weights, taps, lanes);
    for (; r + 4 <= rows; r += 4)
        NNI_FN(filter_block)(4, whole, y + r * y_stride, y_stride, x + r * x_stride, x_stride, step, weights, taps, lanes);
    for (; r < rows; r++)
        NNI_FN(filter_block)(1, whole, y + r * y_stride, y_stride, x + r * x_stride, x_stride, step, weights, taps, lanes);
}

/* y[r*y_stride + j] = the sum over t < taps of weights[t] * x[r*x_stride + j + t*step], for r < rows and j < n. Of a single
 * row, the vectors take the place of rows. */
static void NNI_FN(filter)(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows, size_t n, size_t step,
                           const float *weights, size_t taps) {
    size_t j = 0;
    if (rows == 1) {
        j = n / VF_LANES * VF_LANES;
        NNI_FN(filter_rows)(1, y, VF_LANES, x, VF_LANES, n / VF_LANES, step, weights, taps, vm_first(VF_LANES));
    }
    for (; j + VF_LANES <= n; j += VF_LANES)
        NNI_FN(filter_rows)(1, y + j, y_stride, x + j, x_stride, rows, step, weights, taps, vm_first(VF_LANES));
    if (j < n) NNI_FN(filter_rows)(0, y + j, y_stride, x + j, x_stride, rows, step, weights, taps, vm_first(n - j));
}

/* The same of a single row of bytes. */
static void NNI_FN(filter_bytes)(float *y, const uint8_t *x, size_t n, size_t step, const float *weights, size_t taps) {
    size_t j = 0;
    for (; j + 4 * VF_LANES <= n; j += 4 * VF_LANES) {
        vf sum[4] = {vf_set1(0.0f), vf_set1(0.0f), vf_set1(0.0f), vf_set1(0.0f)};
        for (size_t t = 0; t < taps; t++) {
            const vf weight = vf_set1(weights[t]);
            NNI_UNROLL for (int v = 0; v < 4; v++)
                sum[v] = vf_fma(weight, vf_from_int(vi_load_bytes(x + j + t * step + v * VF_LANES)), sum[v]);
        }
        NNI_UNROLL for (int v = 0; v < 4; v++) vf_store(y + j + v * VF_LANES, sum[v]);
    }
    for (; j < n; j += VF_LANES) {
        const size_t left = nni_min(VF_LANES, n - j);
        uint8_t bytes[VF_LANES] = {0};
        vf sum = vf_set1(0.0f);
        for (size_t t = 0; t < taps; t++) {
            memcpy(bytes, x + j + t * step, left);
            sum = vf_fma(vf_set1(weights[t]), vf_from_int(vi_load_bytes(bytes)), sum);
        }
        vf_store_n(y + j, sum, left);
    }
}

/* The sums of up to a vector of outputs from output i on, whose first pixels are `at`. */
NNI_INLINE vf NNI_FN(resize_gray)(const float *x, const nni_taps *t, vi at, size_t i, size_t n) {
    const float *weights = t->weights + i;
    vf sum = vf_set1(0.0f), next;
    size_t k = 0;
    for (; k + 2 <= t->taps; k += 2, weights += 2 * t->outputs) {
        const vf left = vf_gather_pair(x + k, at, &next);
        sum = vf_fma(n == VF_LANES ? vf_load(weights) : vf_load_n(weights, n), left, sum);
        sum = vf_fma(n == VF_LANES ? vf_load(weights + t->outputs) : vf_load_n(weights + t->outputs, n), next, sum);
    }
    if (k < t->taps) sum = vf_fma(vf_load_n(weights, n), vf_gather(x + k, at), sum);
    return sum;
}

NNI_INLINE void NNI_FN(resize_row_gray)(float *y, const float *x, const nni_taps *t) {
    size_t i = 0;
    for (; i + VF_LANES <= t->outputs; i += VF_LANES)
        vf_store(y + i, NNI_FN(resize_gray)(x, t, vi_load(t->first + i), i, VF_LANES));
    if (i < t->outputs) {
        const size_t n = t->outputs - i;
        uint32_t first[VF_LANES] = {0};
        memcpy(first, t->first + i, n * sizeof *first);
        vf_store_n(y + i, NNI_FN(resize_gray)(x, t, vi_load(first), i, n), n);
    }
}

NNI_INLINE vf4 NNI_FN(resize_pixel)(const float *x, const nni_taps *t, size_t taps, size_t i, size_t channels) {
    const float *weights = t->weights + i;
    vf4 sum = vf4_set1(0.0f);
    x += t->first[i] * channels;
    for (size_t k = 0; k < taps; k++) sum = vf4_fma(vf4_set1(weights[k * t->outputs]), vf4_load(x + k * channels), sum);
    return sum;
}

NNI_INLINE void NNI_FN(resize_row_color)(float *y, const float *x, const nni_taps *t, size_t taps, size_t channels) {
    const size_t plain = t->outputs - (channels < 4);
    for (size_t i = 0; i < plain; i++) vf4_store(y + i * channels, NNI_FN(resize_pixel)(x, t, taps, i, channels));
    if (plain < t->outputs) {
        float pixel[4];
        vf4_store(pixel, NNI_FN(resize_pixel)(x, t, taps, plain, channels));
        memcpy(y + plain * channels, pixel, channels * sizeof *y);
    }
}

/* A row by its taps. x may be read four floats beyond its end, y is not written beyond it. */
static void NNI_FN(resize_row)(float *y, const float *x, const nni_taps *t, size_t channels) {
    if (channels == 1) NNI_FN(resize_row_gray)(y, x, t);
    else if (t->taps == 2 && channels == 3) NNI_FN(resize_row_color)(y, x, t, 2, 3); /* photographs, enlarged or plain */
    else NNI_FN(resize_row_color)(y, x, t, t->taps, channels);
}

#endif /* NNI_ISA */
