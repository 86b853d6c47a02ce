/* conv_depth.h - convolutions of every channel by itself, or in groups of four channels to four: lanes are channels of all
 * groups, and some outputs are computed side by side
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* Whether vectors hold whole groups. */
static int NNI_FN(conv_across)(const nni_conv *job) { return job->across && VF_LANES % job->across == 0; }

/* The weights of groups of four for the gradient by the input: from dy's channels to dx's. */
static void NNI_FN(depth_pack)(float *dst, const nni_conv *job) {
    const float *tap = job->weights;
    for (size_t t = job->y.kernel * job->x.kernel; t > 0; t--, tap += job->w_tap)
        for (size_t p = 0; p < 4; p++)
            for (size_t g = 0; g < job->groups; g++)
                for (size_t j = 0; j < 4; j++) *dst++ = tap[g * job->w_group + p * job->w_row + j * job->w_col];
}

/* A block, and the steps between its taps in floats. */
typedef struct NNI_FN(depth) {
    size_t tap_rows, taps, channels; /* channels: of all groups */
    size_t x_output, y_output; /* from one output to the next */
    size_t x_tap, x_row;       /* from one tap to the next, from one row of taps to the next */
    ptrdiff_t w_tap, w_row;
    const float *bias;
    int relu;
} NNI_FN(depth);

NNI_INLINE vf NNI_FN(depth_load)(const int whole, const float *p, vm mask) { return whole ? vf_load(p) : vf_load_m(p, mask); }

NNI_INLINE void NNI_FN(depth_store)(const int whole, float *p, vf v, vm mask) {
    if (whole) vf_store(p, v);
    else vf_store_m(p, v, mask);
}

/* Channel p of each group of 1 or 4, in all lanes of the group. */
NNI_INLINE vf NNI_FN(depth_spread)(const int group, vf pixel, int p) { return group == 1 ? pixel : vf_of_four(pixel, p); }

/* One row of taps. */
NNI_INLINE void NNI_FN(depth_taps)(const int group, const int outputs, const int whole, const NNI_FN(depth) *d, vf *sum,
                                   const float *x, const float *w, vm mask) {
    for (size_t t = d->taps; t > 0; t--, x += d->x_tap, w += d->w_tap)
        NNI_UNROLL for (int p = 0; p < group; p++) {
            const vf tap = NNI_FN(depth_load)(whole, w + (size_t)p * d->channels, mask);
            const float *at = x;
            NNI_UNROLL for (int i = 0; i < outputs; i++, at += d->x_output)
                sum[i] = vf_fma(NNI_FN(depth_spread)(group, NNI_FN(depth_load)(whole, at, mask), p), tap, sum[i]);
        }
}

/* Three taps where neighbouring outputs are neighbouring pixels apart: each pixel is loaded once for all. */
NNI_INLINE void NNI_FN(depth_three)(const int outputs, const int whole, const NNI_FN(depth) *d, vf *sum, const float *x,
                                    const float *w, vm mask) {
    vf tap[3];
    NNI_UNROLL for (int t = 0; t < 3; t++, w += d->w_tap) tap[t] = NNI_FN(depth_load)(whole, w, mask);
    NNI_UNROLL for (int p = 0; p < outputs + 2; p++, x += d->x_tap) {
        const vf pixel = NNI_FN(depth_load)(whole, x, mask);
        NNI_UNROLL for (int t = 0; t < 3; t++)
            if (p - t >= 0 && p - t < outputs) sum[p - t] = vf_fma(pixel, tap[t], sum[p - t]);
    }
}

/* `outputs` of a row or column, VF_LANES channels, or those of the mask if not `whole`. */
NNI_INLINE void NNI_FN(depth_tile)(const int group, const int outputs, const int whole, const NNI_FN(depth) *d, float *y,
                                   const float *x, const float *w, size_t channel, vm mask) {
    const int three = group == 1 && d->taps == 3 && d->x_tap == d->x_output;
    vf sum[8];
    NNI_UNROLL for (int i = 0; i < outputs; i++) sum[i] = vf_set1(0.0f);
    x += channel;
    w += channel;
    for (size_t r = d->tap_rows; r > 0; r--, x += d->x_row, w += d->w_row) {
        if (three) NNI_FN(depth_three)(outputs, whole, d, sum, x, w, mask);
        else NNI_FN(depth_taps)(group, outputs, whole, d, sum, x, w, mask);
    }
    if (d->bias) {
        const vf bias = NNI_FN(depth_load)(whole, d->bias + channel, mask);
        NNI_UNROLL for (int i = 0; i < outputs; i++) sum[i] = vf_add(sum[i], bias);
    }
    if (d->relu)
        NNI_UNROLL for (int i = 0; i < outputs; i++) sum[i] = NNI_FN(v_relu)(sum[i], sum[i]);
    y += channel;
    NNI_UNROLL for (int i = 0; i < outputs; i++, y += d->y_output) NNI_FN(depth_store)(whole, y, sum[i], mask);
}

/* All channels of `outputs` outputs. */
NNI_INLINE void NNI_FN(depth_outputs)(const int group, const int outputs, const NNI_FN(depth) *d, float *y, const float *x,
                                      const float *w) {
    const vm mask = vm_first(d->channels % VF_LANES);
    size_t c = 0;
    for (; c + VF_LANES <= d->channels; c += VF_LANES) NNI_FN(depth_tile)(group, outputs, 1, d, y, x, w, c, mask);
    if (c < d->channels) NNI_FN(depth_tile)(group, outputs, 0, d, y, x, w, c, mask);
}

/* `count` outputs, eight at a time, and the rest at once. */
NNI_INLINE void NNI_FN(depth_row)(const int group, const NNI_FN(depth) *d, float *y, const float *x, const float *w,
                                  size_t count) {
    for (; count >= 8; count -= 8, x += 8 * d->x_output, y += 8 * d->y_output)
        NNI_FN(depth_outputs)(group, 8, d, y, x, w);
    switch (count) {
    case 7: NNI_FN(depth_outputs)(group, 7, d, y, x, w); break;
    case 6: NNI_FN(depth_outputs)(group, 6, d, y, x, w); break;
    case 5: NNI_FN(depth_outputs)(group, 5, d, y, x, w); break;
    case 4: NNI_FN(depth_outputs)(group, 4, d, y, x, w); break;
    case 3: NNI_FN(depth_outputs)(group, 3, d, y, x, w); break;
    case 2: NNI_FN(depth_outputs)(group, 2, d, y, x, w); break;
    case 1: NNI_FN(depth_outputs)(group, 1, d, y, x, w); break;
    default: break;
    }
}

/* A function for each kind of groups. */
typedef void NNI_FN(depth_line)(const NNI_FN(depth) *d, float *y, const float *x, const float *w, size_t count);
static void NNI_FN(depth_singles)(const NNI_FN(depth) *d, float *y, const float *x, const float *w, size_t count) {
    NNI_FN(depth_row)(1, d, y, x, w, count);
}
static void NNI_FN(depth_fours)(const NNI_FN(depth) *d, float *y, const float *x, const float *w, size_t count) {
    NNI_FN(depth_row)(4, d, y, x, w, count);
}

/* The block where the runs y and x meet. */
static void NNI_FN(depth_block)(const nni_conv *job, const NNI_FN(conv_unit) *unit, const nni_conv_phase *py,
                                const nni_conv_phase *px, const nni_conv_run *y, const nni_conv_run *x) {
    NNI_FN(conv_block) block = NNI_FN(conv_block_of)(job, unit, py, px, y, x);
    if (block.axis[0].count < 4 && block.axis[1].count > block.axis[0].count) NNI_FN(conv_exchange)(&block, 1);
    const NNI_FN(conv_steps) *axis = block.axis;
    const ptrdiff_t w_row = (ptrdiff_t)(job->x.kernel * job->w_tap);
    const float *w = job->packed ? job->packed : job->weights;
    NNI_FN(depth_line) *const line = VF_LANES == 1 || job->across == 1 ? NNI_FN(depth_singles) : NNI_FN(depth_fours);
    NNI_FN(depth) d;
    d.tap_rows = x->taps ? y->taps : 0;
    d.taps = x->taps;
    d.channels = job->groups * job->in;
    d.x_output = axis[0].source;
    d.y_output = axis[0].target;
    d.x_tap = px->tap_step * d.channels;
    d.x_row = py->tap_step * job->x.source * d.channels;
    d.w_tap = px->kernel_step * (ptrdiff_t)job->w_tap;
    d.w_row = py->kernel_step * w_row;
    d.bias = job->bias;
    d.relu = job->activation == NN_RELU;
    if (d.tap_rows)
        w += ((ptrdiff_t)py->kernel + (ptrdiff_t)y->tap * py->kernel_step) * w_row +
             ((ptrdiff_t)px->kernel + (ptrdiff_t)x->tap * px->kernel_step) * (ptrdiff_t)job->w_tap;
    for (size_t n = 0; n < axis[2].count; n++)
        for (size_t i = 0; i < axis[1].count; i++)
            line(&d, block.target + n * axis[2].target + i * axis[1].target,
                 block.source + n * axis[2].source + i * axis[1].source, w, axis[0].count);
}

/* What one set of taps computes of a unit. */
static void NNI_FN(conv_depth)(const nni_conv *job, const NNI_FN(conv_unit) *unit, const nni_conv_phase *py,
                               const nni_conv_phase *px) {
    const size_t y_to = nni_min(unit->to, py->to);
    nni_conv_run y, x;
    for (size_t i = nni_max(unit->from, py->from); i < y_to; i = y.to) {
        y = nni_conv_run_of(&job->y, py, i, y_to);
        for (size_t l = px->from; l < px->to; l = x.to) {
            x = nni_conv_run_of(&job->x, px, l, px->to);
            NNI_FN(depth_block)(job, unit, py, px, &y, &x);
        }
    }
}

#endif /* NNI_ISA */
