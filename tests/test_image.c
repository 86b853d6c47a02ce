/* test_image.c - images: resampling against OpenCV, SciPy, PIL and double arithmetic; moves, values, noise; every error */
#include "golden.h"

#include <stdlib.h>

enum { MOST = 60000 };

#define TOL_WARP 5e-5   /* places are floats: an error of some 1e-5 pixels, times differences of at most 2 */
#define TOL_RESIZE 2e-6 /* weights rounded to floats */

static float *x_end, *y_end, *z_end;
static const char *const borders[] = {"constant", "edge", "reflect", "symmetric", "wrap"};
static const char *const samplings[] = {"bilinear", "nearest", "bicubic"};

static nn_image floats(float *p, size_t h, size_t w, size_t c, size_t stride) {
    const nn_image image = {p, h, w, c, stride, 0};
    return image;
}
static nn_image bytes(uint8_t *p, size_t h, size_t w, size_t c, size_t stride) {
    const nn_image image = {p, h, w, c, stride, 1};
    return image;
}
static size_t span(const nn_image *a) {
    return (a->height - 1) * (a->stride ? a->stride : a->width * a->channels) + a->width * a->channels;
}
static float value_at(const nn_image *a, size_t i, size_t j, size_t c) {
    const size_t at = i * (a->stride ? a->stride : a->width * a->channels) + j * a->channels + c;
    return a->bytes ? (float)((const uint8_t *)a->pixels)[at] : ((const float *)a->pixels)[at];
}

/* Pixel i of an axis of n, followed step by step through the border; -1 is the constant. */
static ptrdiff_t border_of(ptrdiff_t i, ptrdiff_t n, nn_border border) {
    while (i < 0 || i >= n) {
        if (border == NN_BORDER_CONSTANT) return -1;
        if (border == NN_BORDER_EDGE || n == 1) return i < 0 ? 0 : n - 1;
        if (border == NN_BORDER_WRAP) i += i < 0 ? n : -n;
        else if (border == NN_BORDER_REFLECT) i = i < 0 ? -i : 2 * (n - 1) - i;
        else i = i < 0 ? -1 - i : 2 * n - 1 - i;
    }
    return i;
}
static double pixel_of(const nn_image *x, double row, double column, size_t c, const nn_image_desc *d) {
    const ptrdiff_t i = border_of((ptrdiff_t)row, (ptrdiff_t)x->height, d->border),
                    j = border_of((ptrdiff_t)column, (ptrdiff_t)x->width, d->border);
    return i < 0 || j < 0 ? (double)d->value : (double)value_at(x, (size_t)i, (size_t)j, c);
}
static double keys(double t, double a) {
    t = fabs(t);
    return t < 1 ? ((a + 2) * t - (a + 3)) * t * t + 1 : t < 2 ? a * (((t - 5) * t + 8) * t - 4) : 0;
}
static double sampled(const nn_image *x, double sx, double sy, size_t c, const nn_image_desc *d) {
    const double j = floor(sx), i = floor(sy);
    double sum = 0;
    if (d->sampling == NN_NEAREST) return pixel_of(x, floor(sy + 0.5), floor(sx + 0.5), c, d);
    for (int r = -1; r < 3; r++)
        for (int k = -1; k < 3; k++) {
            const double u = sy - (i + r), v = sx - (j + k);
            const double weight =
                d->sampling == NN_BICUBIC ? keys(u, -0.75) * keys(v, -0.75) : fmax(0, 1 - fabs(u)) * fmax(0, 1 - fabs(v));
            if (weight != 0) sum += weight * pixel_of(x, i + r, j + k, c, d);
        }
    return sum;
}

/* ---- golden files ---- */

static void golden_maps(const char *family, size_t x_h, size_t x_w, size_t c, size_t h, size_t w, float value) {
    char name[64];
    size_t n;
    static float y[4000], first[4000];
    const float *m = golden(*family == 'o' ? "opencv.m" : "scipy.m", &n);
    const double matrix[6] = {(double)m[0], (double)m[1], (double)m[2], (double)m[3], (double)m[4], (double)m[5]};
    const nn_transform t = nn_transform_from_matrix(matrix, nn_shape_image(h, w, c), nn_shape_image(x_h, x_w, c));
    for (int s = 0; s < 3; s++)
        for (int b = 0; b < 5; b++) {
            if ((*family == 'o' && s == NN_NEAREST) || (*family == 's' && s == NN_BICUBIC)) continue;
            const nn_image_desc d = {.sampling = (nn_sampling)s, .border = (nn_border)b, .value = value};
            snprintf(name, sizeof name, *family == 'o' ? "opencv.%zu.x" : "scipy.x", c);
            const nn_image x = floats((float *)golden(name, NULL), x_h, x_w, c, 0);
            if (*family == 'o') snprintf(name, sizeof name, "opencv.%zu.%s.%s", c, samplings[s], borders[b]);
            else snprintf(name, sizeof name, "scipy.%s.%s", samplings[s], borders[b]);
            for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
                test_case("%s", name);
                CHECK(nn_image_affine(floats(y, h, w, c, 0), x, t, &d) == NN_OK);
                if (isa == best) CHECK(golden_close(y, name, *family == 'o' ? 2e-6 : 1e-5)), memcpy(first, y, sizeof y);
                CHECK(first_difference(first, y, h * w * c) == h * w * c);
            }
        }
}

static void golden_remap(void) {
    float y[7 * 9 * 3];
    const nn_image x = floats((float *)golden("opencv.3.x", NULL), 7, 9, 3, 0);
    test_case("remap");
    CHECK(nn_image_remap(floats(y, 7, 9, 3, 0), x, nn_transform_identity(), golden("opencv.dx", NULL),
                         golden("opencv.dy", NULL), NULL) == NN_OK);
    CHECK(golden_close(y, "opencv.remap", 2e-6));
}

static void golden_resize(size_t c, size_t h, size_t w) {
    char name[64];
    static float y[4000];
    snprintf(name, sizeof name, "resize.%zu.x", c);
    const nn_image x = floats((float *)golden(name, NULL), 11, 14, c, 0);
    for (int plain = 0; plain < 2; plain++)
        for (int s = 0; s < 3; s++) {
            const nn_resize_desc d = {.sampling = (nn_sampling)s, .plain = plain};
            if (plain && s == NN_NEAREST) continue;
            snprintf(name, sizeof name, "resize.%zu.%s%s.%zu", c, plain ? "plain." : "", samplings[s], h);
            test_case("%s", name);
            CHECK(nn_image_resize(floats(y, h, w, c, 0), x, &d) == NN_OK);
            CHECK(golden_close(y, name, TOL_RESIZE));
        }
}

static void golden_bytes(void) {
    size_t n;
    uint8_t x[13 * 10 * 3], y[17 * 20 * 3];
    const nn_resize_desc plain = {.plain = 1};
    const float *from = golden("bytes.x", &n);
    for (size_t i = 0; i < n; i++) x[i] = (uint8_t)from[i];
    for (int opencv = 0; opencv < 2; opencv++) {
        const char *name = opencv ? "bytes.opencv" : "bytes.pil";
        const float *want = golden(name, &n);
        double worst = 0;
        test_case("%s", name);
        CHECK(nn_image_resize(opencv ? bytes(y, 20, 17, 3, 0) : bytes(y, 5, 7, 3, 0), bytes(x, 13, 10, 3, 0),
                              opencv ? &plain : NULL) == NN_OK);
        for (size_t i = 0; i < n; i++) worst = fmax(worst, fabs((double)y[i] - (double)want[i]));
        CHECK(worst <= 1); /* both round between the passes */
    }
}

static void golden_all(void) {
    golden_open_file("tests/golden/image.opencv.txt");
    golden_maps("opencv", 7, 9, 1, 10, 8, 0.25f);
    golden_maps("opencv", 7, 9, 3, 10, 8, 0.25f);
    golden_maps("scipy", 8, 6, 1, 9, 11, 0.5f);
    golden_remap();
    golden_resize(1, 5, 6), golden_resize(1, 13, 16), golden_resize(1, 11, 4), golden_resize(1, 1, 1), golden_resize(3, 4, 9);
    for (size_t c = 1; c < 4; c += 2) {
        char name[64];
        float y[60];
        const nn_box box = {1.25, 2.5, 8.25, 10.25};
        snprintf(name, sizeof name, "resize.%zu.x", c);
        const nn_image x = floats((float *)golden(name, NULL), 11, 14, c, 0);
        CHECK(nn_image_resized_crop(floats(y, 4, 5, c, 0), x, box, NULL) == NN_OK);
        snprintf(name, sizeof name, "resize.%zu.box", c);
        CHECK(golden_close(y, name, TOL_RESIZE));
    }
    golden_bytes();
}

/* ---- resampling against double arithmetic ---- */

typedef struct sizes {
    size_t x_h, x_w, y_h, y_w, gap;
} sizes;

static void warp(const sizes *s, size_t c, nn_transform t, const nn_image_desc *d, int as_bytes, int fields) {
    uint64_t state = s->x_h * 31 + s->y_w + c;
    const size_t x_stride = s->x_w * c + s->gap, y_stride = s->y_w * c + s->gap;
    nn_image x = floats(NULL, s->x_h, s->x_w, c, x_stride), y = floats(NULL, s->y_h, s->y_w, c, y_stride);
    const size_t x_span = span(&x), y_span = span(&y), n = s->y_h * s->y_w;
    static float first[MOST], dx[MOST], dy[MOST];
    x.bytes = y.bytes = as_bytes;
    x.pixels = as_bytes ? (void *)((uint8_t *)x_end - x_span) : (void *)(x_end - x_span);
    y.pixels = as_bytes ? (void *)((uint8_t *)y_end - y_span) : (void *)(y_end - y_span);
    for (size_t i = 0; i < x_span; i++)
        if (as_bytes) ((uint8_t *)x.pixels)[i] = (uint8_t)test_random(&state);
        else ((float *)x.pixels)[i] = test_float(&state);
    for (size_t i = 0; i < n; i++) dx[i] = 2 * test_float(&state), dy[i] = 2 * test_float(&state);
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        test_case("%zux%zu to %zux%zu, %zu channels, gap %zu, %s, %s, bytes %d", s->x_h, s->x_w, s->y_h, s->y_w, c, s->gap,
                  samplings[d->sampling], borders[d->border], as_bytes);
        if (as_bytes) memset((uint8_t *)y.pixels - 8, 77, y_span + 8);
        else fill_untouched((float *)y.pixels - 8, y_span + 8);
        CHECK(nn_image_remap(y, x, t, fields ? dx : NULL, fields ? dy : NULL, d) == NN_OK);
        if (as_bytes) CHECK(memcmp((uint8_t *)y.pixels - 8, "MMMMMMMM", 8) == 0);
        else CHECK(is_untouched((float *)y.pixels - 8, 8));
        int gaps = 1, close = 1, same = 1;
        for (size_t i = 0; i < s->y_h; i++) {
            for (size_t k = s->y_w * c; k < y_stride && i * y_stride + k < y_span; k++)
                gaps &= as_bytes ? ((uint8_t *)y.pixels)[i * y_stride + k] == 77
                                 : is_untouched((float *)y.pixels + i * y_stride + k, 1);
            for (size_t j = 0; j < s->y_w; j++)
                for (size_t k = 0; k < c; k++) {
                    const size_t at = (i * s->y_w + j) * c + k;
                    const float got = value_at(&y, i, j, k);
                    if (isa != best) {
                        same &= same_bits(got, first[at]);
                        continue;
                    }
                    first[at] = got;
                    const double px = (double)j - ((double)s->y_w - 1) / 2, py = (double)i - ((double)s->y_h - 1) / 2;
                    double sx = t.xx * px + t.xy * py + t.dx + ((double)s->x_w - 1) / 2,
                           sy = t.yx * px + t.yy * py + t.dy + ((double)s->x_h - 1) / 2;
                    if (fields) sx += (double)dx[i * s->y_w + j], sy += (double)dy[i * s->y_w + j];
                    if (d->sampling == NN_NEAREST &&
                        (fabs(fabs(sx - floor(sx)) - 0.5) < 1e-4 || fabs(fabs(sy - floor(sy)) - 0.5) < 1e-4))
                        continue;
                    const double want = sampled(&x, sx, sy, k, d);
                    if (as_bytes) close &= fabs((double)got - fmin(255, fmax(0, want))) <= 0.52;
                    else close &= fabs((double)got - want) <= TOL_WARP;
                }
        }
        CHECK(gaps && close && same);
    }
}

static void warps(void) {
    static const sizes shapes[] = {{1, 1, 1, 1, 0},   {1, 1, 5, 7, 0},     {7, 1, 3, 9, 2},     {1, 8, 6, 1, 0},
                                   {2, 3, 17, 19, 1}, {13, 17, 11, 33, 0}, {28, 28, 28, 28, 0}, {9, 70, 6, 131, 5}};
    nn_transform t =
        nn_transform_translate(nn_transform_rotate(nn_transform_scale(nn_transform_identity(), 1.3, 0.8), 33), 0.7, -1.1);
    t = nn_transform_shear(t, 0.2, -0.1);
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (size_t c = 1; c <= 4; c++)
            for (int k = 0; k < 3; k++)
                for (int b = 0; b < 5; b++) {
                    const nn_image_desc d = {.sampling = (nn_sampling)k, .border = (nn_border)b, .value = 0.375f};
                    if (test_quick() && (s + c + (size_t)k + (size_t)b) % 4) continue;
                    warp(&shapes[s], c, t, &d, 0, (s + c) % 2 == 0);
                    if ((s + (size_t)b) % 3 == 0) warp(&shapes[s], c, t, &d, 1, 0);
                }
}

/* ---- what is exact ---- */

static void fill_image(nn_image *x, uint64_t seed) {
    for (size_t i = 0; i < span(x); i++)
        if (x->bytes) ((uint8_t *)x->pixels)[i] = (uint8_t)test_random(&seed);
        else ((float *)x->pixels)[i] = test_float(&seed);
}

static void exact(size_t h, size_t w, size_t c, int sampling) {
    const size_t n = h * w * c;
    const nn_image x = floats(x_end - n, h, w, c, 0), y = floats(y_end - n, h, w, c, 0), z = floats(z_end - n, h, w, c, 0);
    const nn_image turned = floats(y_end - n, w, h, c, 0);
    nn_image filled = x;
    fill_image(&filled, n);
    for (int b = 0; b < 5; b++)
        for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
            const nn_image_desc d = {.sampling = (nn_sampling)sampling, .border = (nn_border)b, .value = 2};
            float zero[MOST / 16] = {0};
            test_case("exact %zux%zux%zu, %s, %s", h, w, c, samplings[sampling], borders[b]);
            CHECK(nn_image_affine(y, x, nn_transform_identity(), &d) == NN_OK);
            CHECK(first_difference(x_end - n, y_end - n, n) == n);
            CHECK(nn_image_remap(y, x, nn_transform_identity(), zero, zero, &d) == NN_OK); /* by the kernel, too */
            CHECK(first_difference(x_end - n, y_end - n, n) == n);
            CHECK(nn_image_affine(y, x, nn_transform_translate(nn_transform_identity(), 2, -3), &d) == NN_OK);
            CHECK(nn_image_window(z, x, 3, -2, d.border, 2) == NN_OK);
            CHECK(first_difference(y_end - n, z_end - n, n) == n);
            CHECK(nn_image_remap(y, x, nn_transform_translate(nn_transform_identity(), 2, -3), zero, zero, &d) == NN_OK);
            CHECK(first_difference(y_end - n, z_end - n, n) == n);
            CHECK(nn_image_affine(y, x, nn_transform_scale(nn_transform_identity(), -1, 1), &d) == NN_OK &&
                  nn_image_flip(z, x, 1, 0) == NN_OK);
            CHECK(first_difference(y_end - n, z_end - n, n) == n);
            CHECK(nn_image_affine(y, x, nn_transform_rotate(nn_transform_identity(), 180), &d) == NN_OK &&
                  nn_image_flip(z, x, 1, 1) == NN_OK);
            CHECK(first_difference(y_end - n, z_end - n, n) == n);
            CHECK(nn_image_affine(turned, x, nn_transform_rotate(nn_transform_identity(), 90), &d) ==
                  NN_OK); /* counter-clockwise */
            int ok = 1;
            for (size_t i = 0; i < w; i++)
                for (size_t j = 0; j < h; j++)
                    for (size_t k = 0; k < c; k++) ok &= same_bits(value_at(&turned, i, j, k), value_at(&x, j, w - 1 - i, k));
            CHECK(ok);
            CHECK(nn_image_affine(z, turned, nn_transform_rotate(nn_transform_identity(), -90), &d) == NN_OK);
            CHECK(first_difference(x_end - n, z_end - n, n) == n);
        }
    const nn_resize_desc same = {.sampling = (nn_sampling)sampling};
    const nn_box all = {0, 0, (double)h, (double)w};
    CHECK(nn_image_resize(y, x, &same) == NN_OK && first_difference(x_end - n, y_end - n, n) == n);
    CHECK(nn_image_resized_crop(y, x, all, &same) == NN_OK && first_difference(x_end - n, y_end - n, n) == n);
}

static void special_values(void) {
    float x[9], y[9], far[9], nan[9];
    for (size_t i = 0; i < 9; i++)
        x[i] = i == 4 ? NAN : i == 5 ? INFINITY : (float)i, far[i] = i % 2 ? 1e30f : -INFINITY, nan[i] = NAN;
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        test_case("NaN and infinity in the image and in the places");
        CHECK(nn_image_affine(floats(y, 3, 3, 1, 0), floats(x, 3, 3, 1, 0), nn_transform_identity(), NULL) == NN_OK);
        CHECK(first_difference(x, y, 9) == 9);
        x[4] = x[5] = 1;
        for (int k = 0; k < 3; k++)
            for (int b = 0; b < 5; b++) {
                const nn_image_desc d = {.sampling = (nn_sampling)k, .border = (nn_border)b, .value = 7};
                CHECK(nn_image_remap(floats(y, 3, 3, 1, 0), floats(x, 3, 3, 1, 0), nn_transform_identity(), far, nan, &d) ==
                      NN_OK);
                for (size_t i = 0; i < 9; i++) CHECK(y[i] >= -50 && y[i] <= 50);
            }
        x[4] = NAN, x[5] = INFINITY;
    }
}

static void transforms(void) {
    const nn_transform t = nn_transform_shear(
        nn_transform_translate(nn_transform_rotate(nn_transform_scale(nn_transform_identity(), 2, -0.5), 77.7), 3, 4), 0.3,
        0.1);
    const nn_transform one = nn_transform_compose(t, nn_transform_invert(t)),
                       other = nn_transform_compose(nn_transform_invert(t), t);
    const nn_transform both[2] = {one, other};
    test_case("transforms");
    for (size_t i = 0; i < 2; i++) {
        CHECK(fabs(both[i].xx - 1) < 1e-14 && fabs(both[i].yy - 1) < 1e-14 && fabs(both[i].xy) < 1e-14 &&
              fabs(both[i].yx) < 1e-14);
        CHECK(fabs(both[i].dx) < 1e-13 && fabs(both[i].dy) < 1e-13);
    }
    for (double degrees = -1000; degrees < 1000; degrees += 3.7) {
        const nn_transform r = nn_transform_rotate(nn_transform_identity(), degrees);
        const double a = remainder(degrees, 360) * acos(-1.0) / 180;
        CHECK(fabs(r.xx - cos(a)) < 1e-15 && fabs(r.yx - sin(a)) < 1e-15 && r.xy == -r.yx && r.xx == r.yy);
    }
    /* A point 10 right of the centre: doubled it is at 20; turned by 90 degrees it is 20 above; moved, at (3, -16). */
    const nn_transform moved =
        nn_transform_translate(nn_transform_rotate(nn_transform_scale(nn_transform_identity(), 2, 2), 90), 3, 4);
    CHECK(moved.xx * 3 + moved.xy * -16 + moved.dx == 10 && moved.yx * 3 + moved.yy * -16 + moved.dy == 0);
    /* A shear by 0.5 moves a point 4 above the centre 2 to the right. */
    const nn_transform sheared = nn_transform_shear(nn_transform_identity(), 0.5, 0);
    CHECK(sheared.xx * 2 + sheared.xy * -4 + sheared.dx == 0 && sheared.yx * 2 + sheared.yy * -4 + sheared.dy == -4);
    const nn_transform down = nn_transform_shear(nn_transform_identity(), 0, 0.5);
    CHECK(down.xx * 4 + down.xy * 2 == 4 && down.yx * 4 + down.yy * 2 == 0);
}

/* ---- upright ---- */

/* Sum over the pixels of v*(column - x)^a*(row - y)^b. */
static double moment(const nn_image *image, double x, double y, int a, int b) {
    double sum = 0;
    for (size_t i = 0; i < image->height; i++)
        for (size_t j = 0; j < image->width; j++)
            for (size_t k = 0; k < image->channels; k++)
                sum += (double)value_at(image, i, j, k) * pow((double)j - x, a) * pow((double)i - y, b);
    return sum;
}

/* A stroke of the slant `lean` pixels a row, the bright middle of one row, or nothing. */
static void draw_stroke(nn_image *x, double lean, int what) {
    for (size_t i = 0; i < x->height; i++)
        for (size_t j = 0; j < x->width; j++)
            for (size_t k = 0; k < x->channels; k++) {
                const double off = (double)j - 0.6 * (double)x->width - lean * ((double)i - 0.4 * (double)x->height);
                const double v = what == 2 ? 0 : what ? i == x->height / 2 : exp(-off * off / 3) * (double)(k + 1) / 4;
                const size_t at = i * x->stride + j * x->channels + k;
                if (x->bytes) ((uint8_t *)x->pixels)[at] = (uint8_t)(255 * v);
                else ((float *)x->pixels)[at] = (float)v;
            }
}

static void upright(const sizes *s, size_t c, double lean, int as_bytes, int what) {
    static const nn_image_desc zeros = {.border = NN_BORDER_CONSTANT};
    nn_image x = {NULL, s->x_h, s->x_w, c, s->x_w * c + s->gap, as_bytes};
    nn_image y = {NULL, s->y_h, s->y_w, c, s->y_w * c + s->gap, as_bytes};
    x.pixels = as_bytes ? (void *)((uint8_t *)x_end - span(&x)) : (void *)(x_end - span(&x));
    y.pixels = as_bytes ? (void *)((uint8_t *)y_end - span(&y)) : (void *)(y_end - span(&y));
    draw_stroke(&x, lean, what);
    const double mass = moment(&x, 0, 0, 0, 0);
    const double at_x = mass > 0 ? moment(&x, 0, 0, 1, 0) / mass : ((double)s->x_w - 1) / 2;
    const double at_y = mass > 0 ? moment(&x, 0, 0, 0, 1) / mass : ((double)s->x_h - 1) / 2;
    const double down = moment(&x, at_x, at_y, 0, 2), turn = down > 1e-9 ? moment(&x, at_x, at_y, 1, 1) / down : 0;
    const double shear = fmax(-1, fmin(1, turn));
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        double worst = 0;
        test_case("upright %zux%zu to %zux%zu, %zu channels, leaning by %g, drawing %d, bytes %d", s->x_h, s->x_w, s->y_h,
                  s->y_w, c, lean, what, as_bytes);
        memset(y.pixels, 77, span(&y) * (as_bytes ? 1 : sizeof(float)));
        CHECK(nn_image_upright(y, x, NULL) == NN_OK);
        for (size_t i = 0; i < s->y_h; i++)
            for (size_t j = 0; j < s->y_w; j++)
                for (size_t k = 0; k < c; k++) {
                    const double py = (double)i - ((double)s->y_h - 1) / 2, px = (double)j - ((double)s->y_w - 1) / 2;
                    const double want = sampled(&x, at_x + px + shear * py, at_y + py, k, &zeros);
                    worst = fmax(worst, fabs((double)value_at(&y, i, j, k) - want));
                }
        CHECK(worst <= (as_bytes ? 0.52 : TOL_WARP));
    }
}

static void uprights(void) {
    static const sizes shapes[] = {{1, 1, 1, 1, 0},     {1, 9, 3, 9, 1},     {8, 1, 8, 5, 0},
                                   {28, 28, 28, 28, 0}, {13, 37, 29, 30, 3}, {5, 6, 2, 2, 2}};
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (size_t c = 1; c <= 4; c++)
            for (int what = 0; what < 3; what++)
                for (int as_bytes = 0; as_bytes < 2; as_bytes++)
                    for (double lean = -2; lean < 2; lean += 1.6) upright(&shapes[s], c, lean, as_bytes, what);
    /* What leaned stands, in the middle. */
    nn_image x = floats(x_end - 784, 28, 28, 1, 28), y = floats(y_end - 784, 28, 28, 1, 28);
    for (double lean = -0.5; lean < 0.6; lean += 0.25) {
        test_case("upright, leaning by %g", lean);
        draw_stroke(&x, lean, 0);
        for (size_t i = 0; i < 784; i++) ((float *)x.pixels)[i] *= i / 28 > 5 && i / 28 < 20;
        CHECK(nn_image_upright(y, x, NULL) == NN_OK);
        const double mass = moment(&y, 0, 0, 0, 0), down = moment(&y, 13.5, 13.5, 0, 2);
        CHECK(fabs(moment(&y, 13.5, 13.5, 1, 0) / mass) < 1e-4 && fabs(moment(&y, 13.5, 13.5, 0, 1) / mass) < 1e-4);
        CHECK(fabs(moment(&y, 13.5, 13.5, 1, 1) / down) < 1e-4);
    }
    test_case("upright: what cannot be");
    x.pixels = NULL;
    CHECK(nn_image_upright(y, x, NULL) == NN_ERROR_NULL && nn_image_upright(y, y, NULL) == NN_ERROR_ALIAS);
    x.pixels = x_end - 784;
    ((float *)x.pixels)[3] = INFINITY;
    CHECK(nn_image_upright(y, x, NULL) == NN_ERROR_ARGUMENT);
}

/* ---- moves ---- */

static void moves(size_t h, size_t w, size_t c, int as_bytes, size_t gap) {
    nn_image x = {NULL, h, w, c, w * c + gap, as_bytes}, y = x;
    x.pixels = as_bytes ? (void *)((uint8_t *)x_end - span(&x)) : (void *)(x_end - span(&x));
    y.pixels = as_bytes ? (void *)((uint8_t *)y_end - span(&y)) : (void *)(y_end - span(&y));
    fill_image(&x, h * w * c);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        for (int flips = 0; flips < 4; flips++) {
            int ok = 1;
            test_case("flip %d of %zux%zux%zu, bytes %d, gap %zu", flips, h, w, c, as_bytes, gap);
            memset(y.pixels, 77, span(&y) * (as_bytes ? 1 : sizeof(float)));
            CHECK(nn_image_flip(y, x, flips & 1, flips & 2) == NN_OK);
            for (size_t i = 0; i < h; i++) {
                for (size_t j = 0; j < w; j++)
                    for (size_t k = 0; k < c; k++)
                        ok &= value_at(&y, i, j, k) == value_at(&x, flips & 2 ? h - 1 - i : i, flips & 1 ? w - 1 - j : j, k);
                for (size_t k = 0; k < gap * (as_bytes ? 1 : sizeof(float)) && i + 1 < h; k++)
                    ok &= ((uint8_t *)y.pixels)[(i * (w * c + gap) + w * c) * (as_bytes ? 1 : sizeof(float)) + k] == 77;
            }
            CHECK(ok);
        }
    }
    for (int b = 0; b < 5; b++)
        for (ptrdiff_t shift = -7; shift < 12; shift += 3) {
            int ok = 1;
            const ptrdiff_t top = shift, left = 2 - 2 * shift;
            test_case("window at %d, %d of %zux%zux%zu, %s", (int)top, (int)left, h, w, c, borders[b]);
            CHECK(nn_image_window(y, x, top, left, (nn_border)b, 3) == NN_OK);
            for (size_t i = 0; i < h; i++)
                for (size_t j = 0; j < w; j++) {
                    const ptrdiff_t r = border_of((ptrdiff_t)i + top, (ptrdiff_t)h, (nn_border)b),
                                    l = border_of((ptrdiff_t)j + left, (ptrdiff_t)w, (nn_border)b);
                    for (size_t k = 0; k < c; k++)
                        ok &= value_at(&y, i, j, k) == (r < 0 || l < 0 ? 3 : value_at(&x, (size_t)r, (size_t)l, k));
                }
            CHECK(ok);
        }
}

static void crops(void) {
    float x[6 * 7 * 2], y[10 * 3 * 4 * 2], z[9 * 9 * 2];
    for (size_t i = 0; i < COUNT(x); i++) x[i] = (float)i;
    const nn_image from = floats(x, 6, 7, 2, 0);
    static const size_t corner[5][2] = {{1, 1}, {0, 0}, {0, 3}, {3, 0}, {3, 3}};
    test_case("ten crops");
    CHECK(nn_image_ten_crop(y, from, 3, 4) == NN_OK);
    for (size_t k = 0; k < 10; k++) {
        const nn_image part = floats(y + k * 24, 3, 4, 2, 0);
        int ok = 1;
        for (size_t i = 0; i < 3; i++)
            for (size_t j = 0; j < 4; j++)
                ok &= value_at(&part, i, j, 1) ==
                      value_at(&from, corner[k % 5][0] + i, corner[k % 5][1] + (k < 5 ? j : 3 - j), 1);
        CHECK(ok);
    }
    CHECK(nn_image_crop(floats(z, 2, 3, 2, 0), from, 4, 4) == NN_OK && z[0] == x[(4 * 7 + 4) * 2]);
    CHECK(nn_image_crop(floats(z, 2, 3, 2, 0), from, 5, 4) == NN_ERROR_ARGUMENT &&
          nn_image_crop(floats(z, 2, 3, 2, 0), from, 4, 5) == NN_ERROR_ARGUMENT);
    CHECK(nn_image_crop(floats(z, 7, 3, 2, 0), from, 0, 0) == NN_ERROR_ARGUMENT &&
          nn_image_ten_crop(y, from, 7, 1) == NN_ERROR_ARGUMENT);
    CHECK(nn_image_crop_at(floats(z, 2, 3, 2, 0), from, (nn_place)9) == NN_ERROR_ARGUMENT);
    CHECK(nn_image_pad(floats(z, 9, 9, 2, 0), from, 1, 2, NN_BORDER_EDGE, 0) == NN_OK && z[0] == 0 &&
          z[(1 * 9 + 2) * 2 + 1] == 1 && z[160] == 82);
    CHECK(nn_image_pad(floats(z, 9, 9, 2, 0), from, 4, 2, NN_BORDER_EDGE, 0) == NN_ERROR_ARGUMENT);
    CHECK(nn_image_pad(floats(z, 5, 9, 2, 0), from, 0, 2, NN_BORDER_EDGE, 0) == NN_ERROR_ARGUMENT);
}

/* ---- values ---- */

static void conversions(void) {
    uint8_t all[256], back[256];
    float y[256], ties[6] = {0.5f / 255, -1, 2, NAN, 1.5f / 255, INFINITY};
    const nn_image a = bytes(all, 4, 16, 4, 0);
    for (size_t i = 0; i < 256; i++) all[i] = (uint8_t)i;
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        int ok = 1;
        test_case("bytes and floats");
        for (size_t n = 0; n <= 256; n += n < 70 ? 1 : 31) {
            fill_untouched(y, 256);
            nn_floats_from_bytes(y, all, n);
            for (size_t i = 0; i < n; i++)
                ok &= same_bits(y[i], (float)((double)all[i] / 255)); /* no double lies on a tie of floats */
            ok &= is_untouched(y + n, 256 - n);
            memset(back, 77, sizeof back);
            nn_bytes_from_floats(back, y, n);
            for (size_t i = 0; i < n; i++) ok &= back[i] == all[i];
            for (size_t i = n; i < 256; i++) ok &= back[i] == 77;
        }
        CHECK(ok);
        nn_bytes_from_floats(back, ties, 6);
        CHECK(back[0] <= 1 && back[1] == 0 && back[2] == 255 && back[3] == 0 && back[5] == 255);
        fill_untouched(y, 256);
        CHECK(nn_image_convert(floats(y, 4, 16, 4, 0), a) == NN_OK && y[255] == 1 && y[0] == 0);
        memset(back, 0, sizeof back);
        CHECK(nn_image_convert(bytes(back, 4, 16, 4, 0), floats(y, 4, 16, 4, 0)) == NN_OK && memcmp(back, all, 256) == 0);
        CHECK(nn_image_convert(bytes(back, 4, 16, 3, 64), bytes(all, 4, 16, 3, 64)) == NN_OK);
        CHECK(nn_image_convert(floats(y, 4, 15, 4, 0), a) == NN_ERROR_ARGUMENT &&
              nn_image_convert(floats(y, 4, 16, 3, 0), a) == NN_ERROR_ARGUMENT);
        CHECK(nn_image_convert(floats((float *)(void *)all, 4, 4, 4, 0), bytes(all + 60, 4, 4, 4, 0)) == NN_ERROR_ALIAS);
    }
}

/* In double, by the words of the header. */
static void adjusted(double *out, const float *in, size_t c, const nn_adjust *a, double mean) {
    double v[4], yiq[3];
    const double pi = acos(-1.0), angle = (double)a->hue * pi / 180, s = 1 + (double)a->saturation;
    for (size_t k = 0; k < c; k++) v[k] = (double)in[k];
    if (c >= 3) {
        yiq[0] = 0.299 * v[0] + 0.587 * v[1] + 0.114 * v[2];
        const double i = 0.595716 * v[0] - 0.274453 * v[1] - 0.321263 * v[2],
                     q = 0.211456 * v[0] - 0.522591 * v[1] + 0.311135 * v[2];
        yiq[1] = s * (cos(angle) * i - sin(angle) * q), yiq[2] = s * (sin(angle) * i + cos(angle) * q);
        v[0] = yiq[0] + 0.9563 * yiq[1] + 0.6210 * yiq[2];
        v[1] = yiq[0] - 0.2721 * yiq[1] - 0.6474 * yiq[2];
        v[2] = yiq[0] - 1.1070 * yiq[1] + 1.7046 * yiq[2];
    }
    for (size_t k = 0; k < (c < 3 ? 1u : 3u); k++) {
        v[k] = mean + (v[k] - mean) * (1 + (double)a->contrast) + (double)a->brightness;
        if (a->gamma != 0 && a->gamma != 1) v[k] = v[k] > 0 ? pow(v[k], (double)a->gamma) : 0;
    }
    for (size_t k = 0; k < c; k++)
        out[k] = a->low != 0 || a->high != 0 ? fmin((double)a->high, fmax((double)a->low, v[k])) : v[k];
}

static void adjust(size_t h, size_t w, size_t c, const nn_adjust *a) {
    uint64_t state = h + w + c;
    const size_t n = h * w * c;
    float *x = x_end - n, *y = y_end - n;
    static float first[MOST];
    double mean = 0;
    for (size_t i = 0; i < n; i++) x[i] = 0.5f + 0.5f * test_float(&state);
    for (size_t i = 0; i < h * w; i++)
        mean += (c < 3 ? (double)x[i * c]
                       : 0.299 * (double)x[i * c] + 0.587 * (double)x[i * c + 1] + 0.114 * (double)x[i * c + 2]) /
                (double)(h * w);
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        int close = 1;
        double want[4];
        test_case("adjust %zux%zux%zu, hue %g, gamma %g", h, w, c, (double)a->hue, (double)a->gamma);
        CHECK(nn_image_adjust(floats(y, h, w, c, 0), floats(x, h, w, c, 0), a) == NN_OK);
        if (isa == best) memcpy(first, y, n * sizeof *y);
        CHECK(first_difference(first, y, n) == n);
        for (size_t i = 0; i < h * w; i++) {
            adjusted(want, x + i * c, c, a, mean);
            for (size_t k = 0; k < c; k++)
                close &= fabs((double)y[i * c + k] - want[k]) <= (a->gamma > 0 && a->gamma < 1 ? 1e-3 : 2e-4);
        }
        CHECK(close);
        memcpy(y, x, n * sizeof *y);
        CHECK(nn_image_adjust(floats(y, h, w, c, 0), floats(y, h, w, c, 0), a) == NN_OK && first_difference(first, y, n) == n);
    }
}

static void adjustments(void) {
    static const nn_adjust all[] = {
        {.brightness = 0.1f},
        {.contrast = -0.4f},
        {.saturation = -1},
        {.hue = 40},
        {.gamma = 1.8f},
        {.brightness = -0.2f, .contrast = 0.5f, .saturation = 0.3f, .hue = -70, .gamma = 1.3f, .high = 1},
        {.gamma = 1, .low = 0.2f, .high = 0.6f}};
    for (size_t a = 0; a < COUNT(all); a++)
        for (size_t c = 1; c <= 4; c++) {
            adjust(5, 7, c, &all[a]);
            adjust(3, 600, c, &all[a]);
        }
    const nn_adjust none = {.saturation = 0}, half = {.contrast = -1}, grey = {.saturation = -1};
    float x[12] = {0.1f, 0.9f, 0.3f, -0.0f, 2, -3, NAN, 0, 1, 0.2f, 0.2f, 0.2f}, y[12];
    uint8_t b[6] = {0, 100, 200, 7, 7, 7}, b2[6];
    test_case("special adjustments");
    CHECK(nn_image_adjust(floats(y, 2, 2, 3, 0), floats(x, 2, 2, 3, 0), &none) == NN_OK && first_difference(x, y, 12) == 12);
    CHECK(nn_image_adjust(bytes(b2, 1, 2, 3, 0), bytes(b, 1, 2, 3, 0), &none) == NN_OK && memcmp(b, b2, 6) == 0);
    CHECK(nn_image_adjust(bytes(b2, 1, 2, 3, 0), bytes(b, 1, 2, 3, 0), &grey) == NN_OK);
    CHECK(b2[0] == 82 && b2[1] == 82 && b2[2] == 82 && b2[3] == 7 && b2[4] == 7 &&
          b2[5] == 7); /* 0.587*100 + 0.114*200 = 81.5 */
    CHECK(nn_image_adjust(bytes(b2, 1, 6, 1, 0), bytes(b, 1, 6, 1, 0), &half) == NN_OK && b2[0] == b2[1] && b2[1] >= 53 &&
          b2[1] <= 54);
}

static void noises(void) {
    enum { H = 60, W = 70, C = 3, N = H * W * C };
    static float x[N], y[N], z[N], wide[H * (W * C + 9)];
    nn_random random = {5, 6, 17}, again = random, third = random;
    uint64_t state = 1;
    double mean = 0, square = 0;
    size_t salt = 0, pepper = 0, kept = 0;
    test_fill(x, N, &state);
    test_case("noise");
    CHECK(nn_image_noise(floats(y, H, W, C, 0), floats(x, H, W, C, 0), 0.5f, &random) == NN_OK && random.next == 17 + N);
    for (size_t i = 0; i < N; i++)
        mean += (double)(y[i] - x[i]) / N, square += (double)(y[i] - x[i]) * (double)(y[i] - x[i]) / N;
    CHECK(fabs(mean) < TOL_DEVIATIONS * 0.5 / sqrt(N) && fabs(square - 0.25) < TOL_DEVIATIONS * 0.25 * sqrt(2.0 / N));
    nn_add_normal(z, x, N, 0.5f, &again);
    int close = 1;
    for (size_t i = 0; i < N; i++) close &= fabsf(z[i] - y[i]) <= 1e-6f;
    CHECK(close); /* the same numbers; one rounding more */
    for (size_t i = 0; i < H; i++) memcpy(wide + i * (W * C + 9), x + i * W * C, W * C * sizeof *x);
    CHECK(nn_image_noise(floats(wide, H, W, C, W * C + 9), floats(wide, H, W, C, W * C + 9), 0.5f, &third) == NN_OK);
    for (size_t i = 0; i < H; i++) close &= first_difference(wide + i * (W * C + 9), y + i * W * C, W * C) == W * C;
    CHECK(close); /* strides change nothing, nor does working in place */
    CHECK(nn_image_salt_pepper(floats(y, H, W, C, 0), floats(x, H, W, C, 0), 0.2f, -5, 5, &random) == NN_OK &&
          random.next == 17 + 2 * N);
    for (size_t i = 0; i < N; i++) salt += y[i] == 5, pepper += y[i] == -5, kept += same_bits(x[i], y[i]);
    CHECK(salt + pepper + kept == N && fabs((double)salt - 0.1 * N) < TOL_DEVIATIONS * sqrt(0.09 * N) &&
          fabs((double)pepper - 0.1 * N) < TOL_DEVIATIONS * sqrt(0.09 * N));
    CHECK(nn_image_noise(floats(y, H, W, C, 0), floats(x, H, W, C, 0), -1, &random) == NN_ERROR_ARGUMENT &&
          nn_image_noise(floats(y, H, W, C, 0), floats(x, H, W, C, 0), NAN, &random) == NN_ERROR_ARGUMENT);
    CHECK(nn_image_salt_pepper(floats(y, H, W, C, 0), floats(x, H, W, C, 0), 1.5f, 0, 1, &random) == NN_ERROR_ARGUMENT);
    CHECK(nn_image_noise(floats(y, H, W, C, 0), floats(x, H, W, C, 0), 1, NULL) == NN_ERROR_NULL && random.next == 17 + 2 * N);
    uint8_t b[100], b2[100];
    memset(b, 250, sizeof b);
    CHECK(nn_image_noise(bytes(b2, 10, 10, 1, 0), bytes(b, 10, 10, 1, 0), 20, &random) == NN_OK);
    size_t above = 0;
    for (size_t i = 0; i < 100; i++) above += b2[i] == 255;
    CHECK(above > 20 && above < 70); /* clipped, not wrapped */
    memcpy(y, x, sizeof y);
    CHECK(nn_image_cutout(floats(y, H, W, C, 0), -3, 65, 10, 100, 9) == NN_OK);
    close = 1;
    for (size_t i = 0; i < N; i++) close &= (i / (W * C) < 7 && i / C % W >= 65) ? y[i] == 9 : same_bits(x[i], y[i]);
    CHECK(close);
    CHECK(nn_image_cutout(floats(y, H, W, C, 0), -30, 0, 10, 10, 9) == NN_OK &&
          nn_image_cutout(floats(y, H, W, C, 0), 100, 100, 10, 10, 9) == NN_OK);
    for (size_t i = 0; i < N; i++) close &= (i / (W * C) < 7 && i / C % W >= 65) ? y[i] == 9 : same_bits(x[i], y[i]);
    CHECK(close);
    CHECK(nn_image_cutout(floats(y, H, W, C, 0), PTRDIFF_MIN, 0, 1, 1, 0) == NN_ERROR_ARGUMENT &&
          nn_image_cutout(floats(y, H, W, C, 0), 0, 0, SIZE_MAX, 1, 0) == NN_ERROR_ARGUMENT);
}

/* ---- elastic fields ---- */

static void field(size_t h, size_t w, float alpha, float sigma) {
    static float first[MOST], got[MOST], noise[MOST];
    const size_t n = h * w, radius = (size_t)(3 * (double)sigma + 0.5);
    double weight[200], total = 0;
    nn_random random = {3, 4, 70}, numbers = {3, 4, 128};
    for (size_t t = 0; t <= 2 * radius; t++) {
        const double d = (double)t - (double)radius;
        total += weight[t] = sigma > 0 ? exp(-d * d / (2 * (double)sigma * (double)sigma)) : 1;
    }
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        nn_random r = random;
        test_case("field %zux%zu, sigma %g", h, w, (double)sigma);
        CHECK(nn_elastic_field(got, got + n, h, w, alpha, sigma, &r, NULL) == NN_OK &&
              r.next == 128 + 2 * ((n + 63) / 64 * 64));
        if (isa == best) memcpy(first, got, 2 * n * sizeof *got);
        CHECK(first_difference(first, got, 2 * n) == 2 * n);
    }
    double worst = 0;
    for (size_t part = 0; part < 2; part++) {
        numbers.next = 128 + part * ((n + 63) / 64 * 64);
        nn_random_uniform(noise, n, -1, 1, &numbers);
        for (size_t i = 0; i < h; i++)
            for (size_t j = 0; j < w; j++) {
                double sum = 0;
                for (size_t r = i < radius ? 0 : i - radius; r < h && r <= i + radius; r++)
                    for (size_t c = j < radius ? 0 : j - radius; c < w && c <= j + radius; c++)
                        sum += weight[r + radius - i] * weight[c + radius - j] * (double)noise[r * w + c];
                worst = fmax(worst, fabs((double)got[part * n + i * w + j] - (double)alpha * sum / (total * total)));
            }
    }
    CHECK(worst <= 2e-6 * (double)alpha);
}

static void elastic(void) {
    field(28, 28, 34, 4), field(1, 1, 2, 1), field(7, 33, 5, 0), field(5, 90, 10, 2.3f), field(40, 3, 1, 9);
    float x[12 * 9 * 3], y[12 * 9 * 3], z[12 * 9 * 3], d[2 * 108];
    uint64_t state = 1;
    nn_random random = {1, 2, 3}, again = random;
    const nn_transform t = nn_transform_rotate(nn_transform_identity(), 20);
    test_fill(x, COUNT(x), &state);
    test_case("elastic");
    CHECK(nn_image_elastic(floats(y, 12, 9, 3, 0), floats(x, 12, 9, 3, 0), t, 5, 2, &random, NULL) == NN_OK);
    CHECK(nn_elastic_field(d, d + 108, 12, 9, 5, 2, &again, NULL) == NN_OK && again.next == random.next);
    CHECK(nn_image_remap(floats(z, 12, 9, 3, 0), floats(x, 12, 9, 3, 0), t, d, d + 108, NULL) == NN_OK &&
          first_difference(y, z, COUNT(y)) == COUNT(y));
    CHECK(nn_elastic_field(d, d + 108, 12, 9, -1, 2, &again, NULL) == NN_ERROR_ARGUMENT &&
          nn_elastic_field(d, d + 108, 12, 9, 1, NAN, &again, NULL) == NN_ERROR_ARGUMENT);
    CHECK(nn_elastic_field(d, d + 108, 12, 9, 1, 1e4f, &again, NULL) == NN_ERROR_ARGUMENT &&
          nn_elastic_field(d, d + 108, 0, 9, 1, 1, &again, NULL) == NN_ERROR_ARGUMENT);
    CHECK(nn_elastic_field(NULL, d, 12, 9, 1, 1, &again, NULL) == NN_ERROR_NULL &&
          nn_elastic_field(d, d + 108, 12, 9, 1, 1, NULL, NULL) == NN_ERROR_NULL);
    CHECK(nn_elastic_field(d, d + 108, SIZE_MAX / 2, 9, 1, 1, &again, NULL) == NN_ERROR_SIZE && again.next == random.next);
    CHECK(nn_elastic_field(d, d + 108, 12, 9, 0, 3, &again, NULL) == NN_OK && d[0] == 0 && d[215] == 0);
}

/* ---- mixup ---- */

static void mixes(void) {
    float a[37], b[37], y[37];
    uint64_t state = 1;
    test_fill(a, 37, &state), test_fill(b, 37, &state);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        int close = 1;
        test_case("mixup");
        nn_mixup(y, a, b, 37, 0.3f);
        for (size_t i = 0; i < 37; i++) close &= fabs((double)y[i] - (0.3 * (double)a[i] + 0.7 * (double)b[i])) < 2e-7;
        nn_mixup(y, a, b, 37, 1);
        close &= first_difference(y, a, 37) == 37;
        memcpy(y, b, sizeof y);
        nn_mixup(y, a, y, 37, 0);
        CHECK(close && first_difference(y, b, 37) == 37);
    }
    static const float alphas[] = {0.1f, 0.2f, 0.5f, 1, 2, 10, 1000};
    for (size_t k = 0; k < COUNT(alphas); k++) {
        const size_t n = test_quick() ? 2000 : 20000;
        nn_random random = {k, 0, 5};
        double mean = 0, square = 0, middle = 0;
        for (size_t i = 0; i < n; i++) {
            const double w = (double)nn_mixup_weight(alphas[k], &random);
            if (!(w >= 0 && w <= 1)) middle = NAN;
            mean += w / (double)n, square += (w - 0.5) * (w - 0.5) / (double)n, middle += (fabs(w - 0.5) < 0.25) / (double)n;
        }
        const double variance = 1 / (4 * (2 * (double)alphas[k] + 1));
        test_case("mixup weights, alpha %g", (double)alphas[k]);
        CHECK(fabs(mean - 0.5) < TOL_DEVIATIONS * sqrt(variance / (double)n) &&
              fabs(square - variance) < TOL_DEVIATIONS * variance * sqrt(2.0 / (double)n));
        if (alphas[k] == 1) CHECK(fabs(middle - 0.5) < TOL_DEVIATIONS * 0.5 / sqrt((double)n)); /* uniform */
        if (alphas[k] == 2) CHECK(fabs(middle - 0.6875) < TOL_DEVIATIONS * 0.47 / sqrt((double)n));
        if (alphas[k] == 0.5f) CHECK(fabs(middle - 1.0 / 3) < TOL_DEVIATIONS * 0.48 / sqrt((double)n)); /* the arcsine law */
        CHECK(random.next == 64 + 128 * n);
    }
}

/* ---- errors ---- */

static size_t allocations_left, allocations;
static void *scarce(size_t size, void *user) {
    (void)user;
    if (!allocations_left) return NULL;
    allocations_left--, allocations++;
    return malloc(size);
}
static void scarce_free(void *memory, void *user) {
    (void)user;
    allocations--;
    free(memory);
}

static void memory(void) {
    float x[48], y[48];
    uint8_t b[48], b2[48];
    const nn_allocator allocator = {scarce, scarce_free, NULL};
    const nn_image_desc d = {.allocator = &allocator};
    const nn_resize_desc r = {.allocator = &allocator};
    const nn_transform t = nn_transform_rotate(nn_transform_identity(), 10);
    test_fill(x, 48, (uint64_t[]){1});
    memset(b, 1, sizeof b);
    test_case("no memory");
    for (size_t left = 0; left < 4; left++) {
        nn_random random = {1, 2, 3};
        allocations_left = left;
        CHECK(nn_image_affine(floats(y, 4, 4, 3, 0), floats(x, 4, 4, 3, 0), t, &d) == (left < 1 ? NN_ERROR_MEMORY : NN_OK) &&
              allocations == 0);
        allocations_left = left;
        CHECK(nn_image_affine(bytes(b2, 4, 4, 3, 0), bytes(b, 4, 4, 3, 0), t, &d) == (left < 1 ? NN_ERROR_MEMORY : NN_OK) &&
              allocations == 0);
        allocations_left = left;
        CHECK(nn_image_resize(floats(y, 2, 2, 3, 0), floats(x, 4, 4, 3, 0), &r) == (left < 1 ? NN_ERROR_MEMORY : NN_OK) &&
              allocations == 0);
        allocations_left = left;
        CHECK(nn_image_elastic(floats(y, 4, 4, 3, 0), floats(x, 4, 4, 3, 0), t, 1, 1, &random, &d) ==
                  (left < 3 ? NN_ERROR_MEMORY : NN_OK) &&
              allocations == 0);
        CHECK((random.next == 3) == (left < 3));
    }
}

static void errors(void) {
    float x[64], y[64];
    const nn_transform t = nn_transform_rotate(nn_transform_identity(), 10), bad = nn_transform_scale(t, 0, 1);
    const nn_image a = floats(x, 4, 4, 2, 0), b = floats(y, 4, 4, 2, 0);
    const nn_box outside[] = {{-1, 0, 2, 2}, {0, 0, 5, 2}, {0, 3, 2, 1.5}, {0, 0, 0, 1}, {0, NAN, 1, 1}};
    const nn_adjust adjustments[] = {{.gamma = -1}, {.low = 1}, {.hue = NAN}, {.contrast = INFINITY}};
    const nn_image_desc bad_sampling = {.sampling = (nn_sampling)7}, bad_border = {.border = (nn_border)-1};
    const nn_resize_desc bad_resize = {.sampling = (nn_sampling)7};
    test_fill(x, 64, (uint64_t[]){1});
    fill_untouched(y, 64);
    test_case("errors");
    struct {
        nn_image y, x;
        nn_status status;
    } pairs[] = {{floats(NULL, 4, 4, 2, 0), a, NN_ERROR_NULL},
                 {b, floats(NULL, 4, 4, 2, 0), NN_ERROR_NULL},
                 {b, floats(x, 4, 4, 5, 0), NN_ERROR_ARGUMENT},
                 {b, floats(x, 4, 4, 0, 0), NN_ERROR_ARGUMENT},
                 {b, floats(x, 0, 4, 2, 0), NN_ERROR_ARGUMENT},
                 {floats(y, 4, 0, 2, 0), a, NN_ERROR_ARGUMENT},
                 {b, floats(x, 4, 4, 3, 0), NN_ERROR_ARGUMENT},
                 {b, floats(x, 4, 4, 2, 7), NN_ERROR_STRIDE},
                 {b, floats(x, 4, (size_t)1 << 40, 2, 0), NN_ERROR_SIZE},
                 {b, floats(x, SIZE_MAX, 4, 2, 0), NN_ERROR_SIZE},
                 {b, floats(x, 4, 4, 2, SIZE_MAX / 3), NN_ERROR_SIZE},
                 {b, bytes((uint8_t *)x, 4, 4, 2, 0), NN_ERROR_ARGUMENT},
                 {floats(x + 31, 4, 4, 2, 0), a, NN_ERROR_ALIAS},
                 {a, a, NN_ERROR_ALIAS}};
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const nn_image to = pairs[i].y, from = pairs[i].x;
        test_case("pair %zu", i);
        CHECK(nn_image_affine(to, from, t, NULL) == pairs[i].status && nn_image_flip(to, from, 1, 0) == pairs[i].status);
        CHECK(nn_image_resize(to, from, NULL) == pairs[i].status &&
              nn_image_window(to, from, 0, 0, NN_BORDER_WRAP, 0) == pairs[i].status);
        if (i < COUNT(pairs) - 1)
            CHECK(nn_image_adjust(to, from, &adjustments[0]) == pairs[i].status); /* in place is fine there */
        nn_random random = {1, 2, 3};
        CHECK(nn_image_elastic(to, from, t, 1, 1, &random, NULL) == pairs[i].status);
    }
    CHECK(nn_image_flip(floats(y, 3, 4, 2, 0), a, 1, 0) == NN_ERROR_ARGUMENT);
    CHECK(nn_image_affine(b, a, bad, NULL) == NN_ERROR_ARGUMENT &&
          nn_image_affine(b, a, t, &bad_sampling) == NN_ERROR_ARGUMENT);
    CHECK(nn_image_affine(b, a, t, &bad_border) == NN_ERROR_ARGUMENT &&
          nn_image_remap(b, a, t, x, NULL, NULL) == NN_ERROR_ARGUMENT);
    CHECK(nn_image_elastic(b, a, t, 1, 1, NULL, NULL) == NN_ERROR_NULL);
    uint8_t small[1];
    const nn_image wide = bytes((uint8_t *)x_end - 1, 1, ((size_t)1 << 23) + 1, 1, 0);
    CHECK(nn_image_affine(bytes(small, 1, 1, 1, 0), wide, t, NULL) == NN_ERROR_SIZE);
    CHECK(nn_image_window(b, a, 0, 0, (nn_border)9, 0) == NN_ERROR_ARGUMENT &&
          nn_image_window(b, a, PTRDIFF_MIN, 0, NN_BORDER_EDGE, 0) == NN_ERROR_ARGUMENT);
    CHECK(nn_image_resize(b, a, &bad_resize) == NN_ERROR_ARGUMENT &&
          nn_image_resize(floats(y, 2, 2, 2, 0), a, &bad_resize) == NN_ERROR_ARGUMENT);
    for (size_t i = 0; i < COUNT(outside); i++) CHECK(nn_image_resized_crop(b, a, outside[i], NULL) == NN_ERROR_ARGUMENT);
    for (size_t i = 0; i < COUNT(adjustments); i++) CHECK(nn_image_adjust(b, a, &adjustments[i]) == NN_ERROR_ARGUMENT);
    CHECK(nn_image_adjust(b, a, NULL) == NN_ERROR_NULL &&
          nn_image_adjust(floats(y, 3, 4, 2, 0), a, &adjustments[0]) == NN_ERROR_ARGUMENT);
    CHECK(is_untouched(y, 64));
}

int main(void) {
    static const size_t shapes[][2] = {{1, 1}, {1, 2}, {3, 1}, {5, 4}, {8, 9}, {3, 16}, {4, 17}, {2, 67}};
    x_end = guard_end(MOST), y_end = guard_end(MOST), z_end = guard_end(MOST);
    golden_all();
    warps();
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (size_t c = 1; c <= 4; c++) {
            for (int k = 0; k < 3; k++) exact(shapes[s][0], shapes[s][1], c, k);
            for (size_t gap = 0; gap < 4; gap += 3)
                moves(shapes[s][0], shapes[s][1], c, 0, gap), moves(shapes[s][0], shapes[s][1], c, 1, gap);
        }
    special_values();
    transforms();
    uprights();
    crops();
    conversions();
    adjustments();
    noises();
    elastic();
    mixes();
    memory();
    errors();
    return test_end("image");
}
