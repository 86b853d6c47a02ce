/* image.h - pixels one by one: bytes and floats, mirrored rows, colours, gamma */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* x/divisor, rounded once. */
static void NNI_FN(floats_from_bytes)(float *y, const uint8_t *x, size_t n, float divisor) {
    const vf by = vf_set1(divisor);
    size_t i = 0;
    if (divisor == 1.0f)
        for (; i + VF_LANES <= n; i += VF_LANES) vf_store(y + i, vf_from_int(vi_load_bytes(x + i)));
    for (; i + VF_LANES <= n; i += VF_LANES) vf_store(y + i, vf_div(vf_from_int(vi_load_bytes(x + i)), by));
    for (; i < n; i++) y[i] = (float)x[i] / divisor;
}

/* x*scale, rounded to the nearest of 0..255, ties to even; NaN gives 0. */
NNI_INLINE vi NNI_FN(byte_of)(vf x, vf scale) {
    const vf v = vf_mul(x, scale), above = vf_where(vf_lt(vf_set1(0.0f), v), v);
    return vi_from_float(vf_round(vf_at_most(above, vf_set1(255.0f))));
}
static void NNI_FN(bytes_from_floats)(uint8_t *y, const float *x, size_t n, float scale) {
    const vf by = vf_set1(scale);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) vi_store_bytes(y + i, NNI_FN(byte_of)(vf_load(x + i), by));
    if (i < n) {
        uint8_t last[16];
        vi_store_bytes(last, NNI_FN(byte_of)(vf_load_n(x + i, n - i), by));
        memcpy(y + i, last, n - i);
    }
}

/* Rows of y are those of x backwards; y is not x. The last vector of a row may overlap the one before. */
static void NNI_FN(reverse)(float *y, size_t y_stride, const float *x, ptrdiff_t x_stride, size_t rows, size_t n) {
    for (; rows--; y += y_stride, x += x_stride) {
        size_t i = 0;
        for (; i + VF_LANES <= n; i += VF_LANES) vf_store(y + i, vf_reverse(vf_load(x + n - VF_LANES - i)));
        if (i < n && n >= VF_LANES) vf_store(y + n - VF_LANES, vf_reverse(vf_load(x)));
        else for (; i < n; i++) y[i] = x[n - 1 - i];
    }
}
/* The same for pixels of 3 floats: four are loaded and stored, the fourth is put right by the next store. */
static void NNI_FN(reverse_3)(float *y, const float *x, size_t pixels) {
    if (pixels) memcpy(y, x + 3 * (pixels - 1), 3 * sizeof *y);
    for (size_t i = 1; i + 1 < pixels; i++) vf4_store(y + 3 * i, vf4_load(x + 3 * (pixels - 1 - i)));
    if (pixels > 1) memcpy(y + 3 * (pixels - 1), x, 3 * sizeof *y);
}

/* Every pixel of `channels` <= 4 floats becomes matrix * pixel + shift: `columns` has for each input channel four floats, what
 * it adds to the outputs, and after them those of the shift. y may be x. */
static void NNI_FN(mix_channels)(float *y, const float *x, size_t pixels, size_t channels, const float *columns) {
    const vf4 shift = vf4_load(columns + 4 * channels);
    for (size_t i = 0; i < pixels; i++, x += channels, y += channels) {
        vf4 sum = shift;
        float out[4];
        for (size_t c = 0; c < channels; c++) sum = vf4_fma(vf4_set1(x[c]), vf4_load(columns + 4 * c), sum);
        vf4_store(out, sum);
        memcpy(y, out, channels * sizeof *y);
    }
}

/* x^exponent for x > 0; what is not above 0 gives 0, and NaN stays. */
NNI_INLINE vf NNI_FN(power_above_0)(vf x, vf exponent) {
    const vf zero = vf_set1(0.0f), one = vf_set1(1.0f);
    const vm some = vf_lt(zero, x);
    const vf y = NNI_FN(power)(vf_select(some, x, one), exponent);
    return vf_select(vf_nan(x), x, vf_where(some, y));
}
static void NNI_FN(gamma)(float *y, const float *x, size_t n, float exponent) {
    const vf by = vf_set1(exponent);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES) vf_store(y + i, NNI_FN(power_above_0)(vf_load(x + i), by));
    if (i < n) vf_store_n(y + i, NNI_FN(power_above_0)(vf_load_n(x + i, n - i), by), n - i);
}

#endif /* NNI_ISA */
