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

typedef void (*NNI_FN(pool_fn))(const nni_pool_pass *p, const nni_pool_window *w, size_t n);

/* All channels of a window: whole vectors of them are what must be fast. */
NNI_INLINE void NNI_FN(pool_channels)(NNI_FN(pool_fn) f, const nni_pool_pass *p, nni_pool_window w) {
    size_t left = p->pool->channels;
    for (; left >= VF_LANES; left -= VF_LANES, w.output += VF_LANES, w.image += VF_LANES) f(p, &w, VF_LANES);
    if (left) f(p, &w, left);
}

/* f for the windows in rows [from, to), those of all images counted on. Most are of 2 x 2. */
NNI_INLINE void NNI_FN(pool_rows)(NNI_FN(pool_fn) f, const nni_pool_pass *p, size_t from, size_t to) {
    const nni_pool_axis *y = &p->pool->y, *x = &p->pool->x;
    const int count_padding = p->pool->count_padding;
    for (size_t row = from; row < to; row++) {
        const nni_pool_taps down = nni_pool_taps_of(y, row % y->outputs, count_padding);
        const size_t image = row / y->outputs * y->length * x->length, output = row * x->outputs;
        for (size_t i = 0; i < x->outputs; i++) {
            const nni_pool_taps across = nni_pool_taps_of(x, i, count_padding);
            nni_pool_window w = {(output + i) * p->pool->channels, image * p->pool->channels,
                                 down.first * x->length + across.first, down.count, across.count,
                                 nni_max(1, down.divisor * across.divisor)};
            if (w.rows == 2 && w.columns == 2) {
                w.rows = w.columns = 2; /* constants, by which the loops are unrolled */
                NNI_FN(pool_channels)(f, p, w);
            } else {
                NNI_FN(pool_channels)(f, p, w);
            }
        }
    }
}

NNI_INLINE void NNI_FN(max_nothing)(const nni_pool_pass *p, const nni_pool_window *w, size_t n) {
    NNI_FN(store_some)(p->to + w->output, vf_set1(-INFINITY), n);
    if (p->index) NNI_FN(pool_store_index)(p->index + w->output, vi_set1(UINT32_MAX), n);
}

NNI_INLINE void NNI_FN(max_window)(const nni_pool_pass *p, const nni_pool_window *w, size_t n) {
    const float *x = p->from + w->image;
    if (!w->rows || !w->columns) {
        NNI_FN(max_nothing)(p, w, n);
        return;
    }
    vf best = NNI_FN(load_some)(x + w->at * p->pool->channels, n);
    for (size_t r = 0; r < w->rows; r++)
        for (size_t c = 0; c < w->columns; c++)
            best = vf_max(NNI_FN(load_some)(x + nni_pool_pixel(p->pool, w, r, c) * p->pool->channels, n), best);
    NNI_FN(store_some)(p->to + w->output, best, n);
}

/* Also which pixel it was: the first of the largest, or the first that is NaN. */
NNI_INLINE void NNI_FN(max_window_index)(const nni_pool_pass *p, const nni_pool_window *w, size_t n) {
    const float *x = p->from + w->image;
    if (!w->rows || !w->columns) {
        NNI_FN(max_nothing)(p, w, n);
        return;
    }
    vf best = NNI_FN(load_some)(x + w->at * p->pool->channels, n), best_at = vf_from_bits(vi_set1((uint32_t)w->at));
    for (size_t r = 0; r < w->rows; r++)
        for (size_t c = 0; c < w->columns; c++) {
            const size_t at = nni_pool_pixel(p->pool, w, r, c);
            const vf v = NNI_FN(load_some)(x + at * p->pool->channels, n);
            const vm keep = vm_or(vf_le(v, best), vf_nan(best));
            best = vf_select(keep, best, v);
            best_at = vf_select(keep, best_at, vf_from_bits(vi_set1((uint32_t)at)));
        }
    NNI_FN(store_some)(p->to + w->output, best, n);
    NNI_FN(pool_store_index)(p->index + w->output, vf_bits(best_at), n);
}

/* Rows [from, to) of the outputs. */
static void NNI_FN(max_pool)(float *y, uint32_t *index, const float *x, const nni_pool *pool, size_t from, size_t to) {
    const nni_pool_pass p = {pool, y, x, index, NULL};
    if (index) NNI_FN(pool_rows)(NNI_FN(max_window_index), &p, from, to);
    else NNI_FN(pool_rows)(NNI_FN(max_window), &p, from, to);
}

/* Of no pixels the mean is 0. */
NNI_INLINE void NNI_FN(mean_window)(const nni_pool_pass *p, const nni_pool_window *w, size_t n) {
    vf sum = vf_set1(0.0f);
    for (size_t r = 0; r < w->rows; r++)
        for (size_t c = 0; c < w->columns; c++)
            sum = vf_add(sum, NNI_FN(load_some)(p->from + w->image + nni_pool_pixel(p->pool, w, r, c) * p->pool->channels, n));
    NNI_FN(store_some)(p->to + w->output, vf_div(sum, vf_set1((float)w->divisor)), n);
}

static void NNI_FN(average_pool)(float *y, const float *x, const nni_pool *pool, size_t from, size_t to) {
    const nni_pool_pass p = {pool, y, x, NULL, NULL};
    NNI_FN(pool_rows)(NNI_FN(mean_window), &p, from, to);
}

/* ---- back ---- */

/* A pixel's gradient grows by part; in disjoint windows nothing can be there yet. */
NNI_INLINE void NNI_FN(pool_add)(const nni_pool_pass *p, float *to, vf part, size_t n) {
    NNI_FN(store_some)(to, vf_add(p->pool->disjoint ? vf_set1(0.0f) : NNI_FN(load_some)(to, n), part), n);
}

/* Each dy goes to the pixel of its window that index names. */
NNI_INLINE void NNI_FN(max_window_backward)(const nni_pool_pass *p, const nni_pool_window *w, size_t n) {
    const vf dy = NNI_FN(load_some)(p->from + w->output, n);
    const vi chosen = NNI_FN(pool_load_index)(p->given + w->output, n), ones = vi_set1(UINT32_MAX);
    for (size_t r = 0; r < w->rows; r++)
        for (size_t c = 0; c < w->columns; c++) {
            const size_t at = nni_pool_pixel(p->pool, w, r, c);
            const vf part = vf_where(vi_eq0(vi_xor(chosen, vi_set1((uint32_t)at)), ones), dy);
            NNI_FN(pool_add)(p, p->to + w->image + at * p->pool->channels, part, n);
        }
}

NNI_INLINE void NNI_FN(mean_window_backward)(const nni_pool_pass *p, const nni_pool_window *w, size_t n) {
    const vf part = vf_div(NNI_FN(load_some)(p->from + w->output, n), vf_set1((float)w->divisor));
    for (size_t r = 0; r < w->rows; r++)
        for (size_t c = 0; c < w->columns; c++)
            NNI_FN(pool_add)(p, p->to + w->image + nni_pool_pixel(p->pool, w, r, c) * p->pool->channels, part, n);
}

/* Images [from, to). Rows of pixels are set to 0 just before a window first reaches them: then the cache still has them. */
NNI_INLINE void NNI_FN(pool_backward)(NNI_FN(pool_fn) f, const nni_pool_pass *p, size_t from, size_t to) {
    const nni_pool_axis *y = &p->pool->y;
    const size_t width = p->pool->x.length * p->pool->channels;
    for (size_t m = from; m < to; m++) {
        float *pixels = p->to + m * y->length * width;
        size_t set = 0;
        for (size_t i = 0; i < y->outputs; i++) {
            const nni_pool_taps down = nni_pool_taps_of(y, i, 0);
            const size_t end = down.count ? down.first + (down.count - 1) * y->dilation + 1 : 0;
            if (end > set) memset(pixels + set * width, 0, (end - set) * width * sizeof *pixels);
            set = nni_max(set, end);
            NNI_FN(pool_rows)(f, p, m * y->outputs + i, m * y->outputs + i + 1);
        }
        memset(pixels + set * width, 0, (y->length - set) * width * sizeof *pixels);
    }
}

static void NNI_FN(max_pool_backward)(float *dx, const float *dy, const uint32_t *index, const nni_pool *pool, size_t from,
                                      size_t to) {
    const nni_pool_pass p = {pool, dx, dy, NULL, index};
    NNI_FN(pool_backward)(NNI_FN(max_window_backward), &p, from, to);
}

static void NNI_FN(average_pool_backward)(float *dx, const float *dy, const nni_pool *pool, size_t from, size_t to) {
    const nni_pool_pass p = {pool, dx, dy, NULL, NULL};
    NNI_FN(pool_backward)(NNI_FN(mean_window_backward), &p, from, to);
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
                sum[v] = vf_add(sum[v], NNI_FN(load_some)(x + q * channels + v * VF_LANES, v == vectors - 1 ? n : VF_LANES));
        NNI_UNROLL for (int v = 0; v < vectors; v++) total[v] = vf_add(total[v], sum[v]);
    }
    const vf divisor = vf_set1((float)nni_max(1, pixels));
    NNI_UNROLL for (int v = 0; v < vectors; v++)
        NNI_FN(store_some)(y + v * VF_LANES, vf_div(total[v], divisor), v == vectors - 1 ? n : VF_LANES);
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
            const vf part = vf_div(NNI_FN(load_some)(dy + c, n), divisor);
            for (size_t p = 0; p < pixels; p++) NNI_FN(store_some)(dx + p * channels + c, part, n);
        }
}

#endif /* NNI_ISA */
