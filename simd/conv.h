/* conv.h - what a convolution is to the kernels, and the arithmetic of its padding, strides and dilation
 *
 * Forward, and the gradient by the input, are one kernel: both slide over a source image and sum products with taps. In one
 * dimension, position i reads the window (the source and what lies beyond its ends) from i*step on:
 *
 *   forward    y[i] = sum over t:  w[t] * window[i*stride + t*dilation],  where window[0] is x[-pad]
 *   backward   with q the positions of dy: dx[q*stride + r - pad] = sum over those t with t*dilation = r (mod stride):
 *              w[t] * dy[q - (t*dilation - r)/stride]
 *
 * Backward there are `stride` phases r, each a small convolution with every stride-th tap, last tap first, which writes
 * every stride-th element of dx. Forward is the same with one phase.
 */
#ifndef NN_SIMD_CONV_H
#define NN_SIMD_CONV_H

#include "../src/activation.h"
#include "../src/config.h"

#ifdef NN_IMPLEMENTATION

typedef struct nni_conv_axis {
    size_t kernel, stride, dilation, pad;
    size_t source, target; /* lengths */
    int backward;
    size_t first;     /* backward: q of position 0 */
    size_t positions; /* for which taps are summed */
    size_t step;      /* of the window, from one position to the next */
    size_t extent;    /* of the window that one position reads */
    ptrdiff_t origin; /* where the window begins in the source */
} nni_conv_axis;

/* The positions of an axis that one set of taps serves. */
typedef struct nni_conv_phase {
    size_t from, to;                   /* positions */
    ptrdiff_t target;                  /* position i computes target + i*target_step */
    size_t target_step;
    size_t window;                     /* its first tap reads window[window + i*step], the others tap_step apart */
    size_t taps, tap_step;
    size_t kernel;                     /* the first tap's place in the kernel, */
    ptrdiff_t kernel_step;             /* and from one tap to the next */
} nni_conv_phase;

/* One convolution, shared among threads by units: some images, or a band of positions of one image. */
typedef struct nni_conv {
    size_t images;
    nni_conv_axis y, x;
    size_t groups, in, out; /* channels of a group that are summed over and that are computed */
    const float *source;    /* images x y.source x x.source x groups*in */
    float *target;          /* images x y.target x x.target x groups*out */
    const float *weights;   /* tap t, p of in, j of out: weights[t*w_tap + group*w_group + p*w_row + j*w_col] */
    size_t w_tap, w_group, w_row, w_col;
    const float *packed;    /* the weights as conv_pack arranged them, or NULL */
    const float *bias;
    nn_activation activation;
    float slope;
    size_t across;          /* 1 or 4: groups of so many channels to as many, vectors may run across them; 0: others */
    int copy;               /* for dw: the window reaches beyond the source, rows are copied between zeros */
    size_t band, bands;     /* positions of y in a unit, units of an image */
    size_t together;        /* images of a unit, if an image is not cut into bands */
    size_t units;
    size_t window_floats;   /* that the copy of a unit takes */
} nni_conv;

static inline size_t nni_conv_outputs(size_t length, size_t pads, size_t kernel, size_t stride, size_t dilation) {
    return (length + pads - (kernel - 1) * dilation - 1) / stride + 1;
}

static inline nni_conv_axis nni_conv_axis_of(size_t length, size_t pad, size_t pad_after, size_t kernel, size_t stride,
                                             size_t dilation, int backward) {
    const size_t reach = (kernel - 1) * dilation, outputs = nni_conv_outputs(length, pad + pad_after, kernel, stride, dilation);
    /* With a single output every longer stride means the same, and this one is short enough to count phases. */
    if (outputs == 1) stride = nni_min(stride, length + pad + pad_after);
    nni_conv_axis a = {kernel, stride, dilation, pad, length, outputs, backward,
                       0, outputs, stride, reach + 1, -(ptrdiff_t)pad};
    if (!backward) return a;
    a.source = outputs;
    a.target = length;
    a.first = pad / stride;
    a.positions = (length - 1 + pad) / stride - a.first + 1;
    a.step = 1;
    a.extent = reach / stride + 1;
    a.origin = (ptrdiff_t)a.first - (ptrdiff_t)(reach / stride);
    return a;
}

static inline size_t nni_conv_phases(const nni_conv_axis *a) { return a->backward ? a->stride : 1; }

static inline size_t nni_conv_gcd(size_t a, size_t b) {
    while (b) {
        const size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static inline nni_conv_phase nni_conv_phase_of(const nni_conv_axis *a, size_t r) {
    nni_conv_phase p = {0, a->positions, 0, 1, 0, a->kernel, a->dilation, 0, 1};
    if (!a->backward) return p;
    const size_t gcd = nni_conv_gcd(a->stride, a->dilation), every = a->stride / gcd; /* of the taps, one is of this phase */
    const size_t end = a->target - 1 + a->pad;
    size_t least = 0;
    while (least < nni_min(every, a->kernel) && least * a->dilation % a->stride != r) least++;
    p.from = a->first * a->stride + r < a->pad;
    p.to = end < r || (end - r) / a->stride < a->first ? 0 : (end - r) / a->stride - a->first + 1;
    p.target = (ptrdiff_t)(a->first * a->stride + r) - (ptrdiff_t)a->pad;
    p.target_step = a->stride;
    p.taps = 0;
    if (least == nni_min(every, a->kernel)) return p;
    p.taps = (a->kernel - 1 - least) / every + 1;
    p.tap_step = a->dilation / gcd;
    p.kernel = least + (p.taps - 1) * every;
    p.kernel_step = -(ptrdiff_t)every;
    p.window = a->extent - 1 - (p.kernel * a->dilation - r) / a->stride;
    return p;
}

/* Neighbouring positions that have the same taps inside the source. */
typedef struct nni_conv_run {
    size_t from, to; /* positions */
    size_t tap, taps; /* the first tap inside, and how many are */
    size_t source;    /* where that tap reads at position `from`, if there is one */
} nni_conv_run;

/* The taps that position `from` has inside the source. */
static inline nni_conv_run nni_conv_taps_inside(const nni_conv_axis *a, const nni_conv_phase *p, size_t from) {
    const ptrdiff_t at = a->origin + (ptrdiff_t)(from * a->step + p->window), length = (ptrdiff_t)a->source;
    nni_conv_run run = {from, from + 1, 0, 0, 0};
    run.tap = at >= 0 ? 0 : nni_min(p->taps, nni_ceil_div((size_t)-at, p->tap_step));
    const size_t end = at >= length ? 0 : nni_min(p->taps, nni_ceil_div((size_t)(length - at), p->tap_step));
    if (end <= run.tap) return run;
    run.taps = end - run.tap;
    run.source = (size_t)(at + (ptrdiff_t)(run.tap * p->tap_step));
    return run;
}

/* The run from position `from` on, which ends at `to` at the latest. */
static inline nni_conv_run nni_conv_run_of(const nni_conv_axis *a, const nni_conv_phase *p, size_t from, size_t to) {
    nni_conv_run run = nni_conv_taps_inside(a, p, from);
    if (run.taps == p->taps && run.taps) { /* until the last tap leaves the source */
        run.to = nni_min(to, from + (a->source - 1 - run.source - (run.taps - 1) * p->tap_step) / a->step + 1);
        return run;
    }
    while (run.to < to) {
        const nni_conv_run next = nni_conv_taps_inside(a, p, run.to);
        if (next.taps != run.taps || (run.taps && next.tap != run.tap)) break;
        run.to++;
    }
    return run;
}

/* Forward, the positions for which a tap `offset` into their window lies inside the source: [*from, return value). */
static inline size_t nni_conv_positions_inside(const nni_conv_axis *a, size_t offset, size_t *from) {
    const ptrdiff_t at = a->origin + (ptrdiff_t)offset, length = (ptrdiff_t)a->source;
    *from = at >= 0 ? 0 : nni_min(a->positions, nni_ceil_div((size_t)-at, a->step));
    return at >= length ? *from : nni_max(*from, nni_min(a->positions, nni_ceil_div((size_t)(length - at), a->step)));
}

/* Pixels of a row of the window. */
static inline size_t nni_conv_window_width(const nni_conv_axis *a) { return (a->positions - 1) * a->step + a->extent; }

/* The rows of the source that positions [from, to) read: [*row, return value). */
static inline size_t nni_conv_rows(const nni_conv_axis *a, size_t from, size_t to, size_t *row) {
    const ptrdiff_t length = (ptrdiff_t)a->source, first = a->origin + (ptrdiff_t)(from * a->step);
    const ptrdiff_t last = a->origin + (ptrdiff_t)((to - 1) * a->step + a->extent);
    *row = (size_t)(first < 0 ? 0 : first > length ? length : first);
    return (size_t)(last < (ptrdiff_t)*row ? (ptrdiff_t)*row : last > length ? length : last);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_SIMD_CONV_H */
