/* conv.h - convolutions, and their gradients by the input, as products whose A is the image itself
 *
 * The taps of a row of the kernel read one stretch of a row of pixels, and the next output's taps the same one a step on: so
 * a row of outputs is a product whose rows of A overlap, and nothing is gathered. The tile's k runs over the stretches, the
 * weights, taps x in x out, run on.
 *
 *     pixels       [ p0 . ][ p1 . ][ p2 . ][ p3 . ]           A, row 0    p0 p1 p2        row 1   p1 p2 p3
 *
 * An element is one chain of fused multiply-adds over taps and channels, in the order of memory, from 0. Taps outside the
 * image are left out: an image is cut into blocks whose outputs have the same taps inside, the middle, four edges and four
 * corners where the padding is 1. In a block any of three axes may be the rows of A: a row of outputs, a column of them,
 * or the same output of several images.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

#define NNI_CONV_FEW 64                                  /* outputs of a filter for which packing its weights does not pay */
#define NNI_CONV_BRIEF (VF_LANES == 16 ? NNI_BRIEF : 32) /* products of an output up to which the next ones are fetched first */

/* Products of an output. */
static size_t NNI_FN(conv_products)(const nni_conv *job) { return job->y.kernel * job->x.kernel * job->in; }

/* The width of the panels: as wide as large tiles get, so that the image is read seldom, and all alike. Where writing is most
 * of the work they are wider, and write longer runs. */
static size_t NNI_FN(conv_vectors)(const nni_conv *job) {
    const size_t across = nni_ceil_div(job->out, VF_LANES);
    const size_t most = NNI_FN(conv_products)(job) <= NNI_FLEETING ? 4 : NNI_LARGE_VECTORS;
    return nni_ceil_div(across, nni_ceil_div(across, most));
}

/* Weights are used as they lie only where there are few outputs to each, and not too many pages of them: otherwise it pays to
 * have them in the order in which the tiles read them, aligned. Backward they lie the wrong way round; and ragged rows cannot
 * be read without a mask. */
static int NNI_FN(conv_packs)(const nni_conv *job) {
    const int as_they_are = !job->y.backward && (VF_FREE_MASK || job->out % VF_LANES == 0);
    if (NNI_FN(conv_across)(job)) return job->in > 1 && job->y.backward;
    const int few = job->images * job->y.positions * job->x.positions < NNI_CONV_FEW;
    return !(as_they_are && few && NNI_FN(conv_products)(job) * job->groups * job->out < NNI_VAST);
}

/* Floats that the packed weights take, 0 if they are used as they are. */
static size_t NNI_FN(conv_packed)(const nni_conv *job) {
    const size_t width = NNI_FN(conv_across)(job) ? job->out : nni_round_up(job->out, VF_LANES);
    return NNI_FN(conv_packs)(job) ? NNI_FN(conv_products)(job) * job->groups * width : 0;
}

/* The weights of one group for one set of taps, panel after panel, each in x width for every tap. */
static float *NNI_FN(conv_pack_phase)(float *dst, const nni_conv *job, const nni_conv_phase *py, const nni_conv_phase *px,
                                      const float *group) {
    const size_t panel = NNI_FN(conv_vectors)(job) * VF_LANES;
    for (size_t j = 0; j < job->out; j += panel) {
        const size_t cols = nni_min(panel, job->out - j), width = nni_round_up(cols, VF_LANES);
        for (size_t ty = 0; ty < py->taps; ty++)
            for (size_t tx = 0; tx < px->taps; tx++) {
                const size_t ky = py->kernel + ty * (size_t)py->kernel_step, kx = px->kernel + tx * (size_t)px->kernel_step;
                const float *w = group + (ky * job->x.kernel + kx) * job->w_tap + j * job->w_col;
                NNI_FN(pack_b)(dst, w, job->w_row, job->w_col, job->in, cols, width);
                dst += job->in * width;
            }
    }
    return dst;
}

static void NNI_FN(conv_pack)(float *dst, const nni_conv *job) {
    if (NNI_FN(conv_across)(job)) {
        NNI_FN(depth_pack)(dst, job);
        return;
    }
    for (size_t ry = 0; ry < nni_conv_phases(&job->y); ry++)
        for (size_t rx = 0; rx < nni_conv_phases(&job->x); rx++) {
            const nni_conv_phase py = nni_conv_phase_of(&job->y, ry), px = nni_conv_phase_of(&job->x, rx);
            for (size_t g = 0; g < job->groups; g++)
                dst = NNI_FN(conv_pack_phase)(dst, job, &py, &px, job->weights + g * job->w_group);
        }
}

/* A run with the stretches of A that the taps of a block read. */
static NNI_FN(tiles) NNI_FN(conv_run)(const nni_conv *job, const nni_conv_phase *py, const nni_conv_phase *px,
                                      const nni_conv_run *y, const nni_conv_run *x, size_t ldb) {
    const size_t channels = job->groups * job->in;
    const int whole = px->tap_step == 1 && job->groups == 1;
    NNI_FN(tiles) run = NNI_FN(tiles_plain)(whole ? x->taps * job->in : job->in, 0.0f);
    run.ldb = ldb;
    run.tap_rows = x->taps ? y->taps : 0;
    run.stretches = whole ? 1 : x->taps;
    run.a_step = (ptrdiff_t)(px->tap_step * channels);
    run.a_row_step = (ptrdiff_t)(py->tap_step * job->x.source * channels) - (ptrdiff_t)(run.stretches - 1) * run.a_step;
    run.b_step = run.k * ldb;
    run.b_row_step = run.b_step + (px->taps - x->taps) * job->in * ldb;
    run.prefetch_c = NNI_FN(conv_products)(job) <= NNI_CONV_BRIEF;
    run.relu = job->activation == NN_RELU;
    return run;
}

/* A block, `width` columns of a group from j on; b are their weights for all taps. */
static void NNI_FN(conv_compute)(const nni_conv *job, const NNI_FN(conv_block) *from, NNI_FN(tiles) run, const float *b,
                                 size_t group, size_t j, size_t width) {
    const size_t vectors = nni_ceil_div(width, VF_LANES);
    NNI_FN(conv_block) block = *from;
    NNI_FN(conv_choose)(&block, vectors);
    const NNI_FN(conv_steps) *axis = block.axis;
    const NNI_FN(gemm_deal) d = NNI_FN(deal)(axis[0].count, vectors);
    run.a_stride = axis[0].source;
    run.ldc = axis[0].target;
    run.ragged = width - (vectors - 1) * VF_LANES;
    run.shorts = NNI_FN(conv_packs)(job) ? 0 : NNI_FN(tile_shorts)(run.k, width, run.ldb);
    if (job->bias) run.bias = job->bias + group * job->out + j;
    for (size_t n = 0; n < axis[2].count; n++)
        for (size_t i = 0; i < axis[1].count; i++)
            NNI_FN(tiles_down)(&run, 0, d, vectors, block.source + n * axis[2].source + i * axis[1].source + group * job->in,
                               run.a_stride, b, block.target + n * axis[2].target + i * axis[1].target + group * job->out + j);
}

/* What one set of taps computes of a unit, in columns [j, j + width) of a group. */
static void NNI_FN(conv_panel)(const nni_conv *job, const NNI_FN(conv_unit) *unit, const nni_conv_phase *py,
                               const nni_conv_phase *px, const float *b, size_t ldb, size_t group, size_t j, size_t width) {
    const size_t y_to = nni_min(unit->to, py->to);
    nni_conv_run y, x;
    for (size_t i = nni_max(unit->from, py->from); i < y_to; i = y.to) {
        y = nni_conv_run_of(&job->y, py, i, y_to);
        for (size_t l = px->from; l < px->to; l = x.to) {
            x = nni_conv_run_of(&job->x, px, l, px->to);
            const NNI_FN(conv_block) block = NNI_FN(conv_block_of)(job, unit, py, px, &y, &x);
            const NNI_FN(tiles) run = NNI_FN(conv_run)(job, py, px, &y, &x, ldb);
            NNI_FN(conv_compute)(job, &block, run, b + (y.tap * px->taps + x.tap) * job->in * ldb, group, j, width);
        }
    }
}

/* Everything that one set of taps computes of a unit; returns where the packed weights of the next set begin. */
static const float *NNI_FN(conv_phase)(const nni_conv *job, const NNI_FN(conv_unit) *unit, const nni_conv_phase *py,
                                       const nni_conv_phase *px, const float *packed) {
    const size_t panel = NNI_FN(conv_vectors)(job) * VF_LANES, taps = py->taps * px->taps;
    for (size_t g = 0; g < job->groups; g++)
        for (size_t j = 0; j < job->out; j += panel) {
            const size_t width = nni_min(panel, job->out - j), packed_width = nni_round_up(width, VF_LANES);
            const float *b = packed ? packed : job->weights + g * job->w_group + j;
            NNI_FN(conv_panel)(job, unit, py, px, b, packed ? packed_width : job->w_row, g, j, width);
            if (packed) packed += taps * job->in * packed_width;
        }
    return packed;
}

/* The activations that the tiles do not know. */
static void NNI_FN(conv_activate)(const nni_conv *job, const NNI_FN(conv_unit) *unit) {
    const size_t row = job->x.target * job->groups * job->out;
    float *y = job->target + (unit->image * job->y.target + unit->from) * row;
    const size_t n = (unit->images - 1) * job->y.target * row + (unit->to - unit->from) * row;
    NNI_FN(activate)(y, y, n, job->activation, job->slope);
}

/* Units [from, to). */
static void NNI_FN(conv)(const nni_conv *job, size_t from, size_t to) {
    for (size_t u = from; u < to; u++) {
        const NNI_FN(conv_unit) unit = NNI_FN(conv_unit_of)(job, u);
        const float *packed = job->packed;
        for (size_t ry = 0; ry < nni_conv_phases(&job->y); ry++)
            for (size_t rx = 0; rx < nni_conv_phases(&job->x); rx++) {
                const nni_conv_phase py = nni_conv_phase_of(&job->y, ry), px = nni_conv_phase_of(&job->x, rx);
                if (NNI_FN(conv_across)(job)) NNI_FN(conv_depth)(job, &unit, &py, &px);
                else packed = NNI_FN(conv_phase)(job, &unit, &py, &px, packed);
            }
        if (job->activation != NN_IDENTITY && job->activation != NN_RELU) NNI_FN(conv_activate)(job, &unit);
    }
}

#endif /* NNI_ISA */
