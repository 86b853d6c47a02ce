/* conv.h - two-dimensional convolution and its gradients */
#ifndef NN_CONV_H
#define NN_CONV_H

#include "activation.h"
#include "alloc.h"
#include "status.h"

/* Images are images x height x width x channels, the channel being the index that moves fastest; weights are
 * kernel_height x kernel_width x channels/groups x filters, the filters of group g being columns g*filters/groups and the
 * following; the result is images x out_height x out_width x filters. What is 0 or NULL has the meaning given here. */
typedef struct nn_conv2d_desc {
    size_t images, height, width, channels;
    size_t filters, kernel_height, kernel_width;
    size_t stride_y, stride_x;     /* 0: 1 */
    size_t dilation_y, dilation_x; /* distance of neighbouring taps; 0: 1 */
    size_t pad_top, pad_bottom, pad_left, pad_right; /* rows and columns of zeros around the image */
    size_t groups;                 /* 0: 1; as many as channels and filters: each channel by itself */
    nn_activation activation;      /* of the result, after the bias */
    float slope;                   /* of NN_LEAKY_RELU and NN_ELU */
    const nn_allocator *allocator; /* for the workspace; NULL: malloc */
} nn_conv2d_desc;

/* The size of the result: (height + pad_top + pad_bottom - dilation_y*(kernel_height - 1) - 1)/stride_y + 1, and so on.
 * NN_ERROR_ARGUMENT if something is 0 that may not be (all but images may not), if groups does not divide channels and
 * filters, or if the kernel is larger than the padded image; NN_ERROR_SIZE if the arrays could not exist. The functions
 * below check all this too. */
NN_API NN_MUST_USE nn_status nn_conv2d_output(size_t *out_height, size_t *out_width, const nn_conv2d_desc *desc);

/* y = activation(conv(x, w) + bias); bias has `filters` floats or is NULL. No image does nothing.
 *
 * The bits: each element is one chain of fused multiply-adds over kernel row, kernel column and channel in increasing order
 * that starts at 0, then bias and activation. Taps outside the image are left out.
 *
 * On failure nothing is changed. Memory is taken at most once in a call, and given back before it returns. */
NN_API NN_MUST_USE nn_status nn_conv2d(float *y, const float *x, const float *w, const float *bias, const nn_conv2d_desc *desc);

/* dx from dy; the activation is not looked at: nn_activate_backward comes first. Each element is one chain over those rows
 * and columns of dy that it had a part in, and their filters, in increasing order. */
NN_API NN_MUST_USE nn_status nn_conv2d_backward_input(float *dx, const float *dy, const float *w, const nn_conv2d_desc *desc);

/* dw from x and dy, added to what is there if `accumulate`. Each element is one chain over images, rows and columns of dy
 * in increasing order that starts at what was there, or at 0; taps above and below the image are left out, those to its left
 * and right are products of dy with 0. The gradient of the bias are the sums of the columns of dy. */
NN_API NN_MUST_USE nn_status nn_conv2d_backward_weights(float *dw, const float *x, const float *dy, int accumulate,
                                                        const nn_conv2d_desc *desc);

/* Bytes that each of the three functions above asks the allocator for at most, with the instruction set and the number of
 * threads now in use; 0 for what nn_conv2d_output refuses. */
NN_API size_t nn_conv2d_workspace(const nn_conv2d_desc *desc);

#ifdef NN_IMPLEMENTATION

#include "gemm.h"
#include "isa.h"
#include "threads.h"

#define NNI_CONV_SHARE 4500000 /* multiply-adds worth a thread, as in a product */
#define NNI_CONV_UNIT 131072   /* floats of a unit's part of the source: with its outputs it stays in L2 */

/* A description with nothing left to guess, and its sizes. */
typedef struct nni_conv_shape {
    nn_conv2d_desc d;
    size_t out_height, out_width;
    size_t in, out;           /* channels and filters of a group */
    size_t x_size, y_size, w_size, macs;
    int product;              /* of matrices: the kernel covers the image */
} nni_conv_shape;

static nn_status nni_conv_length(size_t *outputs, size_t length, size_t before, size_t after, size_t kernel, size_t stride,
                                 size_t dilation) {
    size_t reach, padded;
    if (!nni_mul_size(kernel - 1, dilation, &reach) || __builtin_add_overflow(length, before, &padded) ||
        __builtin_add_overflow(padded, after, &padded) || padded > PTRDIFF_MAX / 16)
        return NN_ERROR_SIZE;
    if (reach >= padded) return NN_ERROR_ARGUMENT;
    *outputs = nni_conv_outputs(length, before + after, kernel, stride, dilation);
    return NN_OK;
}

/* a*b*c*d floats, which must be a possible array. */
static int nni_conv_floats(size_t *floats, size_t a, size_t b, size_t c, size_t d) {
    size_t bytes;
    return nni_mul_size(a, b, floats) && nni_mul_size(*floats, c, floats) && nni_mul_size(*floats, d, floats) &&
           nni_mul_size(*floats, sizeof(float), &bytes) && bytes <= PTRDIFF_MAX;
}

/* A kernel that covers the image is a matrix, and the image a row of a matrix. */
static void nni_conv_simplify(nni_conv_shape *s) {
    nn_conv2d_desc *d = &s->d;
    const int dense = (d->dilation_y == 1 || d->kernel_height == 1) && (d->dilation_x == 1 || d->kernel_width == 1);
    if (d->pad_top || d->pad_bottom || d->pad_left || d->pad_right) return;
    if (d->groups == 1 && d->kernel_height == d->height && d->kernel_width == d->width && dense) {
        s->product = 1;
        s->in = d->channels = d->height * d->width * d->channels;
        d->height = d->width = 1;
    }
}

static nn_status nni_conv_check(nni_conv_shape *s, const nn_conv2d_desc *desc) {
    if (!desc) return NN_ERROR_NULL;
    s->d = *desc;
    nn_conv2d_desc *d = &s->d;
    d->stride_y = nni_max(d->stride_y, 1);
    d->stride_x = nni_max(d->stride_x, 1);
    d->dilation_y = nni_max(d->dilation_y, 1);
    d->dilation_x = nni_max(d->dilation_x, 1);
    d->groups = nni_max(d->groups, 1);
    if (!d->height || !d->width || !d->channels || !d->filters || !d->kernel_height || !d->kernel_width)
        return NN_ERROR_ARGUMENT;
    if (d->channels % d->groups || d->filters % d->groups || (unsigned)d->activation >= NN_ACTIVATION_COUNT)
        return NN_ERROR_ARGUMENT;
    nn_status status = nni_conv_length(&s->out_height, d->height, d->pad_top, d->pad_bottom, d->kernel_height, d->stride_y,
                                       d->dilation_y);
    if (status == NN_OK)
        status = nni_conv_length(&s->out_width, d->width, d->pad_left, d->pad_right, d->kernel_width, d->stride_x,
                                 d->dilation_x);
    if (status != NN_OK) return status;
    s->in = d->channels / d->groups;
    s->out = d->filters / d->groups;
    size_t window;
    if (!nni_conv_floats(&s->x_size, d->images, d->height, d->width, d->channels) ||
        !nni_conv_floats(&s->y_size, d->images, s->out_height, s->out_width, d->filters) ||
        !nni_conv_floats(&s->w_size, d->kernel_height, d->kernel_width, s->in, d->filters) ||
        !nni_conv_floats(&window, d->height + d->pad_top + d->pad_bottom, d->width + d->pad_left + d->pad_right,
                         nni_max(d->channels, d->filters), 16))
        return NN_ERROR_SIZE;
    if (!nni_mul_size(s->y_size, d->kernel_height * d->kernel_width * s->in, &s->macs)) s->macs = SIZE_MAX;
    s->product = 0;
    nni_conv_simplify(s);
    return NN_OK;
}

NN_API nn_status nn_conv2d_output(size_t *out_height, size_t *out_width, const nn_conv2d_desc *desc) {
    nni_conv_shape s;
    if (!out_height || !out_width) return NN_ERROR_NULL;
    const nn_status status = nni_conv_check(&s, desc);
    if (status != NN_OK) return status;
    *out_height = s.out_height;
    *out_width = s.out_width;
    return NN_OK;
}

/* ---- by a product ---- */

typedef enum nni_conv_pass { NNI_CONV_FORWARD, NNI_CONV_INPUT, NNI_CONV_WEIGHTS } nni_conv_pass;

/* The product of a pass: images x channels times channels x filters forward, and its gradients. */
static nni_gemm nni_conv_product(const nni_conv_shape *s, nni_conv_pass pass, float *c, const float *a, const float *b) {
    const size_t images = s->d.images, in = s->d.channels, out = s->d.filters;
    nni_gemm g = {images, out, in, 1.0f, 0.0f, a, in, 1, b, out, 1, NULL, c, out, 0, NULL, 1, NN_IDENTITY, 0.0f};
    if (pass == NNI_CONV_INPUT) {
        g.n = g.ldc = in;
        g.k = g.a_row = out;
        g.b_row = 1;
        g.b_col = out;
    } else if (pass == NNI_CONV_WEIGHTS) {
        g.m = in;
        g.k = images;
        g.a_row = 1;
        g.a_col = in;
    }
    return g;
}

/* Floats that nni_gemm_multiply takes from the allocator at most. */
static size_t nni_conv_product_floats(const nni_gemm *g) {
    nni_gemm_job job;
    size_t most = 0;
    job.tier = nni_get_tier();
    job.whole = g;
    const size_t parts = nni_gemm_share(&job);
    for (size_t i = 0; i < parts; i++) { /* as nni_gemm_part, but there are no arrays yet */
        nni_gemm part = *g;
        part.m = nni_min(job.rows, g->m - i / job.across * job.rows);
        part.n = nni_min(job.cols, g->n - i % job.across * job.cols);
        most = nni_max(most, nni_round_up(job.tier->gemm_workspace(&part), 16));
    }
    return parts == 1 && most <= NNI_STACK_WORK ? 0 : parts * most;
}

/* ---- by units ---- */

/* Cuts the images into units that fit the cache: as large as that for one thread, as many and alike for each of several. */
static void nni_conv_cut(nni_conv *job, size_t threads) {
    const nni_conv_axis *y = &job->y;
    const size_t row = nni_conv_window_width(&job->x) * job->groups * job->in, image = y->source * row;
    job->together = job->bands = 1;
    job->band = y->positions;
    if (image <= NNI_CONV_UNIT && (job->images >= 4 * threads || job->images % threads == 0)) {
        const size_t most = NNI_CONV_UNIT / image, units = nni_round_up(nni_ceil_div(job->images, most), threads);
        job->together = nni_max(1, threads == 1 ? nni_min(most, job->images) : nni_ceil_div(job->images, units));
    } else {
        const size_t rows = nni_max(NNI_CONV_UNIT / row, 2 * y->extent), most = nni_min((rows - y->extent) / y->step + 1, y->positions);
        const size_t few = job->images < 4 * threads ? threads : 1, bands = nni_round_up(nni_ceil_div(y->positions, most), few);
        job->band = threads == 1 ? most : nni_ceil_div(y->positions, bands);
        job->bands = nni_ceil_div(y->positions, job->band);
    }
    job->units = nni_ceil_div(job->images, job->together) * job->bands;
    const size_t rows = nni_min(y->source, (job->band - 1) * y->step + y->extent);
    job->window_floats = job->copy ? nni_round_up(job->together * rows * row, 16) : 0;
}

/* A kernel of 1x1 sees no difference between an image and one long row of it, whose outputs fill more tiles. */
static nn_conv2d_desc nni_conv_long_rows(const nn_conv2d_desc *d) {
    nn_conv2d_desc row = *d;
    const int pads = d->pad_top || d->pad_bottom || d->pad_left || d->pad_right;
    if (d->kernel_height > 1 || d->kernel_width > 1 || d->stride_y > 1 || d->stride_x > 1 || pads) return row;
    row.width *= row.height;
    row.height = 1;
    return row;
}

static nni_conv nni_conv_job(const nni_conv_shape *s, nni_conv_pass pass, float *target, const float *source, const float *w,
                             size_t threads) {
    const int backward = pass == NNI_CONV_INPUT, long_rows = pass != NNI_CONV_WEIGHTS && s->d.images >= threads;
    const nn_conv2d_desc rows = nni_conv_long_rows(&s->d), *d = long_rows ? &rows : &s->d;
    nni_conv job;
    memset(&job, 0, sizeof job);
    job.images = d->images;
    job.y = nni_conv_axis_of(d->height, d->pad_top, d->pad_bottom, d->kernel_height, d->stride_y, d->dilation_y, backward);
    job.x = nni_conv_axis_of(d->width, d->pad_left, d->pad_right, d->kernel_width, d->stride_x, d->dilation_x, backward);
    job.groups = d->groups;
    job.in = backward ? s->out : s->in;
    job.out = backward ? s->in : s->out;
    job.source = source;
    job.target = target;
    job.weights = w;
    job.w_tap = s->in * d->filters;
    job.w_group = s->out;
    job.w_row = backward ? 1 : d->filters;
    job.w_col = backward ? d->filters : 1;
    job.activation = NN_IDENTITY;
    job.across = d->groups > 1 && s->in == s->out && (s->in == 1 || s->in == 4) ? s->in : 0;
    job.copy = !backward && (job.x.pad > 0 || nni_conv_window_width(&job.x) > job.x.source);
    nni_conv_cut(&job, threads);
    return job;
}

/* What the threads share: each computes some units, or some rows of dw. */
typedef struct nni_conv_work {
    const nni_tier *tier;
    const nni_conv *job;
    float *dw;
    const float *dy;
    size_t count, part;    /* units or rows, and how many of them a thread computes */
    float *work;
    size_t work_each;
} nni_conv_work;

static void nni_conv_task(void *context, size_t i) {
    const nni_conv_work *w = (const nni_conv_work *)context;
    const size_t from = i * w->part, to = nni_min(from + w->part, w->count);
    float *work = w->work_each ? w->work + i * w->work_each : NULL;
    if (w->dw) w->tier->conv_weights(w->job, w->dw, w->dy, from, to, work);
    else w->tier->conv(w->job, from, to);
}

/* How many threads take part in a pass and what each needs. */
static size_t nni_conv_plan(nni_conv_work *w, const nni_conv *job, const nni_conv_shape *s, int weights) {
    const size_t threads = nni_threads_for(s->macs, NNI_CONV_SHARE);
    w->tier = nni_get_tier();
    w->job = job;
    w->dw = NULL;
    w->dy = NULL;
    w->count = weights ? s->w_size / s->d.filters : job->units;
    w->part = nni_max(1, nni_ceil_div(w->count, threads));
    if (weights && job->across) w->part = nni_round_up(w->part, job->across); /* the rows of a tap stay together */
    w->work_each = weights ? job->window_floats + nni_round_up(w->tier->conv_weights_work(job), 16) : 0;
    return nni_ceil_div(w->count, w->part);
}

static nn_status nni_conv_run_units(const nni_conv_shape *s, nni_conv *job) {
    nni_conv_work w;
    const size_t parts = nni_conv_plan(&w, job, s, 0), floats = w.tier->conv_packed(job);
    float *packed = NULL;
    if (floats) {
        packed = (float *)nni_alloc(s->d.allocator, floats, sizeof *packed);
        if (!packed) return NN_ERROR_MEMORY;
        w.tier->conv_pack(packed, job);
        job->packed = packed;
    }
    nni_parallel(nni_conv_task, &w, parts);
    nni_free(s->d.allocator, packed);
    return NN_OK;
}

static nn_status nni_conv_run_weights(const nni_conv_shape *s, const nni_conv *job, float *dw, const float *dy,
                                      int accumulate) {
    nni_conv_work w;
    const size_t parts = nni_conv_plan(&w, job, s, 1), floats = parts * w.work_each;
    w.dw = dw;
    w.dy = dy;
    w.work = NULL;
    if (floats) {
        w.work = (float *)nni_alloc(s->d.allocator, floats, sizeof *w.work);
        if (!w.work) return NN_ERROR_MEMORY;
    }
    if (!accumulate) memset(dw, 0, s->w_size * sizeof *dw);
    nni_parallel(nni_conv_task, &w, parts);
    nni_free(s->d.allocator, w.work);
    return NN_OK;
}

/* Whether the output shares a float with an input; a NULL input shares none. */
static int nni_overlap(const float *x, size_t x_size, const float *y, size_t y_size) {
    const uintptr_t xb = (uintptr_t)x, yb = (uintptr_t)y;
    return x && y && xb < yb + y_size * sizeof(float) && yb < xb + x_size * sizeof(float);
}

/* What all three functions check. */
static nn_status nni_conv_begin(nni_conv_shape *s, const nn_conv2d_desc *desc) {
    const nn_status status = nn_isa_status();
    return status != NN_OK ? status : nni_conv_check(s, desc);
}

NN_API nn_status nn_conv2d(float *y, const float *x, const float *w, const float *bias, const nn_conv2d_desc *desc) {
    nni_conv_shape s;
    const nn_status status = nni_conv_begin(&s, desc);
    if (status != NN_OK || s.d.images == 0) return status;
    if (!y || !x || !w) return NN_ERROR_NULL;
    if (nni_overlap(y, s.y_size, x, s.x_size) || nni_overlap(y, s.y_size, w, s.w_size) ||
        nni_overlap(y, s.y_size, bias, s.d.filters))
        return NN_ERROR_ALIAS;
    if (s.product) {
        nni_gemm g = nni_conv_product(&s, NNI_CONV_FORWARD, y, x, w);
        g.bias = bias;
        g.activation = s.d.activation;
        g.slope = s.d.slope;
        return nni_gemm_multiply(&g, s.d.allocator);
    }
    nni_conv job = nni_conv_job(&s, NNI_CONV_FORWARD, y, x, w, nni_threads_for(s.macs, NNI_CONV_SHARE));
    job.bias = bias;
    job.activation = s.d.activation;
    job.slope = s.d.slope;
    return nni_conv_run_units(&s, &job);
}

NN_API nn_status nn_conv2d_backward_input(float *dx, const float *dy, const float *w, const nn_conv2d_desc *desc) {
    nni_conv_shape s;
    const nn_status status = nni_conv_begin(&s, desc);
    if (status != NN_OK || s.d.images == 0) return status;
    if (!dx || !dy || !w) return NN_ERROR_NULL;
    if (nni_overlap(dx, s.x_size, dy, s.y_size) || nni_overlap(dx, s.x_size, w, s.w_size)) return NN_ERROR_ALIAS;
    if (s.product) {
        const nni_gemm g = nni_conv_product(&s, NNI_CONV_INPUT, dx, dy, w);
        return nni_gemm_multiply(&g, s.d.allocator);
    }
    nni_conv job = nni_conv_job(&s, NNI_CONV_INPUT, dx, dy, w, nni_threads_for(s.macs, NNI_CONV_SHARE));
    return nni_conv_run_units(&s, &job);
}

NN_API nn_status nn_conv2d_backward_weights(float *dw, const float *x, const float *dy, int accumulate,
                                            const nn_conv2d_desc *desc) {
    nni_conv_shape s;
    const nn_status status = nni_conv_begin(&s, desc);
    if (status != NN_OK) return status;
    if (!dw || (s.d.images && (!x || !dy))) return NN_ERROR_NULL;
    if (nni_overlap(dw, s.w_size, x, s.x_size) || nni_overlap(dw, s.w_size, dy, s.y_size)) return NN_ERROR_ALIAS;
    if (s.product) {
        nni_gemm g = nni_conv_product(&s, NNI_CONV_WEIGHTS, dw, x, dy);
        g.beta = accumulate ? 1.0f : 0.0f;
        return nni_gemm_multiply(&g, s.d.allocator);
    }
    const nni_conv job = nni_conv_job(&s, NNI_CONV_WEIGHTS, NULL, x, NULL, 1);
    return nni_conv_run_weights(&s, &job, dw, dy, accumulate);
}

/* ---- the size of the workspace ---- */

static size_t nni_conv_product_most(const nni_conv_shape *s) {
    size_t most = 0;
    for (int pass = 0; pass < 3; pass++) {
        const nni_gemm g = nni_conv_product(s, (nni_conv_pass)pass, NULL, NULL, NULL);
        most = nni_max(most, nni_conv_product_floats(&g));
    }
    return most;
}

static size_t nni_conv_units_most(const nni_conv_shape *s) {
    size_t most = 0;
    for (int pass = 0; pass < 3; pass++) {
        const int weights = pass == NNI_CONV_WEIGHTS;
        const size_t threads = weights ? 1 : nni_threads_for(s->macs, NNI_CONV_SHARE);
        const nni_conv job = nni_conv_job(s, (nni_conv_pass)pass, NULL, NULL, NULL, threads);
        nni_conv_work w;
        const size_t parts = nni_conv_plan(&w, &job, s, weights);
        most = nni_max(most, weights ? parts * w.work_each : w.tier->conv_packed(&job));
    }
    return most;
}

NN_API size_t nn_conv2d_workspace(const nn_conv2d_desc *desc) {
    nni_conv_shape s;
    if (nni_conv_check(&s, desc) != NN_OK) return 0;
    const size_t floats = s.product ? nni_conv_product_most(&s) : nni_conv_units_most(&s);
    return floats ? floats * sizeof(float) + NNI_ALIGNMENT + sizeof(void *) : 0;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_CONV_H */
