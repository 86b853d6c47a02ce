/* affine.h - translate, rotate, scale, shear, mirror: any chain of them as one resampling */
#ifndef NN_IMAGE_AFFINE_H
#define NN_IMAGE_AFFINE_H

#include "image.h"

/* An affine map, from where a pixel of the result is to where its value is found in the source. Both places are in pixels
 * from the centre of their image, x to the right and y downwards: the centres of pixels lie half a pixel inside the edges,
 * as in OpenCV and PIL.
 *     source x = xx*x + xy*y + dx        source y = yx*x + yy*y + dy */
typedef struct nn_transform {
    double xx, xy, dx, yx, yy, dy;
} nn_transform;

/* Each gives the picture that t gives, changed once more: start with nn_transform_identity(). Angles are in degrees, positive
 * turns are counter-clockwise as one sees them; multiples of 90 degrees are exact. Scales above 1 enlarge; a negative one
 * mirrors; 0 has no inverse and gives NaN, which nn_image_affine refuses. A shear of x moves rows to the right by `x` times
 * their height above the centre, one of y moves columns down by `y` times their distance right of it. */
NN_API nn_transform nn_transform_identity(void);
NN_API nn_transform nn_transform_translate(nn_transform t, double right, double down);
NN_API nn_transform nn_transform_rotate(nn_transform t, double degrees);
NN_API nn_transform nn_transform_scale(nn_transform t, double horizontally, double vertically);
NN_API nn_transform nn_transform_shear(nn_transform t, double x, double y);

/* The picture that `first` gives, changed by `then`. */
NN_API nn_transform nn_transform_compose(nn_transform first, nn_transform then);
/* What undoes t. */
NN_API nn_transform nn_transform_invert(nn_transform t);

/* The map of OpenCV's warpAffine with WARP_INVERSE_MAP: m[0]*column + m[1]*row + m[2] is the column in the source, m[3..5] the
 * row, counted from the centre of the first pixel. */
NN_API nn_transform nn_transform_from_matrix(const double m[6], nn_shape result, nn_shape source);

/* y = x as t maps it, of whatever size y is, centre on centre. A map by whole pixels copies them and is exact. Any other takes
 * sources of at most 2^23 pixels a side, and places rounded to floats: to 2^-15 of a pixel in an image of 256. */
NN_API NN_MUST_USE nn_status nn_image_affine(nn_image y, nn_image x, nn_transform t, const nn_image_desc *desc);

/* The same with displacements: dx and dy, of y's size, are added to the place in the source, in pixels. */
NN_API NN_MUST_USE nn_status nn_image_remap(nn_image y, nn_image x, nn_transform t, const float *dx, const float *dy,
                                            const nn_image_desc *desc);

#ifdef NN_IMPLEMENTATION

#include "move.h"
#include "../exact.h"

/* ---- maps ---- */

NN_API nn_transform nn_transform_identity(void) {
    const nn_transform t = {1, 0, 0, 0, 1, 0};
    return t;
}

NN_API nn_transform nn_transform_compose(nn_transform first, nn_transform then) {
    nn_transform t; /* places go the other way: by `then` first */
    t.xx = first.xx * then.xx + first.xy * then.yx;
    t.xy = first.xx * then.xy + first.xy * then.yy;
    t.dx = first.xx * then.dx + first.xy * then.dy + first.dx;
    t.yx = first.yx * then.xx + first.yy * then.yx;
    t.yy = first.yx * then.xy + first.yy * then.yy;
    t.dy = first.yx * then.dx + first.yy * then.dy + first.dy;
    return t;
}

NN_API nn_transform nn_transform_invert(nn_transform t) {
    const double determinant = t.xx * t.yy - t.xy * t.yx;
    nn_transform i;
    i.xx = t.yy / determinant;
    i.xy = -t.xy / determinant;
    i.yx = -t.yx / determinant;
    i.yy = t.xx / determinant;
    i.dx = -(i.xx * t.dx + i.xy * t.dy);
    i.dy = -(i.yx * t.dx + i.yy * t.dy);
    return i;
}

NN_API nn_transform nn_transform_translate(nn_transform t, double right, double down) {
    const nn_transform then = {1, 0, -right, 0, 1, -down};
    return nn_transform_compose(t, then);
}
NN_API nn_transform nn_transform_rotate(nn_transform t, double degrees) {
    double s, c;
    nni_exact_turn(&s, &c, remainder(degrees, 360.0) / 360.0);
    const nn_transform then = {c, -s, 0, s, c, 0};
    return nn_transform_compose(t, then);
}
NN_API nn_transform nn_transform_scale(nn_transform t, double horizontally, double vertically) {
    const nn_transform then = {1 / horizontally, 0, 0, 0, 1 / vertically, 0};
    return nn_transform_compose(t, then);
}
NN_API nn_transform nn_transform_shear(nn_transform t, double x, double y) {
    const nn_transform then = {1, -x, 0, y, 1, 0};
    return nn_transform_compose(t, nn_transform_invert(then));
}

static double nni_image_middle(size_t n) { return ((double)n - 1) / 2; }

NN_API nn_transform nn_transform_from_matrix(const double m[6], nn_shape result, nn_shape source) {
    const double column = nni_image_middle(result.width), row = nni_image_middle(result.height);
    nn_transform t = {m[0], m[1], 0, m[3], m[4], 0};
    t.dx = m[0] * column + m[1] * row + m[2] - nni_image_middle(source.width);
    t.dy = m[3] * column + m[4] * row + m[5] - nni_image_middle(source.height);
    return t;
}

/* ---- the source in its border ---- */

#define NNI_WARP_SIDE ((size_t)1 << 23) /* of a source: floats hold its places and the bounds around it */

/* Pixels that a sampling looks beyond the four around a place. */
static size_t nni_warp_reach(nn_sampling sampling) { return sampling == NN_BICUBIC ? 2 : 1; }

/* Floats of the source in its border: 2*reach - 1 pixels before it, 2*reach after it, and the last load of four. */
static size_t nni_warp_floats(size_t height, size_t width, size_t channels, nn_sampling sampling) {
    const size_t around = 4 * nni_warp_reach(sampling) - 1;
    return (height + around) * (width + around) * channels + 4;
}

static nni_fold nni_warp_fold(size_t n, size_t reach, nn_border border) {
    const float size = (float)n;
    nni_fold f = {-(float)reach, size - 1.0f + (float)reach, 0.0f, 0.0f, 0.0f, 1};
    if (n == 1) return f;
    if (border == NN_BORDER_REFLECT) f.period = 2.0f * size - 2.0f;
    if (border == NN_BORDER_SYMMETRIC) f.period = 2.0f * size, f.shift = 0.5f;
    if (border == NN_BORDER_WRAP) f.period = size, f.mirrored = 0;
    if (f.period > 0.0f) f.inverse = 1.0f / f.period;
    return f;
}

/* x with its border into work, as floats. */
static void nni_warp_source(nni_warp *w, float *work, const nn_image *x, const nn_image_desc *d) {
    const size_t reach = nni_warp_reach(d->sampling), before = 2 * reach - 1, after = 2 * reach, c = x->channels;
    const size_t width = (x->width + before + after) * c, height = x->height + before + after;
    const nn_image wide = {work, height, x->width + before + after, c, 0, 0};
    const nn_image inner = {work + (before * (x->width + before + after) + before) * c, x->height, x->width, c, width, 0};
    if (x->bytes)
        for (size_t row = 0; row < x->height; row++)
            nni_image_load((float *)(void *)nni_image_row(&inner, row), x, row, 0, x->width * c);
    nni_image_window(&wide, x->bytes ? &inner : x, -(ptrdiff_t)before, -(ptrdiff_t)before, d->border, d->value);
    memset(work + height * width, 0, 4 * sizeof *work);
    w->x = work;
    w->stride = width;
    w->channels = c;
    w->before = before;
    w->taking = d->sampling == NN_NEAREST ? NNI_TAKE_NEAREST : d->sampling == NN_BICUBIC ? NNI_TAKE_BICUBIC : NNI_TAKE_BILINEAR;
    w->across = nni_warp_fold(x->width, reach, d->border);
    w->down = nni_warp_fold(x->height, reach, d->border);
}

/* From the pixel (0, 0) of y to that of x. */
static void nni_warp_matrix(double m[6], const nn_transform *t, const nn_image *y, const nn_image *x) {
    const double column = nni_image_middle(y->width), row = nni_image_middle(y->height);
    m[0] = t->xx;
    m[1] = t->xy;
    m[2] = t->dx + nni_image_middle(x->width) - t->xx * column - t->xy * row;
    m[3] = t->yx;
    m[4] = t->yy;
    m[5] = t->dy + nni_image_middle(x->height) - t->yx * column - t->yy * row;
}

/* Whether m moves by whole pixels (not farther than any image reaches). */
static int nni_warp_is_move(const double m[6]) {
    return m[0] == 1 && m[1] == 0 && m[3] == 0 && m[4] == 1 && m[2] == floor(m[2]) && m[5] == floor(m[5]) &&
           fabs(m[2]) < 2147483647.0 && fabs(m[5]) < 2147483647.0;
}

/* Floats to y, whatever x holds; work has nni_warp_floats. Nothing can fail. */
static void nni_image_remap_floats(float *y, size_t y_stride, const nn_image *shape, const nn_image *x, const nn_transform *t,
                                   const float *dx, const float *dy, const nn_image_desc *d, float *work) {
    nni_warp w;
    nni_warp_source(&w, work, x, d);
    nni_warp_matrix(w.m, t, shape, x);
    w.dx = dx;
    w.dy = dy;
    w.rows = shape->height;
    w.columns = shape->width;
    w.y_stride = y_stride;
    nni_get_tier()->warp(y, &w);
}

static int nni_transform_finite(const nn_transform *t) {
    const double most = 1e9; /* floats that are not far from overflowing integers are refused, too */
    return fabs(t->xx) < most && fabs(t->xy) < most && fabs(t->dx) < most && fabs(t->yx) < most && fabs(t->yy) < most &&
           fabs(t->dy) < most;
}

NN_API nn_status nn_image_remap(nn_image y, nn_image x, nn_transform t, const float *dx, const float *dy,
                                const nn_image_desc *desc) {
    const nn_image_desc none = {NN_BILINEAR, NN_BORDER_CONSTANT, 0.0f, NULL}, *d = desc ? desc : &none;
    double m[6];
    nn_status status = nni_image_check_pair(&y, &x);
    if (status == NN_OK) status = nni_image_check_desc(d);
    if (status != NN_OK) return status;
    if (!nni_transform_finite(&t) || !dx != !dy) return NN_ERROR_ARGUMENT;
    nni_warp_matrix(m, &t, &y, &x);
    if (!dx && nni_warp_is_move(m)) {
        nni_image_window(&y, &x, (ptrdiff_t)m[5], (ptrdiff_t)m[2], d->border, d->value);
        return NN_OK;
    }
    const size_t source = nni_warp_floats(x.height, x.width, x.channels, d->sampling), result = y.width * y.channels;
    if (x.height > NNI_WARP_SIDE || x.width > NNI_WARP_SIDE || source > NNI_IMAGE_MOST) return NN_ERROR_SIZE;
    float *work = (float *)nni_alloc(d->allocator, source + (y.bytes ? result * y.height : 0), sizeof *work);
    if (!work) return NN_ERROR_MEMORY;
    float *to = y.bytes ? work + source : (float *)y.pixels;
    nni_image_remap_floats(to, y.bytes ? result : nni_image_stride(&y), &y, &x, &t, dx, dy, d, work);
    for (size_t row = 0; row < y.height && y.bytes; row++) nni_image_store(&y, row, to + row * result, result);
    nni_free(d->allocator, work);
    return NN_OK;
}

NN_API nn_status nn_image_affine(nn_image y, nn_image x, nn_transform t, const nn_image_desc *desc) {
    return nn_image_remap(y, x, t, NULL, NULL, desc);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_IMAGE_AFFINE_H */
