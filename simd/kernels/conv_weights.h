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

static int NNI_FN(conv_copies_dy)(const nni_conv *job) { return !job->depthwise && !VF_FREE_MASK && job->out % VF_LANES; }

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
    const size_t panel = NNI_FN(plan_vectors)(height, job->out, NNI_FLEETING + 1, 1, 1) * VF_LANES;
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
        NNI_FN(tiles_down)(&run, 1, d, vectors, a, 1, b + j, c + j);
    }
}

/* What the gradient of some taps of one row, channel by channel, reads: the floats between rows, outputs and taps. */
typedef struct NNI_FN(depth_weights) {
    size_t rows, outputs;
    size_t row, output, tap, channels;
} NNI_FN(depth_weights);

/* `taps` of them, two vectors of channels or one of n: each its own chain. */
NNI_INLINE void NNI_FN(depth_weights_tile)(const int taps, const int vectors, const NNI_FN(depth_weights) *d, float *dw,
                                           const float *x, const float *dy, size_t n) {
    vf sum[8];
    const int whole = vectors > 1 || n == VF_LANES;
    NNI_UNROLL for (int t = 0; t < taps; t++)
        NNI_UNROLL for (int v = 0; v < vectors; v++)
            sum[t * vectors + v] = vf_load_n(dw + (size_t)t * d->channels + v * VF_LANES, n);
    for (size_t r = d->rows; r > 0; r--, x += d->row) {
        const float *at = x;
        for (size_t i = d->outputs; i > 0; i--, at += d->output, dy += d->channels)
            NNI_UNROLL for (int v = 0; v < vectors; v++) {
                const vf dv = whole ? vf_load(dy + v * VF_LANES) : vf_load_n(dy, n);
                NNI_UNROLL for (int t = 0; t < taps; t++) {
                    const float *xt = at + (size_t)t * d->tap + v * VF_LANES;
                    sum[t * vectors + v] = vf_fma(whole ? vf_load(xt) : vf_load_n(xt, n), dv, sum[t * vectors + v]);
                }
            }
    }
    NNI_UNROLL for (int t = 0; t < taps; t++)
        NNI_UNROLL for (int v = 0; v < vectors; v++)
            vf_store_n(dw + (size_t)t * d->channels + v * VF_LANES, sum[t * vectors + v], n);
}

/* `taps` of them, all channels. */
NNI_INLINE void NNI_FN(depth_weights_taps)(const int taps, const NNI_FN(depth_weights) *d, float *dw, const float *x,
                                           const float *dy) {
    size_t c = 0;
    for (; c + 2 * VF_LANES <= d->channels; c += 2 * VF_LANES)
        NNI_FN(depth_weights_tile)(taps, 2, d, dw + c, x + c, dy + c, VF_LANES);
    for (; c < d->channels; c += VF_LANES)
        NNI_FN(depth_weights_tile)(taps, 1, d, dw + c, x + c, dy + c, nni_min(VF_LANES, d->channels - c));
}

/* `taps` taps of one row for all channels, four at a time. */
static void NNI_FN(conv_weights_depth)(const nni_conv *job, const NNI_FN(conv_window) *window, float *dw, const float *x,
                                       const float *dy, size_t rows, size_t taps) {
    const size_t channels = job->groups;
    const NNI_FN(depth_weights) d = {rows, job->x.target, job->y.step * window->pitch, job->x.step * channels,
                                     job->x.dilation * channels, channels};
    for (; taps >= 4; taps -= 4, dw += 4 * channels, x += 4 * d.tap) NNI_FN(depth_weights_taps)(4, &d, dw, x, dy);
    switch (taps) {
    case 3: NNI_FN(depth_weights_taps)(3, &d, dw, x, dy); break;
    case 2: NNI_FN(depth_weights_taps)(2, &d, dw, x, dy); break;
    case 1: NNI_FN(depth_weights_taps)(1, &d, dw, x, dy); break;
    default: break;
    }
}

/* What rows [first, end) of the outputs of one image add to rows [from, to) of dw. */
static void NNI_FN(conv_weights_block)(const nni_conv *job, const NNI_FN(conv_window) *window, const NNI_FN(conv_dy) *dy,
                                       float *dw, size_t first, size_t end, size_t from, size_t to) {
    const size_t channels = job->groups * job->in, filters = job->groups * job->out;
    const int whole = job->depthwise || (job->x.dilation == 1 && job->groups == 1);
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
        if (job->depthwise)
            NNI_FN(conv_weights_depth)(job, window, c, a + skip * job->x.dilation * channels, b, y_end - y, height);
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
