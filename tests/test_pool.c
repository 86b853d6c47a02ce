/* test_pool.c - pooling and its gradients: values, positions, what is touched, and what is refused
 *
 * The documented order of operations as plain loops gives the same bits; means are also held against double.
 */
#include "golden.h"
#include "gradient.h"
#include "hook.h"
#include "images.h"
#include "test.h"

typedef struct pool {
    nn_pool2d_desc desc;
    size_t n, h, w, c, kh, kw, sy, sx, dy, dx, top, left, oh, ow, x_size, y_size;
} pool;

static size_t or_else(size_t given, size_t otherwise) { return given ? given : otherwise; }

/* As PyTorch counts: rounded as asked, but a window that was added begins in the image or before it. */
static size_t windows(size_t length, size_t before, size_t after, size_t kernel, size_t stride, size_t dilation, int ceil_mode) {
    const double steps = (double)(length + before + after - (kernel - 1) * dilation - 1) / (double)stride;
    const size_t count = (size_t)floor(steps) + 1;
    return count + (ceil_mode && ceil(steps) > floor(steps) && (double)count * (double)stride < (double)(length + before));
}

static int pool_of(pool *v, const nn_pool2d_desc *d) {
    const pool it = {*d, d->images, d->height, d->width, d->channels, d->kernel_height, d->kernel_width,
                     or_else(d->stride_y, d->kernel_height), or_else(d->stride_x, d->kernel_width), or_else(d->dilation_y, 1),
                     or_else(d->dilation_x, 1), d->pad_top, d->pad_left, 0, 0, 0, 0};
    *v = it;
    if (nn_pool2d_output(&v->oh, &v->ow, d) != NN_OK) return 0;
    CHECK(v->oh == windows(v->h, v->top, d->pad_bottom, v->kh, v->sy, v->dy, d->ceil_mode));
    CHECK(v->ow == windows(v->w, v->left, d->pad_right, v->kw, v->sx, v->dx, d->ceil_mode));
    v->x_size = v->n * v->h * v->w * v->c;
    v->y_size = v->n * v->oh * v->ow * v->c;
    return 1;
}

static void describe(const pool *v) {
    test_case("%zux%zux%zux%zu, %zux%zu, strides %zu %zu, dilations %zu %zu, pads %zu %zu %zu %zu, ceil %d, count %d", v->n,
              v->h, v->w, v->c, v->kh, v->kw, v->sy, v->sx, v->dy, v->dx, v->top, v->desc.pad_bottom, v->left,
              v->desc.pad_right, v->desc.ceil_mode, v->desc.count_padding);
}

/* The pixel under a tap of a window, as row*width + column; -1 outside the image. */
static ptrdiff_t pixel_of(const pool *v, size_t oy, size_t ox, size_t ky, size_t kx) {
    const ptrdiff_t row = (ptrdiff_t)(oy * v->sy + ky * v->dy) - (ptrdiff_t)v->top;
    const ptrdiff_t column = (ptrdiff_t)(ox * v->sx + kx * v->dx) - (ptrdiff_t)v->left;
    if (row < 0 || column < 0 || row >= (ptrdiff_t)v->h || column >= (ptrdiff_t)v->w) return -1;
    return row * (ptrdiff_t)v->w + column;
}

/* Taps that the mean of a window counts. */
static size_t counted(const pool *v, size_t oy, size_t ox) {
    size_t count = 0;
    for (size_t ky = 0; ky < v->kh; ky++)
        for (size_t kx = 0; kx < v->kw; kx++) {
            const int padded = oy * v->sy + ky * v->dy < v->h + v->top + v->desc.pad_bottom &&
                               ox * v->sx + kx * v->dx < v->w + v->left + v->desc.pad_right;
            count += v->desc.count_padding ? padded : pixel_of(v, oy, ox, ky, kx) >= 0;
        }
    return count ? count : 1;
}

enum { MOST = 1 << 16 };
static float *x_end, *y_end, *dx_end, *dy_end;
static uint32_t *index_end;
static float want_max[MOST], want_mean[MOST], want_dmax[MOST], want_dmean[MOST];
static uint32_t want_index[MOST];

static void references(const pool *v, const float *x, const float *dy) {
    int right = 1;
    memset(want_dmax, 0, v->x_size * sizeof(float));
    memset(want_dmean, 0, v->x_size * sizeof(float));
    for (size_t i = 0; i < v->y_size; i++) {
        const size_t c = i % v->c, ox = i / v->c % v->ow, oy = i / v->c / v->ow % v->oh, n = i / v->c / v->ow / v->oh;
        const float *image = x + n * v->h * v->w * v->c + c;
        float best = -INFINITY, sum = 0;
        uint32_t at = UINT32_MAX;
        double value = 0, magnitude = 0;
        const size_t count = counted(v, oy, ox);
        for (size_t ky = 0; ky < v->kh; ky++)
            for (size_t kx = 0; kx < v->kw; kx++) {
                const ptrdiff_t pixel = pixel_of(v, oy, ox, ky, kx);
                if (pixel < 0) continue;
                const float it = image[(size_t)pixel * v->c];
                if (at == UINT32_MAX || it > best || (it != it && best == best)) best = it, at = (uint32_t)pixel;
                sum += it;
                value += (double)it;
                magnitude += fabs((double)it);
                want_dmean[(n * v->h * v->w + (size_t)pixel) * v->c + c] += dy[i] / (float)count;
            }
        want_max[i] = best;
        want_index[i] = at;
        want_mean[i] = sum / (float)count;
        right &= !isfinite(magnitude) ||
                 fabs((double)want_mean[i] - value / (double)count) <= tol_gemm(v->kh * v->kw, magnitude) / (double)count;
        if (at != UINT32_MAX) want_dmax[(n * v->h * v->w + at) * v->c + c] += dy[i];
    }
    CHECK(right);
}

static void check(const nn_pool2d_desc *d, uint64_t seed) {
    pool v;
    test_case("%zux%zux%zux%zu", d->images, d->height, d->width, d->channels);
    if (!CHECK(pool_of(&v, d)) || v.x_size > MOST || v.y_size > MOST) return;
    float *x = x_end - v.x_size, *y = y_end - v.y_size, *dx = dx_end - v.x_size, *dy = dy_end - v.y_size;
    uint32_t *index = index_end - v.y_size;
    test_fill(x, v.x_size, &seed), test_fill(dy, v.y_size, &seed);
    for (size_t i = 0; i < v.x_size; i++) x[i] = floorf(x[i] * 8); /* with equals among them */
    if (seed % 3 == 0)
        for (size_t i = 0; i < 6; i++) {
            static const float odd[] = {NAN, INFINITY, -INFINITY, -0.0f, 0, NAN};
            x[test_below(&seed, v.x_size)] = odd[i];
        }
    describe(&v);
    references(&v, x, dy);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t threads = 1; threads <= 3; threads += 2) {
            nn_threads_hook(threads > 1 ? hook_backwards : NULL, NULL);
            nn_threads(threads);
            describe(&v);
            fill_untouched(y, v.y_size);
            CHECK(nn_max_pool2d(y, NULL, x, d) == NN_OK && first_difference(y, want_max, v.y_size) == v.y_size);
            fill_untouched(y, v.y_size);
            CHECK(nn_max_pool2d(y, index, x, d) == NN_OK && first_difference(y, want_max, v.y_size) == v.y_size);
            CHECK(memcmp(index, want_index, v.y_size * sizeof *index) == 0);
            fill_untouched(dx, v.x_size);
            CHECK(nn_max_pool2d_backward(dx, dy, index, d) == NN_OK && first_difference(dx, want_dmax, v.x_size) == v.x_size);
            fill_untouched(y, v.y_size), fill_untouched(dx, v.x_size);
            CHECK(nn_average_pool2d(y, x, d) == NN_OK && first_difference(y, want_mean, v.y_size) == v.y_size);
            CHECK(nn_average_pool2d_backward(dx, dy, d) == NN_OK && first_difference(dx, want_dmean, v.x_size) == v.x_size);
        }
    nn_threads(1);
    nn_threads_hook(NULL, NULL);
}

static void chosen(void) {
    static const nn_pool2d_desc cases[] = {
        {POOL(1, 1, 1, 1, 1, 1)},
        {POOL(3, 28, 28, 17, 2, 2)},
        {POOL(2, 13, 15, 33, 3, 3), STRIDES(2, 2), PADS(1, 1, 1, 1)},
        {POOL(2, 13, 14, 16, 2, 3), .ceil_mode = 1},
        {POOL(2, 5, 5, 3, 2, 2), STRIDES(1, 4), .pad_left = 3, .pad_bottom = 4},
        {POOL(1, 1, 4, 9, 2, 2), STRIDES(1, 1), .dilation_y = 2, .pad_top = 1, .pad_bottom = 1},
        {POOL(40, 8, 8, 24, 2, 2), .count_padding = 1},
        {POOL(2, 7, 7, 5, 7, 7)},
        {POOL(1, 7, 7, 5, 2, 2), .stride_y = SIZE_MAX, .stride_x = SIZE_MAX, .ceil_mode = 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (uint64_t seed = 0; seed < 4; seed++) check(&cases[i], seed * 5 + i);
}

static void random_shapes(void) {
    uint64_t state = 31;
    for (size_t i = 0; i < (test_quick() ? 60 : 400); i++) {
        nn_pool2d_desc d = {0};
        d.images = test_size(&state, 6);
        d.kernel_height = test_size(&state, 5);
        d.kernel_width = test_size(&state, 5);
        d.dilation_y = test_below(&state, 3);
        d.dilation_x = test_below(&state, 3);
        d.stride_y = test_below(&state, 5);
        d.stride_x = test_below(&state, 5);
        d.pad_top = test_below(&state, 3);
        d.pad_bottom = test_below(&state, 3);
        d.pad_left = test_below(&state, 3);
        d.pad_right = test_below(&state, 3);
        d.height = test_size(&state, 12) + (d.kernel_height - 1) * or_else(d.dilation_y, 1);
        d.width = test_size(&state, 12) + (d.kernel_width - 1) * or_else(d.dilation_x, 1);
        d.channels = test_size(&state, 40);
        d.ceil_mode = (int)test_below(&state, 2);
        d.count_padding = (int)test_below(&state, 2);
        check(&d, state);
    }
}

/* ---- whole images ---- */

static void global(void) {
    uint64_t state = 8;
    for (size_t p = 0; p < COUNT(test_lengths); p++)
        for (size_t c = 0; c < COUNT(test_lengths); c += 3) {
            const size_t images = 1 + p % 3, pixels = test_lengths[p], channels = test_lengths[c];
            if (images * pixels * channels > MOST) continue;
            float *x = x_end - images * pixels * channels, *y = y_end - images * channels;
            float *dx = dx_end - images * pixels * channels, *dy = dy_end - images * channels;
            test_fill(x, images * pixels * channels, &state), test_fill(dy, images * channels, &state);
            for (size_t i = 0; i < images * channels; i++) {
                const float *from = x + i / channels * pixels * channels + i % channels;
                float total = 0;
                for (size_t q = 0; q < pixels; q += 64) {
                    float sum = 0;
                    for (size_t r = q; r < pixels && r < q + 64; r++) sum += from[r * channels];
                    total += sum;
                }
                want_mean[i] = pixels ? total / (float)pixels : 0;
            }
            for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
                for (size_t threads = 1; threads <= 3; threads += 2) {
                    nn_threads_hook(threads > 1 ? hook_backwards : NULL, NULL);
                    nn_threads(threads);
                    test_case("%zu images of %zu pixels of %zu", images, pixels, channels);
                    fill_untouched(y, images * channels), fill_untouched(dx, images * pixels * channels);
                    nn_global_average_pool(y, x, images, pixels, channels);
                    CHECK(first_difference(y, want_mean, images * channels) == images * channels);
                    nn_global_average_pool_backward(dx, dy, images, pixels, channels);
                    int ok = 1;
                    for (size_t i = 0; i < images * pixels * channels; i++)
                        ok &= same_bits(dx[i], dy[i / channels / pixels * channels + i % channels] / (float)pixels);
                    CHECK(ok);
                }
            nn_threads(1);
            nn_threads_hook(NULL, NULL);
        }
}

/* ---- what PyTorch says ---- */

static void against_torch(void) {
    golden_open("pool");
    static const struct { const char *name; int average; nn_pool2d_desc d; } cases[] = {
        {"max_plain", 0, {POOL(2, 6, 5, 3, 2, 2)}},
        {"max_overlapping", 0, {POOL(1, 7, 6, 2, 3, 3), STRIDES(2, 1), PADS(1, 1, 1, 1)}},
        {"max_ceil", 0, {POOL(1, 7, 6, 2, 3, 2), STRIDES(2, 3), PADS(1, 1, 1, 1), .ceil_mode = 1}},
        {"max_dilated", 0, {POOL(1, 7, 8, 2, 2, 3), STRIDES(1, 2), DILATIONS(3, 2)}},
        {"mean_plain", 1, {POOL(2, 6, 5, 3, 2, 2)}},
        {"mean_padded", 1, {POOL(1, 7, 6, 2, 3, 3), STRIDES(2, 2), PADS(1, 1, 1, 1), .count_padding = 1}},
        {"mean_inside", 1, {POOL(1, 7, 6, 2, 3, 3), STRIDES(2, 2), PADS(1, 1, 1, 1)}},
        {"mean_ceil", 1, {POOL(1, 6, 8, 2, 3, 3), STRIDES(2, 2), PADS(1, 1, 1, 1), .ceil_mode = 1, .count_padding = 1}},
    };
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t i = 0; i < COUNT(cases); i++) {
            pool v;
            char name[64];
            float y[256], dx[256];
            uint32_t index[256];
            size_t n;
            test_case("%s", cases[i].name);
#define GOLDEN(what) (snprintf(name, sizeof name, "%s." what, cases[i].name), name)
            if (!CHECK(pool_of(&v, &cases[i].d) && v.x_size <= 256 && v.y_size <= 256)) continue;
            const float *x = golden(GOLDEN("x"), NULL), *dy = golden(GOLDEN("dy"), &n);
            if (!CHECK(n == v.y_size)) continue;
            if (cases[i].average) {
                CHECK(nn_average_pool2d(y, x, &v.desc) == NN_OK && nn_average_pool2d_backward(dx, dy, &v.desc) == NN_OK);
            } else {
                CHECK(nn_max_pool2d(y, index, x, &v.desc) == NN_OK && nn_max_pool2d_backward(dx, dy, index, &v.desc) == NN_OK);
                const float *theirs = golden(GOLDEN("index"), NULL);
                int same = 1;
                for (size_t j = 0; j < n; j++) same &= (float)index[j] == theirs[j];
                CHECK(same);
            }
            CHECK(golden_close(y, GOLDEN("y"), TOL_TORCH) && golden_close(dx, GOLDEN("dx"), TOL_TORCH));
        }
}

/* ---- gradients against difference quotients ---- */

typedef struct loss {
    const pool *v;
    const float *dy;
    int average;
} loss;

static double loss_value(const double *x, void *context) {
    const loss *l = (const loss *)context;
    const pool *v = l->v;
    double total = 0;
    for (size_t i = 0; i < v->y_size; i++) {
        const size_t c = i % v->c, ox = i / v->c % v->ow, oy = i / v->c / v->ow % v->oh, n = i / v->c / v->ow / v->oh;
        double best = -INFINITY, sum = 0;
        for (size_t ky = 0; ky < v->kh; ky++)
            for (size_t kx = 0; kx < v->kw; kx++) {
                const ptrdiff_t pixel = pixel_of(v, oy, ox, ky, kx);
                if (pixel < 0) continue;
                const double it = x[(n * v->h * v->w + (size_t)pixel) * v->c + c];
                best = fmax(best, it);
                sum += it;
            }
        total += (double)l->dy[i] * (l->average ? sum / (double)counted(v, oy, ox) : best);
    }
    return total;
}

static void gradients(void) {
    const nn_pool2d_desc d = {POOL(2, 5, 6, 3, 3, 2), STRIDES(2, 1), .pad_top = 1, .pad_right = 1, .ceil_mode = 1};
    pool v;
    float x[256], y[256], dy[256], dx[256];
    uint32_t index[256];
    uint64_t state = 2;
    if (!CHECK(pool_of(&v, &d) && v.x_size <= 256 && v.y_size <= 256)) return;
    describe(&v);
    test_fill(x, v.x_size, &state), test_fill(dy, v.y_size, &state);
    loss maximum = {&v, dy, 0}, mean = {&v, dy, 1};
    CHECK(nn_max_pool2d(y, index, x, &d) == NN_OK && nn_max_pool2d_backward(dx, dy, index, &d) == NN_OK);
    CHECK(gradient_matches(loss_value, &maximum, x, v.x_size, dx, TOL_GRADIENT));
    CHECK(nn_average_pool2d_backward(dx, dy, &d) == NN_OK);
    CHECK(gradient_matches(loss_value, &mean, x, v.x_size, dx, TOL_GRADIENT));
}

/* ---- what is refused ---- */

static void refused(void) {
    const nn_pool2d_desc good = {POOL(2, 6, 5, 4, 3, 2), .pad_left = 1};
    nn_pool2d_desc d;
    size_t oh, ow;
#define REFUSED(status, field, value) \
    (d = good, d.field = (value), test_case(#field " = " #value), CHECK(nn_pool2d_output(&oh, &ow, &d) == (status)))
    CHECK(nn_pool2d_output(&oh, &ow, &good) == NN_OK && oh == 2 && ow == 3);
    REFUSED(NN_ERROR_ARGUMENT, height, 0);
    REFUSED(NN_ERROR_ARGUMENT, width, 0);
    REFUSED(NN_ERROR_ARGUMENT, channels, 0);
    REFUSED(NN_ERROR_ARGUMENT, kernel_height, 0);
    REFUSED(NN_ERROR_ARGUMENT, kernel_width, 0);
    REFUSED(NN_ERROR_ARGUMENT, kernel_height, 7);
    REFUSED(NN_ERROR_ARGUMENT, dilation_x, 6);
    REFUSED(NN_ERROR_SIZE, images, SIZE_MAX / 4);
    REFUSED(NN_ERROR_SIZE, channels, SIZE_MAX / 4);
    REFUSED(NN_ERROR_SIZE, height, (size_t)1 << 32);
    REFUSED(NN_ERROR_SIZE, pad_top, SIZE_MAX);
    REFUSED(NN_ERROR_SIZE, dilation_y, SIZE_MAX);
    CHECK(nn_pool2d_output(NULL, &ow, &good) == NN_ERROR_NULL && nn_pool2d_output(&oh, NULL, &good) == NN_ERROR_NULL);
    CHECK(nn_pool2d_output(&oh, &ow, NULL) == NN_ERROR_NULL);

    float x[240] = {0}, y[240] = {0};
    uint32_t index[240];
    test_case("pointers");
    CHECK(nn_max_pool2d(NULL, index, x, &good) == NN_ERROR_NULL && nn_max_pool2d(y, index, NULL, &good) == NN_ERROR_NULL);
    CHECK(nn_max_pool2d(y, index, x, NULL) == NN_ERROR_NULL && nn_max_pool2d(x, index, x, &good) == NN_ERROR_ALIAS);
    CHECK(nn_max_pool2d_backward(x, y, NULL, &good) == NN_ERROR_NULL &&
          nn_max_pool2d_backward(NULL, y, index, &good) == NN_ERROR_NULL);
    CHECK(nn_average_pool2d(NULL, x, &good) == NN_ERROR_NULL && nn_average_pool2d(x + 10, x, &good) == NN_ERROR_ALIAS);
    CHECK(nn_average_pool2d_backward(x, NULL, &good) == NN_ERROR_NULL &&
          nn_average_pool2d_backward(x, x, &good) == NN_ERROR_ALIAS);
    d = good;
    d.images = 0;
    CHECK(nn_max_pool2d(NULL, NULL, NULL, &d) == NN_OK && nn_max_pool2d_backward(NULL, NULL, NULL, &d) == NN_OK);
    CHECK(nn_average_pool2d(NULL, NULL, &d) == NN_OK && nn_average_pool2d_backward(NULL, NULL, &d) == NN_OK);
    nn_global_average_pool(NULL, NULL, 0, 3, 4);
    nn_global_average_pool_backward(NULL, NULL, 0, 3, 4);
}

/* An index that no window has is passed over; it cannot lead outside dx. */
static void strange_index(void) {
    const nn_pool2d_desc d = {POOL(1, 4, 4, 1, 2, 2)};
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        const float dy[4] = {1, 2, 3, 4};
        const uint32_t index[4] = {5, 15, UINT32_MAX, 1000000};
        float *dx = dx_end - 16;
        test_case("strange index");
        CHECK(nn_max_pool2d_backward(dx, dy, index, &d) == NN_OK);
        for (size_t i = 0; i < 16; i++) CHECK(dx[i] == (i == 5 ? 1.0f : 0.0f));
    }
}

int main(void) {
    x_end = guard_end(MOST), y_end = guard_end(MOST), dx_end = guard_end(MOST), dy_end = guard_end(MOST);
    index_end = (uint32_t *)(void *)guard_end(MOST);
    chosen();
    random_shapes();
    global();
    against_torch();
    gradients();
    refused();
    strange_index();
    return test_end("pool");
}
