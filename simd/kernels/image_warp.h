/* image_warp.h - resampling where an affine map, a field of displacements or both say
 *
 * Coordinates are floats, from the double start of each row; a coordinate that is whole has a weight of exactly 0 for its
 * neighbour. The source lies in a border that holds what is beyond its edges, so no lane asks where it is. Between two values
 * the formula is a + f*(b - a), the difference rounded, then one fused multiply-add: along the rows first, then between them.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

#define NNI_WARP_CHUNK 64 /* pixels of a row whose places are found before they are used */

NNI_INLINE vf NNI_FN(floor)(vf a) {
    const vf r = vf_round(a);
    return vf_sub(r, vf_where(vf_lt(a, r), vf_set1(1.0f)));
}

/* The coordinate inside the bordered source. */
NNI_INLINE vf NNI_FN(fold)(vf s, const nni_fold *f) {
    const vf low = vf_set1(f->low), high = vf_set1(f->high);
    if (f->period > 0.0f) {
        const vf shift = vf_set1(f->shift), u = vf_add(s, shift), turns = NNI_FN(floor)(vf_mul(u, vf_set1(f->inverse)));
        vf t = vf_fnma(turns, vf_set1(f->period), u);
        const vf half = vf_set1(0.5f * f->period);
        if (f->mirrored) t = vf_sub(half, vf_abs(vf_sub(half, t)));
        s = vf_sub(t, shift);
    }
    s = vf_select(vf_lt(low, s), s, low);
    return vf_select(vf_lt(s, high), s, high);
}

/* Where column `j` and the lanes after it lie: coordinates from the corner of the border on, none below 0. */
NNI_INLINE void NNI_FN(warp_place)(vf *x, vf *y, const nni_warp *w, const float *start, size_t row, size_t j, size_t n) {
    const vf column = vf_from_int(vi_add(vi_lane(), vi_set1((uint32_t)j))), before = vf_set1((float)w->before);
    vf sx = vf_fma(vf_set1((float)w->m[0]), column, vf_set1(start[0]));
    vf sy = vf_fma(vf_set1((float)w->m[3]), column, vf_set1(start[1]));
    if (w->dx) {
        sx = vf_add(sx, vf_load_n(w->dx + row * w->columns + j, n));
        sy = vf_add(sy, vf_load_n(w->dy + row * w->columns + j, n));
    }
    *x = vf_add(NNI_FN(fold)(sx, &w->across), before);
    *y = vf_add(NNI_FN(fold)(sy, &w->down), before);
}

/* Whole and broken part, for the nearest of the next half; the whole ones as an index of a float. */
NNI_INLINE vi NNI_FN(warp_index)(vf *x, vf *y, const nni_warp *w, const nni_taking taking) {
    if (taking == NNI_TAKE_NEAREST) {
        *x = vf_add(*x, vf_set1(0.5f));
        *y = vf_add(*y, vf_set1(0.5f));
    }
    const vi ix = vi_from_float(*x), iy = vi_from_float(*y);
    *x = vf_sub(*x, vf_from_int(ix));
    *y = vf_sub(*y, vf_from_int(iy));
    return vi_add(vi_mul(iy, vi_set1((uint32_t)w->stride)), vi_mul(ix, vi_set1((uint32_t)w->channels)));
}

NNI_INLINE vf NNI_FN(lerp)(vf f, vf a, vf b) { return vf_fma(f, vf_sub(b, a), a); }
NNI_INLINE vf4 NNI_FN(lerp4)(vf4 f, vf4 a, vf4 b) { return vf4_fma(f, vf4_sub(b, a), a); }

/* Keys' weights with a = -3/4 of the pixels at -1, 0, 1, 2 for a place t in [0, 1); exactly 0, 1, 0, 0 at t = 0. */
NNI_INLINE void NNI_FN(cubic_weights)(vf *weight, vf t) {
    const vf one = vf_set1(1.0f), a = vf_set1(-0.75f), inner = vf_set1(1.25f), outer = vf_set1(-2.25f), u = vf_sub(one, t);
    const vf s = vf_add(t, one);
    weight[0] = vf_fma(vf_fma(vf_fma(a, s, vf_set1(3.75f)), s, vf_set1(-6.0f)), s, vf_set1(3.0f));
    weight[1] = vf_fma(vf_mul(vf_fma(inner, t, outer), t), t, one);
    weight[2] = vf_fma(vf_mul(vf_fma(inner, u, outer), u), u, one);
    weight[3] = vf_sub(vf_sub(vf_sub(one, weight[0]), weight[1]), weight[2]);
}

/* ---- one channel: vectors of pixels ---- */

NNI_INLINE vf NNI_FN(warp_linear)(const float *x, vi at, size_t stride, vf fx, vf fy) {
    vf right, right_below;
    const vf left = vf_gather_pair(x, at, &right), left_below = vf_gather_pair(x + stride, at, &right_below);
    return NNI_FN(lerp)(fy, NNI_FN(lerp)(fx, left, right), NNI_FN(lerp)(fx, left_below, right_below));
}

NNI_INLINE vf NNI_FN(warp_cubic)(const float *x, vi at, size_t stride, vf fx, vf fy) {
    vf across[4], down[4], sum = vf_set1(0.0f);
    NNI_FN(cubic_weights)(across, fx);
    NNI_FN(cubic_weights)(down, fy);
    x -= stride + 1;
    for (int r = 0; r < 4; r++, x += stride) {
        vf second, fourth;
        const vf first = vf_gather_pair(x, at, &second), third = vf_gather_pair(x + 2, at, &fourth);
        const vf left = vf_fma(across[1], second, vf_mul(across[0], first));
        sum = vf_fma(down[r], vf_fma(across[3], fourth, vf_fma(across[2], third, left)), sum);
    }
    return sum;
}

NNI_INLINE void NNI_FN(warp_row_gray)(float *y, const nni_warp *w, const float *start, size_t row, const nni_taking taking) {
    for (size_t j = 0; j < w->columns; j += VF_LANES) {
        const size_t n = nni_min(VF_LANES, w->columns - j);
        vf fx, fy, v;
        NNI_FN(warp_place)(&fx, &fy, w, start, row, j, n);
        const vi at = NNI_FN(warp_index)(&fx, &fy, w, taking);
        if (taking == NNI_TAKE_NEAREST) v = vf_gather(w->x, at);
        else if (taking == NNI_TAKE_BILINEAR) v = NNI_FN(warp_linear)(w->x, at, w->stride, fx, fy);
        else v = NNI_FN(warp_cubic)(w->x, at, w->stride, fx, fy);
        if (n == VF_LANES) vf_store(y + j, v);
        else vf_store_n(y + j, v, n);
    }
}

/* ---- more channels: a pixel at a time ---- */

/* Where pixels are found; bicubic, their weights. */
typedef struct NNI_FN(places) {
    uint32_t at[NNI_WARP_CHUNK];
    float fx[NNI_WARP_CHUNK], fy[NNI_WARP_CHUNK];
    float across[4][NNI_WARP_CHUNK], down[4][NNI_WARP_CHUNK];
} NNI_FN(places);

NNI_INLINE vf4 NNI_FN(linear_pixel)(const float *x, const nni_warp *w, size_t channels, float fx, float fy) {
    const vf4 f = vf4_set1(fx);
    const vf4 above = NNI_FN(lerp4)(f, vf4_load(x), vf4_load(x + channels));
    const vf4 below = NNI_FN(lerp4)(f, vf4_load(x + w->stride), vf4_load(x + w->stride + channels));
    return NNI_FN(lerp4)(vf4_set1(fy), above, below);
}

/* As for one channel: that a line here is added to 0 can only make -0 of it 0, which adds the same. */
NNI_INLINE vf4 NNI_FN(cubic_pixel)(const float *x, const nni_warp *w, size_t channels, const NNI_FN(places) *p, size_t i) {
    vf4 sum = vf4_set1(0.0f);
    x -= w->stride + channels;
    NNI_UNROLL for (int r = 0; r < 4; r++, x += w->stride) {
        vf4 line = vf4_set1(0.0f);
        NNI_UNROLL for (int c = 0; c < 4; c++)
            line = vf4_fma(vf4_set1(p->across[c][i]), vf4_load(x + (size_t)c * channels), line);
        sum = vf4_fma(vf4_set1(p->down[r][i]), line, sum);
    }
    return sum;
}

NNI_INLINE vf4 NNI_FN(warp_pixel)(const nni_warp *w, const NNI_FN(places) *p, size_t i, size_t channels,
                                   const nni_taking taking) {
    const float *x = w->x + p->at[i];
    if (taking == NNI_TAKE_NEAREST) return vf4_load(x);
    if (taking == NNI_TAKE_BILINEAR) return NNI_FN(linear_pixel)(x, w, channels, p->fx[i], p->fy[i]);
    return NNI_FN(cubic_pixel)(x, w, channels, p, i);
}

/* A store of four floats runs into the next pixel, which is written after it; the last pixel of the row has none. */
NNI_INLINE void NNI_FN(warp_chunk)(float *y, const nni_warp *w, const NNI_FN(places) *p, size_t n, int last, size_t channels,
                                   const nni_taking taking) {
    const size_t plain = n - (last && channels < 4);
    for (size_t i = 0; i < plain; i++) vf4_store(y + i * channels, NNI_FN(warp_pixel)(w, p, i, channels, taking));
    if (plain < n) {
        float pixel[4];
        vf4_store(pixel, NNI_FN(warp_pixel)(w, p, plain, channels, taking));
        memcpy(y + plain * channels, pixel, channels * sizeof *y);
    }
}

/* A vector of places, from column j + i on. */
NNI_INLINE void NNI_FN(warp_places)(NNI_FN(places) *p, const nni_warp *w, const float *start, size_t row, size_t j, size_t i,
                                    size_t n, const nni_taking taking) {
    vf fx, fy, weight[4];
    NNI_FN(warp_place)(&fx, &fy, w, start, row, j + i, n);
    vi_store(p->at + i, NNI_FN(warp_index)(&fx, &fy, w, taking));
    vf_store(p->fx + i, fx);
    vf_store(p->fy + i, fy);
    if (taking != NNI_TAKE_BICUBIC) return;
    NNI_FN(cubic_weights)(weight, fx);
    for (int c = 0; c < 4; c++) vf_store(p->across[c] + i, weight[c]);
    NNI_FN(cubic_weights)(weight, fy);
    for (int r = 0; r < 4; r++) vf_store(p->down[r] + i, weight[r]);
}

NNI_INLINE void NNI_FN(warp_row_color)(float *y, const nni_warp *w, const float *start, size_t row, const nni_taking taking) {
    for (size_t j = 0; j < w->columns; j += NNI_WARP_CHUNK) {
        const size_t n = nni_min(NNI_WARP_CHUNK, w->columns - j);
        NNI_FN(places) p;
        for (size_t i = 0; i < n; i += VF_LANES)
            NNI_FN(warp_places)(&p, w, start, row, j, i, nni_min(VF_LANES, n - i), taking);
        NNI_FN(warp_chunk)(y + j * w->channels, w, &p, n, j + n == w->columns, w->channels, taking);
    }
}

NNI_INLINE void NNI_FN(warp_rows)(float *y, const nni_warp *w, const nni_taking taking) {
    for (size_t row = 0; row < w->rows; row++, y += w->y_stride) {
        const float start[2] = {(float)(w->m[1] * (double)row + w->m[2]), (float)(w->m[4] * (double)row + w->m[5])};
        if (w->channels == 1) NNI_FN(warp_row_gray)(y, w, start, row, taking);
        else NNI_FN(warp_row_color)(y, w, start, row, taking);
    }
}

static void NNI_FN(warp)(float *y, const nni_warp *w) {
    if (w->taking == NNI_TAKE_NEAREST) NNI_FN(warp_rows)(y, w, NNI_TAKE_NEAREST);
    else if (w->taking == NNI_TAKE_BILINEAR) NNI_FN(warp_rows)(y, w, NNI_TAKE_BILINEAR);
    else NNI_FN(warp_rows)(y, w, NNI_TAKE_BICUBIC);
}

#endif /* NNI_ISA */
