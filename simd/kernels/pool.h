/* pool.h - the maximum or the mean of a window, channel by channel: lanes are channels */
#ifndef NNI_ISA
#include "../scalar.h"
#else

NNI_INLINE vi NNI_FN(pool_load_index)(const uint32_t *index, size_t n) {
    uint32_t some[VF_LANES] = {0};
    if (n >= VF_LANES) return vi_load(index);
    memcpy(some, index, n * sizeof *index);
    return vi_load(some);
}
NNI_INLINE void NNI_FN(pool_store_index)(uint32_t *index, vi v, size_t n) {
    uint32_t some[VF_LANES];
    if (n >= VF_LANES) vi_store(index, v);
    else {
        vi_store(some, v);
        memcpy(index, some, n * sizeof *index);
    }
}

/* n channels of one window: x points to the image, index is not NULL if `which`. */
NNI_INLINE void NNI_FN(max_window)(const int which, float *y, uint32_t *index, const float *x, const nni_pool *p,
                                   const nni_pool_taps *ty, const nni_pool_taps *tx, size_t n) {
    if (!ty->count || !tx->count) {
        vf_store_n(y, vf_set1(-INFINITY), n);
        if (which) NNI_FN(pool_store_index)(index, vi_set1(UINT32_MAX), n);
        return;
    }
    const size_t width = p->x.length;
    size_t row = ty->first * width + tx->first;
    vf best = vf_load_n(x + row * p->channels, n), best_at = vf_from_bits(vi_set1((uint32_t)row));
    for (size_t r = ty->count; r > 0; r--, row += p->y.dilation * width) {
        size_t at = row;
        for (size_t t = tx->count; t > 0; t--, at += p->x.dilation) {
            const vf v = vf_load_n(x + at * p->channels, n);
            if (which) {
                const vm keep = vm_or(vf_le(v, best), vf_nan(best));
                best = vf_select(keep, best, v);
                best_at = vf_select(keep, best_at, vf_from_bits(vi_set1((uint32_t)at)));
            } else {
                best = vf_max(v, best);
            }
        }
    }
    vf_store_n(y, best, n);
    if (which) NNI_FN(pool_store_index)(index, vf_bits(best_at), n);
}

/* Rows [from, to) of the outputs, those of all images counted on. */
static void NNI_FN(max_pool)(float *y, uint32_t *index, const float *x, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels;
    for (size_t row = from; row < to; row++) {
        const nni_pool_taps ty = nni_pool_taps_of(&p->y, row % p->y.outputs, 0);
        const float *source = x + row / p->y.outputs * image;
        for (size_t i = 0; i < p->x.outputs; i++) {
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i, 0);
            const size_t at = (row * p->x.outputs + i) * channels;
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                if (index) NNI_FN(max_window)(1, y + at + c, index + at + c, source + c, p, &ty, &tx, n);
                else NNI_FN(max_window)(0, y + at + c, NULL, source + c, p, &ty, &tx, n);
            }
        }
    }
}

/* Each dy goes to the pixel of its window that index names. In disjoint windows nothing can be there yet. */
NNI_INLINE void NNI_FN(max_window_backward)(float *dx, vf dy, vi index, const nni_pool *p, const nni_pool_taps *ty,
                                            const nni_pool_taps *tx, size_t n) {
    const vi ones = vi_set1(UINT32_MAX);
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            const vf part = vf_where(vi_eq0(vi_xor(index, vi_set1((uint32_t)at)), ones), dy);
            float *to = dx + at * p->channels;
            vf_store_n(to, vf_add(p->disjoint ? vf_set1(0.0f) : vf_load_n(to, n), part), n);
        }
}

/* Images [from, to). */
static void NNI_FN(max_pool_backward)(float *dx, const float *dy, const uint32_t *index, const nni_pool *p, size_t from,
                                      size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels, outputs = p->y.outputs * p->x.outputs;
    for (size_t m = from; m < to; m++) {
        memset(dx + m * image, 0, image * sizeof *dx);
        for (size_t i = 0; i < outputs; i++) {
            const nni_pool_taps ty = nni_pool_taps_of(&p->y, i / p->x.outputs, 0);
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i % p->x.outputs, 0);
            const size_t at = (m * outputs + i) * channels;
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                const vi chosen = NNI_FN(pool_load_index)(index + at + c, n);
                NNI_FN(max_window_backward)(dx + m * image + c, vf_load_n(dy + at + c, n), chosen, p, &ty, &tx, n);
            }
        }
    }
}

/* n channels of one window; of no pixels the mean is 0. */
NNI_INLINE void NNI_FN(mean_window)(float *y, const float *x, const nni_pool *p, const nni_pool_taps *ty,
                                    const nni_pool_taps *tx, size_t n) {
    vf sum = vf_set1(0.0f);
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            sum = vf_add(sum, vf_load_n(x + at * p->channels, n));
        }
    vf_store_n(y, vf_div(sum, vf_set1((float)nni_max(1, ty->divisor * tx->divisor))), n);
}

static void NNI_FN(average_pool)(float *y, const float *x, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels;
    for (size_t row = from; row < to; row++) {
        const nni_pool_taps ty = nni_pool_taps_of(&p->y, row % p->y.outputs, p->count_padding);
        const float *source = x + row / p->y.outputs * image;
        for (size_t i = 0; i < p->x.outputs; i++) {
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i, p->count_padding);
            for (size_t c = 0; c < channels; c += VF_LANES)
                NNI_FN(mean_window)(y + (row * p->x.outputs + i) * channels + c, source + c, p, &ty, &tx,
                                    nni_min(VF_LANES, channels - c));
        }
    }
}

NNI_INLINE void NNI_FN(mean_window_backward)(float *dx, vf dy, const nni_pool *p, const nni_pool_taps *ty,
                                             const nni_pool_taps *tx, size_t n) {
    const vf part = vf_div(dy, vf_set1((float)nni_max(1, ty->divisor * tx->divisor)));
    for (size_t r = 0; r < ty->count; r++)
        for (size_t t = 0; t < tx->count; t++) {
            const size_t at = (ty->first + r * p->y.dilation) * p->x.length + tx->first + t * p->x.dilation;
            float *to = dx + at * p->channels;
            vf_store_n(to, vf_add(p->disjoint ? vf_set1(0.0f) : vf_load_n(to, n), part), n);
        }
}

static void NNI_FN(average_pool_backward)(float *dx, const float *dy, const nni_pool *p, size_t from, size_t to) {
    const size_t channels = p->channels, image = p->y.length * p->x.length * channels, outputs = p->y.outputs * p->x.outputs;
    for (size_t m = from; m < to; m++) {
        memset(dx + m * image, 0, image * sizeof *dx);
        for (size_t i = 0; i < outputs; i++) {
            const nni_pool_taps ty = nni_pool_taps_of(&p->y, i / p->x.outputs, p->count_padding);
            const nni_pool_taps tx = nni_pool_taps_of(&p->x, i % p->x.outputs, p->count_padding);
            for (size_t c = 0; c < channels; c += VF_LANES) {
                const size_t n = nni_min(VF_LANES, channels - c);
                const vf d = vf_load_n(dy + (m * outputs + i) * channels + c, n);
                NNI_FN(mean_window_backward)(dx + m * image + c, d, p, &ty, &tx, n);
            }
        }
    }
}

/* ---- over whole images ---- */

#define NNI_POOL_BLOCK 64 /* pixels whose sum is taken before it is added to the sum of all */

/* `vectors` of channels, `n` of the last: each vector is a chain of its own. */
NNI_INLINE void NNI_FN(mean_pixels)(const int vectors, float *y, const float *x, size_t pixels, size_t channels, size_t n) {
    vf total[4];
    NNI_UNROLL for (int v = 0; v < vectors; v++) total[v] = vf_set1(0.0f);
    for (size_t p = 0; p < pixels; p += NNI_POOL_BLOCK) {
        vf sum[4];
        NNI_UNROLL for (int v = 0; v < vectors; v++) sum[v] = vf_set1(0.0f);
        for (size_t q = p; q < nni_min(pixels, p + NNI_POOL_BLOCK); q++)
            NNI_UNROLL for (int v = 0; v < vectors; v++)
                sum[v] = vf_add(sum[v], vf_load_n(x + q * channels + v * VF_LANES, v == vectors - 1 ? n : VF_LANES));
        NNI_UNROLL for (int v = 0; v < vectors; v++) total[v] = vf_add(total[v], sum[v]);
    }
    const vf divisor = vf_set1((float)nni_max(1, pixels));
    NNI_UNROLL for (int v = 0; v < vectors; v++)
        vf_store_n(y + v * VF_LANES, vf_div(total[v], divisor), v == vectors - 1 ? n : VF_LANES);
}

static void NNI_FN(global_average_pool)(float *y, const float *x, size_t images, size_t pixels, size_t channels) {
    for (size_t m = 0; m < images; m++, x += pixels * channels, y += channels) {
        size_t c = 0;
        for (; c + 4 * VF_LANES <= channels; c += 4 * VF_LANES)
            NNI_FN(mean_pixels)(4, y + c, x + c, pixels, channels, VF_LANES);
        for (; c < channels; c += VF_LANES)
            NNI_FN(mean_pixels)(1, y + c, x + c, pixels, channels, nni_min(VF_LANES, channels - c));
    }
}

static void NNI_FN(global_average_pool_backward)(float *dx, const float *dy, size_t images, size_t pixels, size_t channels) {
    const vf divisor = vf_set1((float)nni_max(1, pixels));
    for (size_t m = 0; m < images; m++, dx += pixels * channels, dy += channels)
        for (size_t c = 0; c < channels; c += VF_LANES) {
            const size_t n = nni_min(VF_LANES, channels - c);
            const vf part = vf_div(vf_load_n(dy + c, n), divisor);
            for (size_t p = 0; p < pixels; p++) vf_store_n(dx + p * channels + c, part, n);
        }
}

#endif /* NNI_ISA */
