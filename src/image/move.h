/* move.h - what moves pixels and changes none: flip, crop, pad, ten crops */
#ifndef NN_IMAGE_MOVE_H
#define NN_IMAGE_MOVE_H

#include "image.h"

/* Mirrors left and right, upper and lower side, or both (half a turn); with neither it copies. */
NN_API NN_MUST_USE nn_status nn_image_flip(nn_image y, nn_image x, int left_right, int up_down);

/* Pixel (i, j) of y is pixel (top + i, left + j) of x, and beyond the edges of x what the border says: `value` where it is
 * constant (rounded, for bytes). A smaller y is a crop, a larger one with negative offsets pads, one of equal size moves. */
NN_API NN_MUST_USE nn_status nn_image_window(nn_image y, nn_image x, ptrdiff_t top, ptrdiff_t left, nn_border border,
                                             float value);

/* The part of x of the size of y whose corner is (top, left): NN_ERROR_ARGUMENT unless it lies in x. */
NN_API NN_MUST_USE nn_status nn_image_crop(nn_image y, nn_image x, size_t top, size_t left);

/* Places of a crop; if an odd number of pixels is over, the centre is nearer to the upper left. */
typedef enum nn_place { NN_CENTRE, NN_TOP_LEFT, NN_TOP_RIGHT, NN_BOTTOM_LEFT, NN_BOTTOM_RIGHT } nn_place;
NN_API NN_MUST_USE nn_status nn_image_crop_at(nn_image y, nn_image x, nn_place place);

/* The same as nn_image_window with `top` pixels above and `left` pixels left of x; what is over of y is below and right. */
NN_API NN_MUST_USE nn_status nn_image_pad(nn_image y, nn_image x, size_t top, size_t left, nn_border border, float value);

/* For averaging predictions: the centre and the four corners of x, and the mirror images of these five, one after another at
 * y: 10 x height x width x channels values of x's type. */
NN_API NN_MUST_USE nn_status nn_image_ten_crop(void *y, nn_image x, size_t height, size_t width);

#ifdef NN_IMPLEMENTATION

/* ---- flip ---- */

/* y[i] = x[pixels-1-i], for pixels of so many bytes, of any alignment: compilers know memcpy of a constant size. */
#define NNI_REVERSE(bytes)                                                                            \
    static void nni_reverse_##bytes(char *y, const char *x, size_t pixels) {                          \
        for (size_t i = 0; i < pixels; i++) memcpy(y + bytes * i, x + bytes * (pixels - 1 - i), bytes); \
    }
NNI_REVERSE(2)
NNI_REVERSE(4)
NNI_REVERSE(8)
NNI_REVERSE(16)
#undef NNI_REVERSE

/* Eight bytes at a time, turned round in a register. */
static void nni_reverse_1(char *y, const char *x, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t eight;
        memcpy(&eight, x + n - 8 - i, sizeof eight);
        eight = __builtin_bswap64(eight);
        memcpy(y + i, &eight, sizeof eight);
    }
    for (; i < n; i++) y[i] = x[n - 1 - i];
}

/* Four bytes are loaded and stored; the fourth is put right by the next store. */
static void nni_reverse_3(char *y, const char *x, size_t pixels) {
    memcpy(y, x + 3 * (pixels - 1), 3);
    for (size_t i = 1; i + 1 < pixels; i++) memcpy(y + 3 * i, x + 3 * (pixels - 1 - i), 4);
    memcpy(y + 3 * (pixels - 1), x, 3);
}

static void nni_image_reverse_row(char *y, const char *x, const nn_image *image) {
    const size_t pixels = image->width;
    switch (image->channels * nni_image_value(image)) {
    case 1: nni_reverse_1(y, x, pixels); break;
    case 2: nni_reverse_2(y, x, pixels); break;
    case 3: nni_reverse_3(y, x, pixels); break;
    case 4: nni_reverse_4(y, x, pixels); break;
    case 8: nni_reverse_8(y, x, pixels); break;
    case 12: nni_get_tier()->reverse_3((float *)(void *)y, (const float *)(const void *)x, pixels); break;
    default: nni_reverse_16(y, x, pixels); break;
    }
}

static void nni_image_flip(const nn_image *y, const nn_image *x, int left_right, int up_down) {
    const size_t bytes = x->channels * nni_image_value(x);
    const ptrdiff_t stride = (ptrdiff_t)nni_image_stride(x);
    if (left_right && x->channels == 1 && !x->bytes) {
        const float *from = (const float *)(const void *)nni_image_row(x, up_down ? x->height - 1 : 0);
        nni_get_tier()->reverse((float *)y->pixels, nni_image_stride(y), from, up_down ? -stride : stride, x->height, x->width);
        return;
    }
    for (size_t row = 0; row < x->height; row++) {
        char *to = nni_image_row(y, row), *from = nni_image_row(x, up_down ? x->height - 1 - row : row);
        if (left_right) nni_image_reverse_row(to, from, x);
        else memcpy(to, from, x->width * bytes);
    }
}

NN_API nn_status nn_image_flip(nn_image y, nn_image x, int left_right, int up_down) {
    const nn_status status = nni_image_check_pair(&y, &x);
    if (status != NN_OK) return status;
    if (y.height != x.height || y.width != x.width) return NN_ERROR_ARGUMENT;
    nni_image_flip(&y, &x, left_right, up_down);
    return NN_OK;
}

/* ---- windows ---- */

static void nni_image_fill_row(char *to, size_t values, int bytes, float value) {
    if (bytes) {
        uint8_t byte;
        nni_get_tier()->bytes_from_floats(&byte, &value, 1, 1.0f);
        memset(to, byte, values);
    } else {
        float *at = (float *)(void *)to;
        for (size_t i = 0; i < values; i++) at[i] = value;
    }
}

/* Pixels [j, end) of a row, of which none is a plain copy. */
static void nni_image_fill_outside(char *to, const char *from, const nn_image *x, size_t j, size_t end, ptrdiff_t left,
                                   nn_border border, float value) {
    const size_t bytes = x->channels * nni_image_value(x);
    if (border == NN_BORDER_CONSTANT) {
        nni_image_fill_row(to + j * bytes, (end - j) * x->channels, x->bytes, value);
        return;
    }
    for (; j < end; j++)
        memcpy(to + j * bytes, from + nni_border_index((ptrdiff_t)j + left, x->width, border) * bytes, bytes);
}

/* x may be that part of y which it becomes: then only the border is made. */
static void nni_image_window(const nn_image *y, const nn_image *x, ptrdiff_t top, ptrdiff_t left, nn_border border,
                             float value) {
    const size_t bytes = x->channels * nni_image_value(x);
    const ptrdiff_t all = (ptrdiff_t)y->width, first = left < 0 ? -left : 0, last = (ptrdiff_t)x->width - left;
    const size_t begin = (size_t)(first < all ? first : all); /* pixels [begin, end) of a row are copied */
    const size_t end = nni_max(begin, (size_t)(last < 0 ? 0 : last < all ? last : all));
    for (size_t row = 0; row < y->height; row++) {
        const size_t source = nni_border_index((ptrdiff_t)row + top, x->height, border);
        char *to = nni_image_row(y, row);
        if (source == x->height) {
            nni_image_fill_row(to, y->width * y->channels, y->bytes, value);
            continue;
        }
        const char *from = nni_image_row(x, source);
        nni_image_fill_outside(to, from, x, 0, begin, left, border, value);
        const char *inside = from + ((ptrdiff_t)begin + left) * (ptrdiff_t)bytes;
        if (begin < end && to + begin * bytes != inside) memcpy(to + begin * bytes, inside, (end - begin) * bytes);
        nni_image_fill_outside(to, from, x, end, y->width, left, border, value);
    }
}

NN_API nn_status nn_image_window(nn_image y, nn_image x, ptrdiff_t top, ptrdiff_t left, nn_border border, float value) {
    const ptrdiff_t most = (ptrdiff_t)NNI_IMAGE_MOST;
    const nn_status status = nni_image_check_pair(&y, &x);
    if (status != NN_OK) return status;
    if ((unsigned)border > NN_BORDER_WRAP || top < -most || top > most || left < -most || left > most) return NN_ERROR_ARGUMENT;
    nni_image_window(&y, &x, top, left, border, value);
    return NN_OK;
}

NN_API nn_status nn_image_crop(nn_image y, nn_image x, size_t top, size_t left) {
    const nn_status status = nni_image_check_pair(&y, &x);
    if (status != NN_OK) return status;
    if (y.height > x.height || top > x.height - y.height || y.width > x.width || left > x.width - y.width)
        return NN_ERROR_ARGUMENT;
    nni_image_window(&y, &x, (ptrdiff_t)top, (ptrdiff_t)left, NN_BORDER_EDGE, 0.0f);
    return NN_OK;
}

NN_API nn_status nn_image_crop_at(nn_image y, nn_image x, nn_place place) {
    if (y.height > x.height || y.width > x.width || (unsigned)place > NN_BOTTOM_RIGHT) return NN_ERROR_ARGUMENT;
    const size_t bottom = x.height - y.height, right = x.width - y.width;
    if (place == NN_CENTRE) return nn_image_crop(y, x, bottom / 2, right / 2);
    return nn_image_crop(y, x, place >= NN_BOTTOM_LEFT ? bottom : 0,
                         place == NN_TOP_RIGHT || place == NN_BOTTOM_RIGHT ? right : 0);
}

NN_API nn_status nn_image_pad(nn_image y, nn_image x, size_t top, size_t left, nn_border border, float value) {
    if (x.height > y.height || top > y.height - x.height || x.width > y.width || left > y.width - x.width)
        return NN_ERROR_ARGUMENT;
    return nn_image_window(y, x, -(ptrdiff_t)top, -(ptrdiff_t)left, border, value);
}

NN_API nn_status nn_image_ten_crop(void *y, nn_image x, size_t height, size_t width) {
    nn_image to = {y, height, width, x.channels, 0, x.bytes};
    nn_status status = NN_OK;
    for (size_t i = 0; i < 5 && status == NN_OK; i++) {
        nn_image mirrored = to;
        status = nn_image_crop_at(to, x, (nn_place)i);
        if (status != NN_OK) break;
        mirrored.pixels = (char *)to.pixels + 5 * height * width * x.channels * nni_image_value(&x);
        status = nn_image_flip(mirrored, to, 1, 0);
        to.pixels = (char *)to.pixels + height * width * x.channels * nni_image_value(&x);
    }
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_IMAGE_MOVE_H */
