/* conv_depth.h - convolutions of every channel by itself: lanes are channels, and some outputs are computed side by side */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* Steps of floats: from one output to the next, from one tap to the next, from one row of taps to the next. */
typedef struct NNI_FN(depth) {
    size_t tap_rows, taps;
    ptrdiff_t x_output, x_tap, x_row, y_output, w_tap, w_row;
    const float *bias;
    int relu;
} NNI_FN(depth);

/* `outputs` of a row, VF_LANES channels, or those of the mask if not `whole`. */
NNI_INLINE void NNI_FN(depth_tile)(const int outputs, const int whole, const NNI_FN(depth) *d, float *y, const float *x,
                                   const float *w, size_t channel, vm mask) {
    vf sum[8];
    NNI_UNROLL for (int i = 0; i < outputs; i++) sum[i] = vf_set1(0.0f);
    x += channel;
    w += channel;
    for (size_t r = d->tap_rows; r > 0; r--, x += d->x_row, w += d->w_row) {
        const float *xt = x, *wt = w;
        for (size_t t = d->taps; t > 0; t--, xt += d->x_tap, wt += d->w_tap) {
            const vf tap = whole ? vf_load(wt) : vf_load_m(wt, mask);
            NNI_UNROLL for (int i = 0; i < outputs; i++) {
                const float *at = xt + i * d->x_output;
                sum[i] = vf_fma(whole ? vf_load(at) : vf_load_m(at, mask), tap, sum[i]);
            }
        }
    }
    NNI_UNROLL for (int i = 0; i < outputs; i++) {
        float *at = y + i * d->y_output + channel;
        if (d->bias) sum[i] = vf_add(sum[i], whole ? vf_load(d->bias + channel) : vf_load_m(d->bias + channel, mask));
        if (d->relu) sum[i] = NNI_FN(v_relu)(sum[i], sum[i]);
        if (whole) vf_store(at, sum[i]);
        else vf_store_m(at, sum[i], mask);
    }
}

/* All channels of `outputs` outputs. */
NNI_INLINE void NNI_FN(depth_block)(const int outputs, const NNI_FN(depth) *d, float *y, const float *x, const float *w,
                                    size_t channels) {
    const vm mask = vm_first(channels % VF_LANES);
    size_t c = 0;
    for (; c + VF_LANES <= channels; c += VF_LANES) NNI_FN(depth_tile)(outputs, 1, d, y, x, w, c, mask);
    if (c < channels) NNI_FN(depth_tile)(outputs, 0, d, y, x, w, c, mask);
}

static void NNI_FN(depth_row)(const NNI_FN(depth) *d, float *y, const float *x, const float *w, size_t outputs, size_t channels) {
    for (; outputs >= 7; outputs -= 7, x += 7 * d->x_output, y += 7 * d->y_output) NNI_FN(depth_block)(7, d, y, x, w, channels);
    for (; outputs >= 2; outputs -= 2, x += 2 * d->x_output, y += 2 * d->y_output) NNI_FN(depth_block)(2, d, y, x, w, channels);
    if (outputs) NNI_FN(depth_block)(1, d, y, x, w, channels);
}

/* What one set of taps computes of a unit. */
static void NNI_FN(conv_depth)(const nni_conv *job, const NNI_FN(conv_unit) *unit, const nni_conv_phase *py, const nni_conv_phase *px) {
    const size_t channels = job->groups, outputs = px->to > px->from ? px->to - px->from : 0;
    const ptrdiff_t w_row = (ptrdiff_t)(job->x.kernel * job->w_tap);
    const size_t from = nni_max(unit->from, py->from), to = nni_min(unit->to, py->to);
    NNI_FN(depth) d;
    d.taps = px->taps;
    d.x_output = (ptrdiff_t)(job->x.step * channels);
    d.x_tap = (ptrdiff_t)(px->tap_step * channels);
    d.x_row = (ptrdiff_t)(py->tap_step * unit->pitch);
    d.y_output = (ptrdiff_t)(px->target_step * channels);
    d.w_tap = px->kernel_step * (ptrdiff_t)job->w_tap;
    d.w_row = py->kernel_step * w_row;
    d.bias = job->bias;
    d.relu = job->activation == NN_RELU;
    for (size_t n = 0; n < unit->images; n++)
        for (size_t i = from; i < to; i++) {
            size_t first;
            const size_t end = nni_conv_taps_inside(&job->y, py, i, &first);
            const size_t y = (size_t)(py->target + (ptrdiff_t)(i * py->target_step));
            const size_t left = (size_t)(px->target + (ptrdiff_t)(px->from * px->target_step));
            const float *x = unit->window + n * unit->image_pitch + (px->from * job->x.step + px->window) * channels;
            const float *w = job->weights + px->kernel * job->w_tap;
            d.tap_rows = px->taps ? end - first : 0;
            if (d.tap_rows) {
                const ptrdiff_t row = job->y.origin + (ptrdiff_t)(i * job->y.step + py->window + first * py->tap_step);
                x += ((size_t)row - unit->row) * unit->pitch;
                w += ((ptrdiff_t)py->kernel + (ptrdiff_t)first * py->kernel_step) * w_row;
            }
            NNI_FN(depth_row)(&d, job->target + (((unit->image + n) * job->y.target + y) * job->x.target + left) * channels, x, w,
                              outputs, channels);
        }
}

#endif /* NNI_ISA */
