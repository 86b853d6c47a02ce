/* image.h - an image in memory, of floats or bytes, and what lies beyond its edges */
#ifndef NN_IMAGE_H
#define NN_IMAGE_H

#include "../alloc.h"
#include "../graph/shape.h"
#include "../status.h"

/* height x width pixels of 1 to 4 channels, channels innermost; `stride` values from row to row, 0 for width*channels.
 * An image that a function reads is not written to. Result and source are of one type and number of channels, and must not
 * overlap, if nothing else is said. Bytes are computed with as floats and rounded once, to the nearest of 0..255.
 *
 * The functions on images check what they are given: NN_ERROR_NULL, NN_ERROR_ARGUMENT for sizes, types and options that do
 * not go together, NN_ERROR_STRIDE, NN_ERROR_SIZE above 2^31 - 1 values, NN_ERROR_ALIAS, and NN_ERROR_MEMORY where they need
 * a workspace. They run on the calling thread, so that many threads may each work on an image. */
typedef struct nn_image {
    void *pixels;
    size_t height, width, channels, stride;
    int bytes; /* uint8_t, else float */
} nn_image;

/* An image whose rows follow each other. */
static inline nn_image nn_image_floats(const float *pixels, nn_shape shape) {
    const nn_image image = {(void *)pixels, shape.height, shape.width, shape.channels, 0, 0};
    return image;
}
static inline nn_image nn_image_bytes(const uint8_t *pixels, nn_shape shape) {
    const nn_image image = {(void *)pixels, shape.height, shape.width, shape.channels, 0, 1};
    return image;
}

/* What is taken for pixels beyond the edge of an image  a b c d, of which  c d | is the end:
 *   CONSTANT   v v v    a value                       EDGE       d d d    the nearest pixel
 *   REFLECT    c b a    mirrored at the last pixel    SYMMETRIC  d c b    mirrored behind it    WRAP  a b c   from the start */
typedef enum nn_border { NN_BORDER_CONSTANT, NN_BORDER_EDGE, NN_BORDER_REFLECT, NN_BORDER_SYMMETRIC, NN_BORDER_WRAP } nn_border;

/* How a value between pixels is made: from the four around it, as that of the nearest pixel, or from sixteen (Keys' cubic). */
typedef enum nn_sampling { NN_BILINEAR, NN_NEAREST, NN_BICUBIC } nn_sampling;

/* How a resampling treats what it meets. {0}, or NULL for it, is bilinear with zeros outside. */
typedef struct nn_image_desc {
    nn_sampling sampling;
    nn_border border;
    float value; /* of NN_BORDER_CONSTANT, in all channels */
    const nn_allocator *allocator;
} nn_image_desc;

/* y[i] = x[i]/255, rounded once: 0 is 0 and 255 is 1. */
NN_API void nn_floats_from_bytes(float *y, const uint8_t *x, size_t n);
/* x[i]*255, rounded, to the nearest of 0..255; ties go to the even one, NaN to 0. */
NN_API void nn_bytes_from_floats(uint8_t *y, const float *x, size_t n);
/* The same between images of any strides: y is of floats and x of bytes, or the other way round; of one type, it copies. */
NN_API NN_MUST_USE nn_status nn_image_convert(nn_image y, nn_image x);

#ifdef NN_IMPLEMENTATION

#include "../isa.h"

#define NNI_IMAGE_MOST ((size_t)INT32_MAX) /* values: kernels index with 32 bits */

static inline size_t nni_image_stride(const nn_image *a) { return a->stride ? a->stride : a->width * a->channels; }
static inline size_t nni_image_value(const nn_image *a) { return a->bytes ? 1 : sizeof(float); }
static inline char *nni_image_row(const nn_image *a, size_t row) {
    return (char *)a->pixels + row * nni_image_stride(a) * nni_image_value(a);
}
/* Values from the first to the last. */
static inline size_t nni_image_span(const nn_image *a) {
    return (a->height - 1) * nni_image_stride(a) + a->width * a->channels;
}

/* Sizes first, so that no product overflows. */
static nn_status nni_image_check(const nn_image *a) {
    size_t row, span;
    if (a->channels < 1 || a->channels > 4 || !a->height || !a->width) return NN_ERROR_ARGUMENT;
    if (a->width > NNI_IMAGE_MOST) return NN_ERROR_SIZE;
    row = a->width * a->channels;
    if (a->stride && a->stride < row) return NN_ERROR_STRIDE;
    if (!nni_mul_size(a->stride ? a->stride : row, a->height, &span) || span > NNI_IMAGE_MOST) return NN_ERROR_SIZE;
    return a->pixels ? NN_OK : NN_ERROR_NULL;
}

static int nni_image_overlap(const nn_image *a, const nn_image *b) {
    const uintptr_t at = (uintptr_t)a->pixels, from = (uintptr_t)b->pixels;
    return at < from + nni_image_span(b) * nni_image_value(b) && from < at + nni_image_span(a) * nni_image_value(a);
}

/* Two images of one type and number of channels. */
static nn_status nni_image_check_pair(const nn_image *y, const nn_image *x) {
    nn_status status = nn_isa_status();
    if (status == NN_OK) status = nni_image_check(y);
    if (status == NN_OK) status = nni_image_check(x);
    if (status != NN_OK) return status;
    if (!y->bytes != !x->bytes || y->channels != x->channels) return NN_ERROR_ARGUMENT;
    return nni_image_overlap(y, x) ? NN_ERROR_ALIAS : NN_OK;
}

/* The same, and of one size; y may be x. */
static nn_status nni_image_check_same(const nn_image *y, const nn_image *x) {
    const int in_place = y->pixels == x->pixels && nni_image_stride(y) == nni_image_stride(x);
    const nn_status status = nni_image_check_pair(y, x);
    if (status != NN_OK && !(status == NN_ERROR_ALIAS && in_place)) return status;
    return y->height == x->height && y->width == x->width ? NN_OK : NN_ERROR_ARGUMENT;
}

static nn_status nni_image_check_desc(const nn_image_desc *d) {
    return (unsigned)d->sampling <= NN_BICUBIC && (unsigned)d->border <= NN_BORDER_WRAP ? NN_OK : NN_ERROR_ARGUMENT;
}

static void nni_image_copy(const nn_image *y, const nn_image *x) {
    const size_t bytes = x->width * x->channels * nni_image_value(x);
    for (size_t row = 0; row < x->height; row++) memcpy(nni_image_row(y, row), nni_image_row(x, row), bytes);
}

/* Values of a row as floats, and back; bytes keep their scale. */
static void nni_image_load(float *to, const nn_image *x, size_t row, size_t from, size_t n) {
    const char *at = nni_image_row(x, row);
    if (x->bytes) nni_get_tier()->floats_from_bytes(to, (const uint8_t *)at + from, n, 1.0f);
    else memcpy(to, (const float *)(const void *)at + from, n * sizeof *to);
}
static void nni_image_store(const nn_image *y, size_t row, const float *from, size_t n) {
    char *at = nni_image_row(y, row);
    if (y->bytes) nni_get_tier()->bytes_from_floats((uint8_t *)at, from, n, 1.0f);
    else memcpy(at, from, n * sizeof *from);
}

/* Where the pixel i of an axis of n really is; n itself stands for the constant. */
static size_t nni_border_index(ptrdiff_t i, size_t n, nn_border border) {
    const ptrdiff_t m = (ptrdiff_t)n;
    ptrdiff_t period = m;
    if (i >= 0 && i < m) return (size_t)i;
    if (border == NN_BORDER_CONSTANT) return n;
    if (border == NN_BORDER_EDGE || n == 1) return i < 0 ? 0 : n - 1;
    if (border == NN_BORDER_REFLECT) period = 2 * m - 2;
    if (border == NN_BORDER_SYMMETRIC) period = 2 * m;
    i %= period;
    if (i < 0) i += period;
    return (size_t)(i < m ? i : border == NN_BORDER_REFLECT ? period - i : period - 1 - i);
}

NN_API void nn_floats_from_bytes(float *y, const uint8_t *x, size_t n) { nni_get_tier()->floats_from_bytes(y, x, n, 255.0f); }
NN_API void nn_bytes_from_floats(uint8_t *y, const float *x, size_t n) { nni_get_tier()->bytes_from_floats(y, x, n, 255.0f); }

NN_API nn_status nn_image_convert(nn_image y, nn_image x) {
    nn_status status = nn_isa_status();
    if (status == NN_OK) status = nni_image_check(&y);
    if (status == NN_OK) status = nni_image_check(&x);
    if (status != NN_OK) return status;
    if (y.height != x.height || y.width != x.width || y.channels != x.channels) return NN_ERROR_ARGUMENT;
    if (nni_image_overlap(&y, &x)) return NN_ERROR_ALIAS;
    if (!y.bytes == !x.bytes) {
        nni_image_copy(&y, &x);
        return NN_OK;
    }
    for (size_t row = 0; row < x.height; row++) {
        char *to = nni_image_row(&y, row), *from = nni_image_row(&x, row);
        if (x.bytes) nn_floats_from_bytes((float *)(void *)to, (const uint8_t *)from, x.width * x.channels);
        else nn_bytes_from_floats((uint8_t *)to, (const float *)(const void *)from, x.width * x.channels);
    }
    return NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_IMAGE_H */
