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

/* Whole and broken part; the whole ones as an index of a float. */
NNI_INLINE vi NNI_FN(warp_index)(vf *x, vf *y, const nni_warp *w) {
    const vi ix = vi_from_float(*x), iy = vi_from_float(*y);
    *x = vf_sub(*x, vf_from_int(ix));
    *y = vf_sub(*y, vf_from_int(iy));
    return vi_add(vi_mul(iy, vi_set1((uint32_t)w->stride)), vi_mul(ix, vi_set1((uint32_t)w->channels)));
}

NNI_INLINE vf NNI_FN(lerp)(vf f, vf a, vf b) { return vf_fma(f, vf_sub(b, a), a); }
NNI_INLINE vf4 NNI_FN(lerp4)(vf4 f, vf4 a, vf4 b) { return vf4_fma(f, vf4_sub(b, a), a); }

/* ---- bilinear, one channel: vectors of pixels ---- */

NNI_INLINE void NNI_FN(warp_row_gray)(float *y, const nni_warp *w, const float *start, size_t row) {
    for (size_t j = 0; j < w->columns; j += VF_LANES) {
        const size_t n = nni_min(VF_LANES, w->columns - j);
        vf fx, fy, right, right_below;
        NNI_FN(warp_place)(&fx, &fy, w, start, row, j, n);
        const vi at = NNI_FN(warp_index)(&fx, &fy, w);
        const vf left = vf_gather_pair(w->x, at, &right), left_below = vf_gather_pair(w->x + w->stride, at, &right_below);
        const vf v = NNI_FN(lerp)(fy, NNI_FN(lerp)(fx, left, right), NNI_FN(lerp)(fx, left_below, right_below));
        if (n == VF_LANES) vf_store(y + j, v);
        else vf_store_n(y + j, v, n);
    }
}

/* ---- bilinear, more channels: a pixel at a time ---- */

typedef struct NNI_FN(places) {
    uint32_t at[NNI_WARP_CHUNK];
    float fx[NNI_WARP_CHUNK], fy[NNI_WARP_CHUNK];
} NNI_FN(places);

NNI_INLINE vf4 NNI_FN(warp_pixel)(const float *x, size_t stride, size_t channels, float fx, float fy) {
    const vf4 f = vf4_set1(fx);
    const vf4 above = NNI_FN(lerp4)(f, vf4_load(x), vf4_load(x + channels));
    const vf4 below = NNI_FN(lerp4)(f, vf4_load(x + stride), vf4_load(x + stride + channels));
    return NNI_FN(lerp4)(vf4_set1(fy), above, below);
}

/* A store of four floats runs into the next pixel, which is written after it; the last pixel of the row has none. */
NNI_INLINE void NNI_FN(warp_chunk)(float *y, const nni_warp *w, const NNI_FN(places) *p, size_t n, int last, size_t channels) {
    const size_t plain = n - (last && channels < 4);
    for (size_t i = 0; i < plain; i++)
        vf4_store(y + i * channels, NNI_FN(warp_pixel)(w->x + p->at[i], w->stride, channels, p->fx[i], p->fy[i]));
    if (plain < n) {
        float pixel[4];
        vf4_store(pixel, NNI_FN(warp_pixel)(w->x + p->at[plain], w->stride, channels, p->fx[plain], p->fy[plain]));
        memcpy(y + plain * channels, pixel, channels * sizeof *y);
    }
}

NNI_INLINE void NNI_FN(warp_row_color)(float *y, const nni_warp *w, const float *start, size_t row) {
    for (size_t j = 0; j < w->columns; j += NNI_WARP_CHUNK) {
        const size_t n = nni_min(NNI_WARP_CHUNK, w->columns - j);
        NNI_FN(places) p;
        for (size_t i = 0; i < n; i += VF_LANES) {
            vf fx, fy;
            NNI_FN(warp_place)(&fx, &fy, w, start, row, j + i, nni_min(VF_LANES, n - i));
            vi_store(p.at + i, NNI_FN(warp_index)(&fx, &fy, w));
            vf_store(p.fx + i, fx);
            vf_store(p.fy + i, fy);
        }
        NNI_FN(warp_chunk)(y + j * w->channels, w, &p, n, j + n == w->columns, w->channels);
    }
}

/* ---- nearest and bicubic: a channel of a vector of pixels at a time ---- */

/* Keys' weights with a = -3/4 of the pixels at -1, 0, 1, 2 for a place t in [0, 1); exactly 0, 1, 0, 0 at t = 0. */
NNI_INLINE void NNI_FN(cubic_weights)(vf *weight, vf t) {
    const vf one = vf_set1(1.0f), a = vf_set1(-0.75f), inner = vf_set1(1.25f), outer = vf_set1(-2.25f), u = vf_sub(one, t);
    const vf s = vf_add(t, one);
    weight[0] = vf_fma(vf_fma(vf_fma(a, s, vf_set1(3.75f)), s, vf_set1(-6.0f)), s, vf_set1(3.0f));
    weight[1] = vf_fma(vf_mul(vf_fma(inner, t, outer), t), t, one);
    weight[2] = vf_fma(vf_mul(vf_fma(inner, u, outer), u), u, one);
    weight[3] = vf_sub(vf_sub(vf_sub(one, weight[0]), weight[1]), weight[2]);
}

NNI_INLINE vf NNI_FN(warp_cubic)(const float *x, vi at, size_t stride, size_t channels, const vf *across, const vf *down) {
    vf sum = vf_set1(0.0f);
    x -= stride + channels;
    for (int r = 0; r < 4; r++, x += stride) {
        vf line = vf_mul(across[0], vf_gather(x, at));
        for (int c = 1; c < 4; c++) line = vf_fma(across[c], vf_gather(x + (size_t)c * channels, at), line);
        sum = vf_fma(down[r], line, sum);
    }
    return sum;
}

static void NNI_FN(warp_row_other)(float *y, const nni_warp *w, const float *start, size_t row) {
    const int cubic = w->taking == NNI_TAKE_BICUBIC;
    const vf half = vf_set1(cubic ? 0.0f : 0.5f);
    for (size_t j = 0; j < w->columns; j += VF_LANES) {
        const size_t n = nni_min(VF_LANES, w->columns - j);
        vf fx, fy, across[4], down[4];
        float lanes[VF_LANES];
        NNI_FN(warp_place)(&fx, &fy, w, start, row, j, n);
        fx = vf_add(fx, half);
        fy = vf_add(fy, half);
        const vi at = NNI_FN(warp_index)(&fx, &fy, w);
        if (cubic) NNI_FN(cubic_weights)(across, fx), NNI_FN(cubic_weights)(down, fy);
        for (size_t c = 0; c < w->channels; c++) {
            if (cubic) vf_store(lanes, NNI_FN(warp_cubic)(w->x + c, at, w->stride, w->channels, across, down));
            else vf_store(lanes, vf_gather(w->x + c, at));
            for (size_t i = 0; i < n; i++) y[(j + i) * w->channels + c] = lanes[i];
        }
    }
}

static void NNI_FN(warp)(float *y, const nni_warp *w) {
    for (size_t row = 0; row < w->rows; row++, y += w->y_stride) {
        const float start[2] = {(float)(w->m[1] * (double)row + w->m[2]), (float)(w->m[4] * (double)row + w->m[5])};
        if (w->taking != NNI_TAKE_BILINEAR) NNI_FN(warp_row_other)(y, w, start, row);
        else if (w->channels == 1) NNI_FN(warp_row_gray)(y, w, start, row);
        else NNI_FN(warp_row_color)(y, w, start, row);
    }
}

#endif /* NNI_ISA */
