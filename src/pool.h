/* pool.h - the largest or the mean value of windows of an image */
#ifndef NN_POOL_H
#define NN_POOL_H

#include "status.h"

/* Images are images x height x width x channels, results images x out_height x out_width x channels. What is 0 has the
 * meaning given here. */
typedef struct nn_pool2d_desc {
    size_t images, height, width, channels;
    size_t kernel_height, kernel_width;
    size_t stride_y, stride_x;     /* 0: as the kernel, so that windows lie side by side */
    size_t dilation_y, dilation_x; /* distance of neighbours in a window; 0: 1 */
    size_t pad_top, pad_bottom, pad_left, pad_right;
    int ceil_mode;     /* also windows that reach beyond the end of the padded image, if they begin before the padding there */
    int count_padding; /* a mean is over all that lies in the padded image, padding being 0; otherwise over pixels only */
} nn_pool2d_desc;

/* The size of the result: (height + pad_top + pad_bottom - dilation_y*(kernel_height - 1) - 1)/stride_y + 1, rounded up
 * instead of down by ceil_mode, and so on. NN_ERROR_ARGUMENT if a size other than images is 0, or the kernel larger than the
 * padded image; NN_ERROR_SIZE if the arrays could not exist, or an image has more than 2^32 - 1 pixels. The functions below
 * check all this too, and on failure change nothing. */
NN_API NN_MUST_USE nn_status nn_pool2d_output(size_t *out_height, size_t *out_width, const nn_pool2d_desc *desc);

/* y is the largest pixel of each window, NaN if there is one; index, unless NULL, is where in its image that pixel is: the
 * first of the largest, or the first NaN, as row*width + column. A window without pixels gives -infinity and 2^32 - 1. */
NN_API NN_MUST_USE nn_status nn_max_pool2d(float *y, uint32_t *index, const float *x, const nn_pool2d_desc *desc);

/* dx from dy and the index of the forward pass: the sum, from 0 and in the order of outputs, of every dy whose pixel it was. */
NN_API NN_MUST_USE nn_status nn_max_pool2d_backward(float *dx, const float *dy, const uint32_t *index,
                                                    const nn_pool2d_desc *desc);

/* The mean of each window: the sum from 0 of its pixels by rows and columns, divided by their number; of no pixels, 0. */
NN_API NN_MUST_USE nn_status nn_average_pool2d(float *y, const float *x, const nn_pool2d_desc *desc);
NN_API NN_MUST_USE nn_status nn_average_pool2d_backward(float *dx, const float *dy, const nn_pool2d_desc *desc);

/* The mean of all pixels of each image: x is images x pixels x channels, y is images x channels. Summed over blocks of 64
 * pixels, and then over the blocks; of no pixels, 0. */
NN_API void nn_global_average_pool(float *y, const float *x, size_t images, size_t pixels, size_t channels);
NN_API void nn_global_average_pool_backward(float *dx, const float *dy, size_t images, size_t pixels, size_t channels);

#ifdef NN_IMPLEMENTATION

#include "alloc.h"
#include "isa.h"
#include "threads.h"

#define NNI_POOL_SHARE 150000 /* values looked at that are worth a thread */

static nn_status nni_pool_axis_of(nni_pool_axis *a, size_t length, size_t before, size_t after, size_t kernel, size_t stride,
                                  size_t dilation, int ceil_mode) {
    size_t reach;
    if (!length || !kernel) return NN_ERROR_ARGUMENT;
    a->length = length;
    a->kernel = kernel;
    a->stride = stride ? stride : kernel;
    a->dilation = nni_max(dilation, 1);
    a->pad = before;
    if (!nni_mul_size(kernel - 1, a->dilation, &reach) || __builtin_add_overflow(length, before, &a->padded) ||
        __builtin_add_overflow(a->padded, after, &a->padded) || a->padded > PTRDIFF_MAX / 16)
        return NN_ERROR_SIZE;
    if (reach >= a->padded) return NN_ERROR_ARGUMENT;
    const size_t rest = a->padded - reach - 1;
    a->outputs = rest / a->stride + 1;
    /* Rounded up there is one more, unless it would begin in the padding at the end. */
    if (ceil_mode && rest % a->stride && a->outputs <= (before + length - 1) / a->stride) a->outputs++;
    return NN_OK;
}

static int nni_pool_floats(const nni_pool *p, size_t height, size_t width) {
    size_t floats, bytes;
    return nni_mul_size(p->images, p->channels, &floats) && nni_mul_size(floats, height, &floats) &&
           nni_mul_size(floats, width, &floats) && nni_mul_size(floats, sizeof(float), &bytes) && bytes <= PTRDIFF_MAX;
}

static nn_status nni_pool_check(nni_pool *p, const nn_pool2d_desc *d) {
    if (!d) return NN_ERROR_NULL;
    if (!d->channels) return NN_ERROR_ARGUMENT;
    size_t pixels;
    nn_status status = nni_pool_axis_of(&p->y, d->height, d->pad_top, d->pad_bottom, d->kernel_height, d->stride_y,
                                        d->dilation_y, d->ceil_mode);
    if (status == NN_OK)
        status = nni_pool_axis_of(&p->x, d->width, d->pad_left, d->pad_right, d->kernel_width, d->stride_x, d->dilation_x,
                                  d->ceil_mode);
    if (status != NN_OK) return status;
    p->images = d->images;
    p->channels = d->channels;
    p->count_padding = d->count_padding;
    p->disjoint = p->y.stride > (p->y.kernel - 1) * p->y.dilation && p->x.stride > (p->x.kernel - 1) * p->x.dilation;
    if (!nni_mul_size(d->height, d->width, &pixels) || pixels > UINT32_MAX || !nni_pool_floats(p, d->height, d->width) ||
        !nni_pool_floats(p, p->y.outputs, p->x.outputs))
        return NN_ERROR_SIZE;
    return NN_OK;
}

NN_API nn_status nn_pool2d_output(size_t *out_height, size_t *out_width, const nn_pool2d_desc *desc) {
    nni_pool p;
    if (!out_height || !out_width) return NN_ERROR_NULL;
    const nn_status status = nni_pool_check(&p, desc);
    if (status != NN_OK) return status;
    *out_height = p.y.outputs;
    *out_width = p.x.outputs;
    return NN_OK;
}

/* What the threads share: rows of outputs forward, images backward. */
typedef struct nni_pool_work {
    const nni_pool *pool;
    void (*run)(const struct nni_pool_work *w, size_t from, size_t to);
    float *to;
    const float *from;
    uint32_t *index;
    const uint32_t *index_given;
    size_t count, part;
} nni_pool_work;

static void nni_pool_task(void *context, size_t i) {
    const nni_pool_work *w = (const nni_pool_work *)context;
    w->run(w, i * w->part, nni_min((i + 1) * w->part, w->count));
}

static nn_status nni_pool_run(nni_pool_work *w, const nn_pool2d_desc *desc, int backward) {
    nni_pool p;
    nn_status status = nn_isa_status();
    if (status == NN_OK) status = nni_pool_check(&p, desc);
    if (status != NN_OK || p.images == 0) return status;
    const size_t channels = p.images * p.channels; /* of all images */
    const size_t x_size = p.y.length * p.x.length * channels, y_size = p.y.outputs * p.x.outputs * channels;
    if (!w->to || !w->from) return NN_ERROR_NULL;
    const uintptr_t to = (uintptr_t)w->to, from = (uintptr_t)w->from;
    const size_t to_size = (backward ? x_size : y_size) * sizeof(float);
    const size_t from_size = (backward ? y_size : x_size) * sizeof(float);
    if (to < from + from_size && from < to + to_size) return NN_ERROR_ALIAS;
    w->pool = &p;
    w->count = backward ? p.images : p.images * p.y.outputs;
    size_t looks;
    if (!nni_mul_size(y_size, p.y.kernel * p.x.kernel, &looks)) looks = SIZE_MAX;
    w->part = nni_ceil_div(w->count, nni_threads_for(looks, NNI_POOL_SHARE));
    nni_parallel(nni_pool_task, w, nni_ceil_div(w->count, w->part));
    return NN_OK;
}

static void nni_pool_max(const nni_pool_work *w, size_t from, size_t to) {
    nni_get_tier()->max_pool(w->to, w->index, w->from, w->pool, from, to);
}
static void nni_pool_max_backward(const nni_pool_work *w, size_t from, size_t to) {
    nni_get_tier()->max_pool_backward(w->to, w->from, w->index_given, w->pool, from, to);
}
static void nni_pool_average(const nni_pool_work *w, size_t from, size_t to) {
    nni_get_tier()->average_pool(w->to, w->from, w->pool, from, to);
}
static void nni_pool_average_backward(const nni_pool_work *w, size_t from, size_t to) {
    nni_get_tier()->average_pool_backward(w->to, w->from, w->pool, from, to);
}

NN_API nn_status nn_max_pool2d(float *y, uint32_t *index, const float *x, const nn_pool2d_desc *desc) {
    nni_pool_work w = {NULL, nni_pool_max, y, x, index, NULL, 0, 0};
    return nni_pool_run(&w, desc, 0);
}
NN_API nn_status nn_max_pool2d_backward(float *dx, const float *dy, const uint32_t *index, const nn_pool2d_desc *desc) {
    nni_pool_work w = {NULL, nni_pool_max_backward, dx, dy, NULL, index, 0, 0};
    if (!index && desc && desc->images) return NN_ERROR_NULL;
    return nni_pool_run(&w, desc, 1);
}
NN_API nn_status nn_average_pool2d(float *y, const float *x, const nn_pool2d_desc *desc) {
    nni_pool_work w = {NULL, nni_pool_average, y, x, NULL, NULL, 0, 0};
    return nni_pool_run(&w, desc, 0);
}
NN_API nn_status nn_average_pool2d_backward(float *dx, const float *dy, const nn_pool2d_desc *desc) {
    nni_pool_work w = {NULL, nni_pool_average_backward, dx, dy, NULL, NULL, 0, 0};
    return nni_pool_run(&w, desc, 1);
}

typedef struct nni_pool_global {
    float *to;
    const float *from;
    size_t images, pixels, channels, part;
    int backward;
} nni_pool_global;

static void nni_pool_global_task(void *context, size_t i) {
    const nni_pool_global *w = (const nni_pool_global *)context;
    const size_t image = i * w->part, images = nni_min(w->part, w->images - image), all = w->pixels * w->channels;
    const nni_tier *tier = nni_get_tier();
    if (w->backward)
        tier->global_average_pool_backward(w->to + image * all, w->from + image * w->channels, images, w->pixels, w->channels);
    else tier->global_average_pool(w->to + image * w->channels, w->from + image * all, images, w->pixels, w->channels);
}

static void nni_pool_global_run(nni_pool_global w) {
    if (w.images == 0) return;
    w.part = nni_ceil_div(w.images, nni_threads_for(w.images * w.pixels * w.channels, NNI_POOL_SHARE));
    nni_parallel(nni_pool_global_task, &w, nni_ceil_div(w.images, w.part));
}

NN_API void nn_global_average_pool(float *y, const float *x, size_t images, size_t pixels, size_t channels) {
    const nni_pool_global w = {y, x, images, pixels, channels, 0, 0};
    nni_pool_global_run(w);
}
NN_API void nn_global_average_pool_backward(float *dx, const float *dy, size_t images, size_t pixels, size_t channels) {
    const nni_pool_global w = {dx, dy, images, pixels, channels, 0, 1};
    nni_pool_global_run(w);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_POOL_H */
