/* resize.h - an image, or a part of it, in another size */
#ifndef NN_IMAGE_RESIZE_H
#define NN_IMAGE_RESIZE_H

#include "image.h"

/* A rectangle of an image, in pixels from its upper left corner; its edges may lie inside pixels. */
typedef struct nn_box {
    double top, left, height, width;
} nn_box;

/* {0}, or NULL for it: bilinear with antialiasing.
 *
 * Edges meet edges: the centre of pixel i of n lies at (i + 1/2)/n of the side, as in PIL, and in OpenCV but for its nearest.
 * With antialiasing the filter (a triangle, or Keys' cubic with a = -1/2) grows with the factor of a reduction, and at the edge
 * of the image what is left of it is made to sum to 1: this is PIL's and torchvision's resize. `plain` takes two (bilinear) or
 * four pixels (a = -3/4) to a side, however much is skipped, and repeats the pixels at the edge: OpenCV's INTER_LINEAR and
 * INTER_CUBIC. NN_NEAREST takes the pixel in which the place lies. */
typedef struct nn_resize_desc {
    nn_sampling sampling;
    int plain;
    const nn_allocator *allocator;
} nn_resize_desc;

/* y = x in the size of y; of equal size, a copy. */
NN_API NN_MUST_USE nn_status nn_image_resize(nn_image y, nn_image x, const nn_resize_desc *desc);

/* y = the part of x in the box, which must lie in x, in the size of y; filters see the pixels around the box, too. */
NN_API NN_MUST_USE nn_status nn_image_resized_crop(nn_image y, nn_image x, nn_box box, const nn_resize_desc *desc);

#ifdef NN_IMPLEMENTATION

#include "../exact.h"

/* ---- the weights of one axis ---- */

typedef struct nni_resize_axis {
    double from, length; /* of the source */
    size_t inputs, outputs;
    nn_sampling sampling;
    int plain, mirrored;
} nni_resize_axis;

static double nni_resize_radius(const nni_resize_axis *a) {
    const double radius = a->sampling == NN_BICUBIC ? 2.0 : 1.0, factor = a->length / (double)a->outputs;
    return !a->plain && factor > 1.0 ? radius * factor : radius;
}

/* Pixels that an output is made of, at most. */
static size_t nni_resize_taps(const nni_resize_axis *a) {
    if (a->sampling == NN_NEAREST) return 1;
    return nni_min((size_t)ceil(2.0 * nni_resize_radius(a)), a->inputs);
}

static double nni_resize_weight(const nni_resize_axis *a, double t) {
    t = fabs(t);
    if (a->sampling != NN_BICUBIC) return t < 1.0 ? 1.0 - t : 0.0;
    const double k = a->plain ? -0.75 : -0.5;
    if (t < 1.0) return ((k + 2.0) * t - (k + 3.0)) * t * t + 1.0;
    return t < 2.0 ? ((k * t - 5.0 * k) * t + 8.0 * k) * t - 4.0 * k : 0.0;
}

/* Weights of one output, from pixel `at` on: those of pixels [begin, end), of which some may lie outside. Returns their sum. */
static double nni_resize_sum(double *sum, const nni_resize_axis *a, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t at, double centre,
                             double shrink) {
    const ptrdiff_t last = (ptrdiff_t)a->inputs - 1;
    double total = 0.0;
    for (ptrdiff_t pixel = begin; pixel < end; pixel++) {
        const ptrdiff_t inside = pixel < 0 ? 0 : pixel > last ? last : pixel;
        if (!a->plain && inside != pixel) continue;
        const double weight = nni_resize_weight(a, ((double)pixel + 0.5 - centre) * shrink);
        sum[inside - at] += weight;
        total += weight;
    }
    return total;
}

/* first[output] and weights[tap*outputs + output]; sum: room for as many doubles as there are taps. */
static void nni_resize_fill(uint32_t *first, float *weights, double *sum, const nni_resize_axis *a) {
    const double factor = a->length / (double)a->outputs, radius = nni_resize_radius(a);
    const double shrink = a->plain || factor < 1.0 ? 1.0 : 1.0 / factor;
    const ptrdiff_t taps = (ptrdiff_t)nni_resize_taps(a), most = (ptrdiff_t)a->inputs - taps, around = (ptrdiff_t)radius + 2;
    const double shift = (double)around + 0.5; /* makes places positive, so that converting them rounds down */
    for (size_t output = 0; output < a->outputs; output++) {
        const size_t i = a->mirrored ? a->outputs - 1 - output : output;
        const double centre = a->from + ((double)i + 0.5) * a->length / (double)a->outputs;
        const ptrdiff_t begin = (ptrdiff_t)(centre - radius + shift) - around,
                        end = (ptrdiff_t)(centre + radius + shift) - around;
        ptrdiff_t at = a->sampling == NN_NEAREST ? (ptrdiff_t)centre : begin;
        double total = 1.0;
        at = at < 0 ? 0 : at > most ? most : at;
        first[output] = (uint32_t)at;
        for (ptrdiff_t t = 0; t < taps; t++) sum[t] = 0.0;
        if (a->sampling == NN_NEAREST) sum[0] = 1.0;
        else total = nni_resize_sum(sum, a, begin, end - begin > taps && most > 0 ? begin + taps : end, at, centre, shrink);
        for (ptrdiff_t t = 0; t < taps; t++)
            weights[(size_t)t * a->outputs + output] = (float)(total == 1.0 ? sum[t] : sum[t] / total);
    }
}

/* ---- both axes ---- */

typedef struct nni_resize {
    nni_resize_axis across, down;
    size_t channels;
} nni_resize;

static nni_resize nni_resize_of(nn_shape y, nn_shape x, const nn_box *box, nn_sampling sampling, int plain, int flip_x,
                                int flip_y) {
    const nni_resize_axis across = {box->left, box->width, x.width, y.width, sampling, plain, flip_x};
    const nni_resize_axis down = {box->top, box->height, x.height, y.height, sampling, plain, flip_y};
    const nni_resize r = {across, down, x.channels};
    return r;
}

/* Rows of the source that the result is made of, at most. */
static size_t nni_resize_rows(const nni_resize *r) {
    return nni_min((size_t)ceil(r->down.length) + 2 * nni_resize_taps(&r->down), r->down.inputs);
}

/* Floats of the workspace: the weights of both axes; sums in double; a row of x; rows of one pass; a row of y. */
static size_t nni_resize_work(const nni_resize *r) {
    const size_t across = nni_resize_taps(&r->across), down = nni_resize_taps(&r->down);
    const size_t wide = r->across.inputs * r->channels, narrow = r->across.outputs * r->channels;
    return (across + 1) * r->across.outputs + (down + 1) * r->down.outputs + 3 * nni_max(across, down) + 2 + wide + 4 +
           (nni_resize_rows(r) + 1) * narrow;
}

/* The workspace in its parts. */
typedef struct nni_resize_parts {
    nni_taps across;
    size_t taps; /* of an output row */
    const uint32_t *first;
    const float *weights;       /* as in nni_taps */
    float *column;              /* the weights of one output row */
    float *source, *rows, *out; /* a row of x and four floats more; rows of one pass; a row of y */
    size_t top, end;            /* rows of x that are looked at */
} nni_resize_parts;

static nni_resize_parts nni_resize_prepare(const nni_resize *r, float *work) {
    const size_t across = nni_resize_taps(&r->across), down = nni_resize_taps(&r->down), most = nni_max(across, down);
    const size_t columns = r->across.outputs, rows = r->down.outputs;
    double *sum = (double *)(void *)(work + ((uintptr_t)work % sizeof(double)) / sizeof(float));
    float *column = work + 2 * most + 2, *weights_x = column + most, *weights_y = weights_x + across * columns;
    uint32_t *first_x = (uint32_t *)(void *)(weights_y + down * rows), *first_y = first_x + columns;
    float *source = (float *)(void *)(first_y + rows), *out = source + r->across.inputs * r->channels + 4;
    nni_resize_fill(first_x, weights_x, sum, &r->across);
    nni_resize_fill(first_y, weights_y, sum, &r->down);
    memset(out - 4, 0, 4 * sizeof *out);
    const size_t top = nni_min(first_y[0], first_y[rows - 1]), end = nni_max(first_y[0], first_y[rows - 1]) + down;
    const nni_resize_parts p = {{first_x, weights_x, across, columns}, down, first_y, weights_y, column, source,
                                out + columns * r->channels, out, top, end};
    return p;
}

/* Rows [from, to) of x in their new width. What is read beyond a row's end lies in the next one; the last is copied. */
static void nni_resize_across(const nni_resize_parts *p, const nn_image *x, size_t from, size_t to) {
    const size_t width = p->across.outputs * x->channels;
    for (; from < to; from++) {
        const float *row = (const float *)(const void *)nni_image_row(x, from);
        if (x->bytes || from + 1 == x->height) nni_image_load(p->source, x, from, 0, x->width * x->channels), row = p->source;
        nni_get_tier()->resize_row(p->rows + (from - p->top) * width, row, &p->across, x->channels);
    }
}

/* The sum of `taps` rows of x from row `first` on. */
static void nni_resize_down(float *y, const nn_image *x, size_t first, size_t n, const float *weights, size_t taps) {
    const nni_tier *tier = nni_get_tier();
    const char *row = nni_image_row(x, first);
    const size_t stride = nni_image_stride(x);
    if (x->bytes) tier->filter_bytes(y, (const uint8_t *)row, n, stride, weights, taps);
    else tier->filter(y, n, (const float *)(const void *)row, stride, 1, n, stride, weights, taps);
}

/* Floats to y or, if y is NULL, bytes to `image`. Nothing can fail. Where rows become fewer, columns of pixels are summed
 * first, which is cheaper; else they are second. */
static void nni_resize_run(float *y, const nn_image *image, const nn_image *x, const nni_resize *r, float *work) {
    const nni_tier *tier = nni_get_tier();
    const nni_resize_parts p = nni_resize_prepare(r, work);
    const size_t rows = r->down.outputs, narrow = r->across.outputs * r->channels, wide = x->width * x->channels;
    const int down_first = rows < p.end - p.top;
    size_t next = p.top; /* row of x */
    for (size_t i = 0; i < rows; i++) {
        const size_t row = r->down.mirrored ? rows - 1 - i : i, first = p.first[row]; /* x is read from top to bottom */
        float *to = y ? y + row * (image ? nni_image_stride(image) : narrow) : p.out;
        for (size_t t = 0; t < p.taps; t++) p.column[t] = p.weights[t * rows + row];
        next = nni_max(next, first);
        if (down_first) {
            nni_resize_down(p.source, x, first, wide, p.column, p.taps);
            tier->resize_row(to, p.source, &p.across, r->channels);
        } else {
            nni_resize_across(&p, x, next, first + p.taps);
            next = nni_max(next, first + p.taps);
            tier->filter(to, narrow, p.rows + (first - p.top) * narrow, narrow, 1, narrow, narrow, p.column, p.taps);
        }
        if (!y) nni_image_store(image, row, to, narrow);
    }
}

NN_API nn_status nn_image_resized_crop(nn_image y, nn_image x, nn_box box, const nn_resize_desc *desc) {
    const nn_resize_desc none = {NN_BILINEAR, 0, NULL}, *d = desc ? desc : &none;
    const nn_status status = nni_image_check_pair(&y, &x);
    if (status != NN_OK) return status;
    const int inside = box.top >= 0.0 && box.left >= 0.0 && box.height > 0.0 && box.width > 0.0 &&
                       box.top + box.height <= (double)x.height && box.left + box.width <= (double)x.width;
    if ((unsigned)d->sampling > NN_BICUBIC || !inside) return NN_ERROR_ARGUMENT;
    const nn_shape to = nn_shape_image(y.height, y.width, y.channels), from = nn_shape_image(x.height, x.width, x.channels);
    const nni_resize r = nni_resize_of(to, from, &box, d->sampling, d->plain, 0, 0);
    float *work = (float *)nni_alloc(d->allocator, nni_resize_work(&r), sizeof *work);
    if (!work) return NN_ERROR_MEMORY;
    nni_resize_run(y.bytes ? NULL : (float *)y.pixels, &y, &x, &r, work);
    nni_free(d->allocator, work);
    return NN_OK;
}

NN_API nn_status nn_image_resize(nn_image y, nn_image x, const nn_resize_desc *desc) {
    const nn_box all = {0.0, 0.0, (double)x.height, (double)x.width};
    const nn_status status = nni_image_check_pair(&y, &x);
    if (status != NN_OK) return status;
    if (y.height != x.height || y.width != x.width || (desc && (unsigned)desc->sampling > NN_BICUBIC))
        return nn_image_resized_crop(y, x, all, desc);
    nni_image_copy(&y, &x);
    return NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_IMAGE_RESIZE_H */
