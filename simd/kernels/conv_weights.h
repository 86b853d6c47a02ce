/* conv_weights.h - the gradient of a convolution by its weights: a product whose k runs over all outputs
 *
 * A row of taps meets, at one output, the same stretch of the image as in conv.h; here it is a column of A. Outputs follow
 * each other in dy as they do in k, so B runs on. Every element is one chain over images, rows and columns of outputs.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

#define NNI_CONV_DEPTH 256 /* outputs between loading and storing dw: their pixels stay in L1 or near while all tiles pass */

/* dy of some rows of outputs of one image. */
typedef struct NNI_FN(conv_dy) {
    const float *at;
    size_t row, width, group; /* the first row; floats of a pixel, and from one group to the next */
} NNI_FN(conv_dy);

static int NNI_FN(conv_copies_dy)(const nni_conv *job) {
    return !NNI_FN(conv_across)(job) && !VF_FREE_MASK && job->out % VF_LANES;
}

/* Floats that a unit's dy takes if its rows cannot be read to the end of a vector. */
static size_t NNI_FN(conv_weights_work)(const nni_conv *job) {
    const size_t pixels = job->band * job->x.target;
    return NNI_FN(conv_copies_dy)(job) ? pixels * job->groups * nni_round_up(job->out, VF_LANES) : 0;
}

/* dy of rows [from, to) of an image. */
static NNI_FN(conv_dy) NNI_FN(conv_open_dy)(const nni_conv *job, const float *dy, size_t image, size_t from, size_t to,
                                            float *work) {
    const size_t filters = job->groups * job->out, pixels = (to - from) * job->x.target;
    NNI_FN(conv_dy) open = {dy + (image * job->y.target + from) * job->x.target * filters, from, filters, job->out};
    if (!NNI_FN(conv_copies_dy)(job)) return open;
    const size_t width = nni_round_up(job->out, VF_LANES);
    for (size_t g = 0; g < job->groups; g++)
        NNI_FN(pack_b)(work + g * pixels * width, open.at + g * job->out, filters, 1, pixels, job->out, width);
    open.at = work;
    open.width = width;
    open.group = pixels * width;
    return open;
}

/* Adds to `height` rows of dw, of one group, what `rows` rows of outputs give; a points to what those rows of dw meet at the
 * first output, b to its dy. */
static void NNI_FN(conv_weights_tiles)(const nni_conv *job, const NNI_FN(conv_window) *window, float *c, const float *a,
                                       const float *b, size_t height, size_t rows, size_t ldb) {
    const size_t channels = job->groups * job->in;
    const size_t panel = NNI_FN(plan_vectors)(height, job->out, NNI_FLEETING + 1, 0) * VF_LANES;
    NNI_FN(tiles) run = NNI_FN(tiles_plain)(job->x.target, 1.0f);
    run.a_stride = job->x.step * channels;
    run.ldb = ldb;
    run.ldc = job->groups * job->out;
    run.tap_rows = rows;
    run.a_row_step = (ptrdiff_t)(job->y.step * window->pitch);
    run.b_row_step = run.k * ldb;
    for (size_t j = 0; j < job->out; j += panel) {
        const size_t width = nni_min(panel, job->out - j), vectors = nni_ceil_div(width, VF_LANES);
        const NNI_FN(gemm_deal) d = NNI_FN(deal)(height, vectors);
        run.ragged = width - (vectors - 1) * VF_LANES;
        run.shorts = NNI_FN(tile_shorts)(run.k, width, ldb);
        NNI_FN(tiles_down)(&run, 1, d, vectors, a, 1, b + j, c + j);
    }
}

/* What the gradient of some taps of one row reads where lanes are channels of all groups: the floats between rows, outputs and
 * taps. */
typedef struct NNI_FN(depth_weights) {
    size_t rows, outputs;
    size_t row, output, tap, channels;
} NNI_FN(depth_weights);

/* What pixel i of a row adds for groups of four whose outputs are as far apart as taps: with tap t it meets dy of output i - t.
 * Each channel is spread once for all taps. Near the ends of the row not all outputs are there. */
NNI_INLINE void NNI_FN(depth_weights_pixel)(const int taps, const int all, const int whole, const NNI_FN(depth_weights) *d,
                                            vf *sum, const float *x, const float *dy, size_t i, vm mask) {
    vf dv[3];
    int there[3];
    NNI_UNROLL for (int t = 0; t < taps; t++) {
        there[t] = all || (i >= (size_t)t && i - (size_t)t < d->outputs);
        dv[t] = there[t] ? NNI_FN(depth_load)(whole, dy + (i - (size_t)t) * d->channels, mask) : vf_set1(0.0f);
    }
    const vf pixel = NNI_FN(depth_load)(whole, x + i * d->tap, mask);
    NNI_UNROLL for (int p = 0; p < 4; p++)
        NNI_UNROLL for (int t = 0; t < taps; t++)
            if (there[t]) sum[4 * t + p] = vf_fma(vf_of_four(pixel, p), dv[t], sum[4 * t + p]);
}

/* One row of these, all of whose chains fit the registers. */
NNI_INLINE void NNI_FN(depth_weights_pixels)(const int taps, const int whole, const NNI_FN(depth_weights) *d, vf *sum,
                                             const float *x, const float *dy, vm mask) {
    const size_t before = (size_t)taps - 1, end = d->outputs + before;
    size_t i = 0;
    for (; i < before; i++) NNI_FN(depth_weights_pixel)(taps, 0, whole, d, sum, x, dy, i, mask);
    for (; i < d->outputs; i++) NNI_FN(depth_weights_pixel)(taps, 1, whole, d, sum, x, dy, i, mask);
    for (; i < end; i++) NNI_FN(depth_weights_pixel)(taps, 0, whole, d, sum, x, dy, i, mask);
}

/* One row of any others, output by output. */
NNI_INLINE void NNI_FN(depth_weights_outputs)(const int group, const int taps, const int vectors, const int whole,
                                              const NNI_FN(depth_weights) *d, vf *sum, const float *x, const float *dy,
                                              vm mask) {
    for (size_t i = d->outputs; i > 0; i--, x += d->output, dy += d->channels)
        NNI_UNROLL for (int v = 0; v < vectors; v++) {
            const vf dv = NNI_FN(depth_load)(whole, dy + v * VF_LANES, mask);
            NNI_UNROLL for (int c = 0; c < taps * group; c++) {
                const vf pixel = NNI_FN(depth_load)(whole, x + (size_t)(c / group) * d->tap + v * VF_LANES, mask);
                sum[c * vectors + v] = vf_fma(NNI_FN(depth_spread)(group, pixel, c % group), dv, sum[c * vectors + v]);
            }
        }
}

/* `taps` of them, two vectors of channels or one, or the channels of the mask if not `whole`: each its own chain, for each
 * channel of a group that it reads. */
NNI_INLINE void NNI_FN(depth_weights_tile)(const int group, const int taps, const int vectors, const int whole,
                                           const NNI_FN(depth_weights) *d, float *dw, const float *x, const float *dy,
                                           vm mask) {
    vf sum[12];
    const int chains = taps * group;
    const int near = group == 4 && taps > 1 && d->output == d->tap;
    NNI_UNROLL for (int c = 0; c < chains; c++)
        NNI_UNROLL for (int v = 0; v < vectors; v++)
            sum[c * vectors + v] = NNI_FN(depth_load)(whole, dw + (size_t)c * d->channels + v * VF_LANES, mask);
    for (size_t r = d->rows; r > 0; r--, x += d->row, dy += d->outputs * d->channels) {
        if (near) NNI_FN(depth_weights_pixels)(taps, whole, d, sum, x, dy, mask);
        else NNI_FN(depth_weights_outputs)(group, taps, vectors, whole, d, sum, x, dy, mask);
    }
    NNI_UNROLL for (int c = 0; c < chains; c++)
        NNI_UNROLL for (int v = 0; v < vectors; v++)
            NNI_FN(depth_store)(whole, dw + (size_t)c * d->channels + v * VF_LANES, sum[c * vectors + v], mask);
}

/* `taps` of them, all channels. */
NNI_INLINE void NNI_FN(depth_weights_taps)(const int group, const int taps, const NNI_FN(depth_weights) *d, float *dw,
                                           const float *x, const float *dy) {
    size_t c = 0;
    const vm mask = vm_first(d->channels % VF_LANES);
    for (; group == 1 && c + 2 * VF_LANES <= d->channels; c += 2 * VF_LANES)
        NNI_FN(depth_weights_tile)(group, taps, 2, 1, d, dw + c, x + c, dy + c, mask);
    for (; c + VF_LANES <= d->channels; c += VF_LANES)
        NNI_FN(depth_weights_tile)(group, taps, 1, 1, d, dw + c, x + c, dy + c, mask);
    if (c < d->channels) NNI_FN(depth_weights_tile)(group, taps, 1, 0, d, dw + c, x + c, dy + c, mask);
}

/* `taps` taps of one row for all channels, as many at a time as the registers hold. */
NNI_INLINE void NNI_FN(depth_weights_row)(const int group, const NNI_FN(depth_weights) *d, float *dw, const float *x,
                                          const float *dy, size_t taps) {
    const int most = group == 1 ? 4 : 3;
    const size_t row = (size_t)group * d->channels; /* of dw, from one tap to the next */
    for (; taps >= (size_t)most; taps -= (size_t)most, dw += (size_t)most * row, x += (size_t)most * d->tap)
        NNI_FN(depth_weights_taps)(group, most, d, dw, x, dy);
    switch (taps) {
    case 3: NNI_FN(depth_weights_taps)(group, 3, d, dw, x, dy); break;
    case 2: NNI_FN(depth_weights_taps)(group, 2, d, dw, x, dy); break;
    case 1: NNI_FN(depth_weights_taps)(group, 1, d, dw, x, dy); break;
    default: break;
    }
}

/* `height` rows of dw for taps of one row. */
static void NNI_FN(conv_weights_depth)(const nni_conv *job, const NNI_FN(conv_window) *window, float *dw, const float *x,
                                       const float *dy, size_t rows, size_t height) {
    const size_t channels = job->groups * job->in;
    const NNI_FN(depth_weights) d = {rows, job->x.target, job->y.step * window->pitch, job->x.step * channels,
                                     job->x.dilation * channels, channels};
    if (job->across == 1) NNI_FN(depth_weights_row)(1, &d, dw, x, dy, height);
    else NNI_FN(depth_weights_row)(4, &d, dw, x, dy, height / 4);
}

/* What rows [first, end) of the outputs of one image add to rows [from, to) of dw. */
static void NNI_FN(conv_weights_block)(const nni_conv *job, const NNI_FN(conv_window) *window, const NNI_FN(conv_dy) *dy,
                                       float *dw, size_t first, size_t end, size_t from, size_t to) {
    const size_t channels = job->groups * job->in, filters = job->groups * job->out;
    const int across = NNI_FN(conv_across)(job), whole = across || (job->x.dilation == 1 && job->groups == 1);
    const size_t stretch = whole ? job->x.kernel * job->in : job->in; /* rows of dw that lie like a column of A */
    for (size_t row = from / stretch * stretch; row < to; row += stretch) {
        const size_t ky = row / job->in / job->x.kernel, kx = row / job->in % job->x.kernel;
        const size_t skip = from > row ? from - row : 0, height = nni_min(stretch, to - row) - skip;
        size_t above;
        const size_t below = nni_conv_positions_inside(&job->y, ky * job->y.dilation, &above);
        const size_t y = nni_max(first, above), y_end = nni_min(end, below);
        if (y >= y_end) continue;
        const size_t source = y * job->y.step + ky * job->y.dilation - job->y.pad;
        const float *a = window->at + (source - window->row) * window->pitch + kx * job->x.dilation * channels;
        const float *b = dy->at + (y - dy->row) * job->x.target * dy->width;
        float *c = dw + (row + skip) * filters;
        if (across)
            NNI_FN(conv_weights_depth)(job, window, c, a + skip / job->in * job->x.dilation * channels, b, y_end - y, height);
        else
            for (size_t g = 0; g < job->groups; g++)
                NNI_FN(conv_weights_tiles)(job, window, c + g * job->out, a + skip + g * job->in, b + g * dy->group, height,
                                           y_end - y, dy->width);
    }
}

/* Rows [from, to) of dw, from all images; adds to what is there. work has room for a unit's window and its dy. */
static void NNI_FN(conv_weights)(const nni_conv *job, float *dw, const float *dy, size_t from, size_t to, float *work) {
    const size_t most = nni_max(1, NNI_CONV_DEPTH / job->x.target);
    const size_t rows = nni_ceil_div(job->band, nni_ceil_div(job->band, most)); /* evenly, so that no block is short */
    for (size_t u = 0; u < job->units; u++) {
        const NNI_FN(conv_unit) unit = NNI_FN(conv_unit_of)(job, u);
        NNI_FN(conv_window) window = NNI_FN(conv_open)(job, &unit, work);
        for (size_t n = 0; n < unit.images; n++, window.at += window.image_pitch) {
            float *const work_dy = NNI_FN(conv_copies_dy)(job) ? work + job->window_floats : NULL;
            const NNI_FN(conv_dy) open = NNI_FN(conv_open_dy)(job, dy, unit.image + n, unit.from, unit.to, work_dy);
            for (size_t y = unit.from; y < unit.to; y += rows)
                NNI_FN(conv_weights_block)(job, &window, &open, dw, y, nni_min(y + rows, unit.to), from, to);
        }
    }
}

#endif /* NNI_ISA */
