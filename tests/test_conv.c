/* test_conv.c - convolution and its gradients: the value, the bits, what is touched, and what is refused
 *
 * nn.h documents the order of the operations, so plain loops of fmaf over image, row, column, filter, kernel row, kernel
 * column and channel give the same bits; beside them run the same loops in double.
 */
#include "golden.h"
#include "gradient.h"
#include "hook.h"
#include "images.h"
#include "test.h"

/* A description as the loops below read it. */
typedef struct conv {
    nn_conv2d_desc desc;
    size_t n, h, w, c, f, kh, kw, sy, sx, dy, dx, top, left, g, oh, ow, cg, fg;
    size_t x_size, y_size, w_size;
    int accumulate;
} conv;

static size_t or_one(size_t given) { return given ? given : 1; }

static int conv_of(conv *v, const nn_conv2d_desc *d) {
    const conv it = {*d, d->images, d->height, d->width, d->channels, d->filters, d->kernel_height, d->kernel_width,
                     or_one(d->stride_y), or_one(d->stride_x), or_one(d->dilation_y), or_one(d->dilation_x), d->pad_top,
                     d->pad_left, or_one(d->groups), 0, 0, 0, 0, 0, 0, 0, 0};
    *v = it;
    if (nn_conv2d_output(&v->oh, &v->ow, d) != NN_OK) return 0;
    CHECK(v->oh == (v->h + v->top + d->pad_bottom - (v->kh - 1) * v->dy - 1) / v->sy + 1);
    CHECK(v->ow == (v->w + v->left + d->pad_right - (v->kw - 1) * v->dx - 1) / v->sx + 1);
    v->cg = v->c / v->g;
    v->fg = v->f / v->g;
    v->x_size = v->n * v->h * v->w * v->c;
    v->y_size = v->n * v->oh * v->ow * v->f;
    v->w_size = v->kh * v->kw * v->cg * v->f;
    return 1;
}

static int is_outside(ptrdiff_t at, size_t length) { return at < 0 || at >= (ptrdiff_t)length; }

/* The channel of a pixel of an image; 0 to its left and right. */
static float pixel(const float *image, ptrdiff_t row, ptrdiff_t column, size_t width, size_t channels, size_t channel) {
    return is_outside(column, width) ? 0 : image[((size_t)row * width + (size_t)column) * channels + channel];
}

/* Each sum in three ways: as floats in the documented order, in double, and the sum of magnitudes for the bound. */
typedef struct sums {
    float chain;
    double value, magnitude;
} sums;
static void add_product(sums *s, float a, float b) {
    s->chain = fmaf(a, b, s->chain);
    s->value += (double)a * (double)b;
    s->magnitude += fabs((double)a * (double)b);
}

static sums output_at(const conv *v, const float *x, const float *w, size_t image, size_t oy, size_t ox, size_t f) {
    sums s = {0, 0, 0};
    const size_t group = f / v->fg;
    for (size_t ky = 0; ky < v->kh; ky++) {
        const ptrdiff_t row = (ptrdiff_t)(oy * v->sy + ky * v->dy) - (ptrdiff_t)v->top;
        if (is_outside(row, v->h)) continue;
        for (size_t kx = 0; kx < v->kw; kx++) {
            const ptrdiff_t column = (ptrdiff_t)(ox * v->sx + kx * v->dx) - (ptrdiff_t)v->left;
            for (size_t c = 0; c < v->cg && !is_outside(column, v->w); c++)
                add_product(&s, pixel(x + image * v->h * v->w * v->c, row, column, v->w, v->c, group * v->cg + c),
                            w[((ky * v->kw + kx) * v->cg + c) * v->f + f]);
        }
    }
    return s;
}

/* What a position of x has from a kernel tap: *at is the output, if the strides meet. */
static int meets(size_t position, size_t pad, size_t tap, size_t dilation, size_t stride, ptrdiff_t *at) {
    const ptrdiff_t distance = (ptrdiff_t)(position + pad) - (ptrdiff_t)(tap * dilation), s = (ptrdiff_t)stride;
    *at = distance / s;
    return distance % s == 0;
}

static sums input_at(const conv *v, const float *dy, const float *w, size_t image, size_t y, size_t x, size_t c) {
    sums s = {0, 0, 0};
    const size_t group = c / v->cg;
    for (size_t ky = v->kh; ky-- > 0;) {
        ptrdiff_t row, column;
        if (!meets(y, v->top, ky, v->dy, v->sy, &row) || is_outside(row, v->oh)) continue;
        for (size_t kx = v->kw; kx-- > 0;) {
            if (!meets(x, v->left, kx, v->dx, v->sx, &column) || is_outside(column, v->ow)) continue;
            for (size_t f = 0; f < v->fg; f++)
                add_product(&s, pixel(dy + image * v->oh * v->ow * v->f, row, column, v->ow, v->f, group * v->fg + f),
                            w[((ky * v->kw + kx) * v->cg + c % v->cg) * v->f + group * v->fg + f]);
        }
    }
    return s;
}

static sums weight_at(const conv *v, const float *x, const float *dy, float before, size_t ky, size_t kx, size_t c, size_t f) {
    sums s = {before, (double)before, fabs((double)before)};
    for (size_t n = 0; n < v->n; n++)
        for (size_t oy = 0; oy < v->oh; oy++) {
            const ptrdiff_t row = (ptrdiff_t)(oy * v->sy + ky * v->dy) - (ptrdiff_t)v->top;
            if (is_outside(row, v->h)) continue;
            for (size_t ox = 0; ox < v->ow; ox++)
                add_product(&s,
                            pixel(x + n * v->h * v->w * v->c, row, (ptrdiff_t)(ox * v->sx + kx * v->dx) - (ptrdiff_t)v->left,
                                  v->w, v->c, f / v->fg * v->cg + c),
                            dy[((n * v->oh + oy) * v->ow + ox) * v->f + f]);
        }
    return s;
}

/* ---- arrays: at the very end, or the very beginning, of memory that can be touched ---- */

enum { MOST = 1 << 18 };
typedef struct array {
    float *end, *start;
} array;
static array ax, ay, aw, abias, adx, adw;

static array make_array(size_t n) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE) / sizeof(float);
    const array a = {guard_end(n), NULL};
    const array both = {a.end, a.end - (n + page - 1) / page * page};
    return both;
}
static float *place(const array *a, size_t n, int at_end) { return at_end ? a->end - n : a->start; }

/* What the loops say, computed once for all instruction sets. */
static float want_y[MOST], want_dx[MOST], want_dw[MOST], before_dw[MOST];

static int chain_is_right(const sums *s, size_t k) {
    return s->magnitude != s->magnitude || isinf(s->magnitude) ||
           fabs((double)s->chain - s->value) <= tol_gemm(k, s->magnitude);
}

static void references(const conv *v, const float *x, const float *w, const float *dy, const float *bias) {
    size_t i = 0;
    int right = 1;
    for (size_t n = 0; n < v->n; n++)
        for (size_t oy = 0; oy < v->oh; oy++)
            for (size_t ox = 0; ox < v->ow; ox++)
                for (size_t f = 0; f < v->f; f++) {
                    const sums s = output_at(v, x, w, n, oy, ox, f);
                    right &= chain_is_right(&s, v->kh * v->kw * v->cg);
                    want_y[i++] = bias ? s.chain + bias[f] : s.chain;
                }
    i = 0;
    for (size_t n = 0; n < v->n; n++)
        for (size_t y = 0; y < v->h; y++)
            for (size_t xx = 0; xx < v->w; xx++)
                for (size_t c = 0; c < v->c; c++) {
                    const sums s = input_at(v, dy, w, n, y, xx, c);
                    right &= chain_is_right(&s, v->kh * v->kw * v->fg);
                    want_dx[i++] = s.chain;
                }
    i = 0;
    for (size_t ky = 0; ky < v->kh; ky++)
        for (size_t kx = 0; kx < v->kw; kx++)
            for (size_t c = 0; c < v->cg; c++)
                for (size_t f = 0; f < v->f; f++, i++) {
                    const sums s = weight_at(v, x, dy, v->accumulate ? before_dw[i] : 0, ky, kx, c, f);
                    right &= chain_is_right(&s, v->n * v->oh * v->ow + 1);
                    want_dw[i] = s.chain;
                }
    CHECK(right);
}

typedef struct meter {
    size_t calls, live, bytes;
    int fail;
} meter;
static void *meter_alloc(size_t bytes, void *user) {
    meter *m = (meter *)user;
    m->calls++;
    if (bytes > m->bytes) m->bytes = bytes;
    if (m->fail) return NULL;
    m->live++;
    return malloc(bytes);
}
static void meter_free(void *memory, void *user) {
    ((meter *)user)->live--;
    free(memory);
}

static void describe(const conv *v) {
    test_case(
        "%zux%zux%zux%zu, %zu of %zux%zu, strides %zu %zu, dilations %zu %zu, pads %zu %zu %zu %zu, groups %zu, activation %d",
        v->n, v->h, v->w, v->c, v->f, v->kh, v->kw, v->sy, v->sx, v->dy, v->dx, v->top, v->desc.pad_bottom, v->left,
        v->desc.pad_right, v->g, (int)v->desc.activation);
}

/* All three passes against the loops, for every instruction set, with one thread and with some. */
static void check(conv *v, uint64_t seed, float odd) {
    if (v->x_size > MOST || v->y_size > MOST || v->w_size > MOST) return;
    const int at_end = (int)(seed & 1), with_bias = (int)(seed >> 1 & 1);
    float *x = place(&ax, v->x_size, at_end), *y = place(&ay, v->y_size, at_end), *w = place(&aw, v->w_size, at_end);
    float *dx = place(&adx, v->x_size, at_end), *dw = place(&adw, v->w_size, at_end), *bias = place(&abias, v->f, at_end);
    static float dy[MOST];
    test_fill(x, v->x_size, &seed), test_fill(w, v->w_size, &seed), test_fill(dy, v->y_size, &seed);
    test_fill(bias, v->f, &seed), test_fill(before_dw, v->w_size, &seed);
    v->accumulate = (int)(seed >> 2 & 1);
    if (odd != 0) {
        x[test_below(&seed, v->x_size)] = odd;
        w[test_below(&seed, v->w_size)] = odd;
        dy[test_below(&seed, v->y_size)] = odd;
    }
    describe(v);
    references(v, x, w, dy, with_bias ? bias : NULL);
    static float activated[MOST];
    nn_activate(activated, want_y, v->y_size, v->desc.activation, v->desc.slope);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t threads = 1; threads <= 3; threads += 2) {
            meter m = {0, 0, 0, 0};
            const nn_allocator hook = {meter_alloc, meter_free, &m};
            nn_threads_hook(threads > 1 ? hook_backwards : NULL, NULL);
            nn_threads(threads);
            v->desc.allocator = &hook;
            describe(v);
            const size_t most = nn_conv2d_workspace(&v->desc);
            fill_untouched(y, v->y_size), fill_untouched(dx, v->x_size);
            memcpy(dw, before_dw, v->w_size * sizeof *dw);
            CHECK(nn_conv2d(y, x, w, with_bias ? bias : NULL, &v->desc) == NN_OK);
            CHECK(first_difference(y, activated, v->y_size) == v->y_size);
            CHECK(m.calls <= 1 && m.live == 0 && m.bytes <= most);
            CHECK(nn_conv2d_backward_input(dx, dy, w, &v->desc) == NN_OK);
            CHECK(first_difference(dx, want_dx, v->x_size) == v->x_size);
            CHECK(m.calls <= 2 && m.live == 0 && m.bytes <= most);
            CHECK(nn_conv2d_backward_weights(dw, x, dy, v->accumulate, &v->desc) == NN_OK);
            CHECK(first_difference(dw, want_dw, v->w_size) == v->w_size);
            CHECK(m.calls <= 3 && m.live == 0 && m.bytes <= most);
            v->desc.allocator = NULL;
        }
    nn_threads(1);
    nn_threads_hook(NULL, NULL);
}

/* ---- shapes ---- */

static const float odd_values[] = {0, 0, 0, NAN, INFINITY};

static void run(const nn_conv2d_desc *d, uint64_t seed) {
    conv v;
    test_case("%zux%zux%zux%zu", d->images, d->height, d->width, d->channels);
    if (CHECK(conv_of(&v, d))) check(&v, seed, odd_values[seed % COUNT(odd_values)]);
}

static void chosen(void) {
    static const nn_conv2d_desc cases[] = {
        {CONV(1, 1, 1, 1, 1, 1, 1)},
        {CONV(3, 28, 28, 1, 32, 3, 3), PADS(1, 1, 1, 1)},
        {CONV(2, 14, 14, 16, 33, 3, 3), PADS(1, 1, 1, 1), .activation = NN_RELU},
        {CONV(2, 9, 11, 5, 130, 3, 2)},
        {CONV(5, 7, 7, 12, 20, 7, 7)},
        {CONV(5, 7, 7, 12, 20, 1, 1), .activation = NN_TANH},
        {CONV(5, 8, 7, 12, 20, 1, 1), STRIDES(2, 2)},
        {CONV(2, 12, 12, 37, 37, 3, 3), PADS(1, 1, 1, 1), .groups = 37, .activation = NN_ELU, .slope = 1},
        {CONV(2, 12, 13, 32, 32, 5, 5), STRIDES(2, 2), PADS(2, 1, 1, 2), .groups = 32, .activation = NN_RELU},
        {CONV(2, 10, 10, 4, 12, 3, 3), .groups = 4},
        {CONV(2, 12, 13, 20, 20, 3, 3), PADS(1, 1, 1, 1), .groups = 5, .activation = NN_RELU},
        {CONV(2, 13, 12, 64, 64, 5, 5), STRIDES(2, 2), PADS(2, 1, 1, 2), .groups = 16},
        {CONV(1, 9, 10, 28, 28, 2, 4), STRIDES(1, 3), DILATIONS(2, 2), PADS(0, 0, 3, 4), .groups = 7, .activation = NN_TANH},
        {CONV(2, 10, 10, 12, 8, 3, 3), DILATIONS(2, 3), .groups = 2},
        {CONV(1, 11, 11, 3, 17, 3, 3), STRIDES(6, 4), DILATIONS(2, 2), .pad_top = 1, .pad_left = 3},
        {CONV(1, 3, 4, 3, 2, 1, 1), PADS(2, 3, 4, 1)},
        {CONV(1, 4, 4, 2, 3, 2, 2), .stride_y = SIZE_MAX, .stride_x = 1000000000, .pad_left = 1},
        {CONV(1, 70, 300, 3, 4, 3, 3), .stride_y = 2, .pad_top = 1, .pad_bottom = 1},
        {CONV(1, 160, 160, 8, 2, 2, 2), .pad_right = 1},
        {CONV(40, 4, 4, 40, 24, 3, 3), PADS(1, 1, 1, 1)},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (uint64_t seed = 0; seed < (test_quick() ? 1 : 6); seed++) run(&cases[i], seed * 7 + i);
}

static void random_shapes(void) {
    uint64_t state = 77;
    for (size_t i = 0; i < (test_quick() ? 30 : 400); i++) {
        nn_conv2d_desc d = {0};
        const size_t kind = test_below(&state, 8);
        d.images = test_size(&state, 5);
        d.kernel_height = test_size(&state, 5);
        d.kernel_width = test_size(&state, 5);
        d.dilation_y = test_below(&state, 4);
        d.dilation_x = kind == 0 ? 1 : test_below(&state, 4);
        d.stride_y = test_below(&state, 4);
        d.stride_x = test_below(&state, 4);
        d.pad_top = test_below(&state, 4);
        d.pad_bottom = test_below(&state, 4);
        d.pad_left = kind == 0 ? 0 : test_below(&state, 4);
        d.pad_right = kind == 0 ? 0 : test_below(&state, 4);
        d.height = test_size(&state, 14) + (d.kernel_height - 1) * or_one(d.dilation_y);
        d.width = test_size(&state, 33) + (d.kernel_width - 1) * or_one(d.dilation_x);
        d.groups = kind < 5 ? 1 : test_size(&state, 40);
        d.channels = or_one(d.groups) * (kind == 7 ? 1 : kind == 6 ? 4 : test_size(&state, d.groups > 1 ? 4 : 20));
        d.filters = or_one(d.groups) * (kind == 7 ? 1 : kind == 6 ? 4 : test_size(&state, d.groups > 1 ? 4 : 40));
        d.activation = (nn_activation)test_below(&state, NN_ACTIVATION_COUNT);
        d.slope = 0.25f;
        const size_t work = d.images * d.height * d.width * d.channels * d.filters / d.groups * d.kernel_height * d.kernel_width;
        if (work < (test_quick() ? 300000 : 3000000)) run(&d, state);
    }
}

/* <conv(x), dy> = <x, backward_input(dy)> = <w, backward_weights(x, dy)>, on shapes too large for the loops; in a hurry
 * the first alone. */
static void adjoint(void) {
    const nn_conv2d_desc cases[] = {
        {CONV(3, 14, 14, 96, 160, 3, 3), DILATIONS(2, 2), .groups = 8},
        {CONV(16, 28, 28, 32, 32, 3, 3), PADS(1, 1, 1, 1)},
        {CONV(7, 56, 56, 24, 40, 5, 5), STRIDES(2, 2), PADS(2, 2, 2, 2)},
        {CONV(16, 14, 14, 96, 160, 1, 1)}};
    for (size_t i = 0; i < (test_quick() ? 1 : COUNT(cases)); i++) {
        conv v;
        uint64_t state = i;
        if (!CHECK(conv_of(&v, &cases[i]))) continue;
        describe(&v);
        float *x = (float *)malloc((2 * v.x_size + 2 * v.y_size + 2 * v.w_size) * sizeof *x);
        float *dx = x + v.x_size, *y = dx + v.x_size, *dy = y + v.y_size, *w = dy + v.y_size, *dw = w + v.w_size;
        if (!x) abort();
        test_fill(x, v.x_size, &state), test_fill(dy, v.y_size, &state), test_fill(w, v.w_size, &state);
        CHECK(nn_conv2d(y, x, w, NULL, &cases[i]) == NN_OK && nn_conv2d_backward_input(dx, dy, w, &cases[i]) == NN_OK &&
              nn_conv2d_backward_weights(dw, x, dy, 0, &cases[i]) == NN_OK);
        double by_y = 0, by_x = 0, by_w = 0, magnitude = 0;
        for (size_t j = 0; j < v.y_size; j++)
            by_y += (double)y[j] * (double)dy[j], magnitude += fabs((double)y[j] * (double)dy[j]);
        for (size_t j = 0; j < v.x_size; j++) by_x += (double)x[j] * (double)dx[j];
        for (size_t j = 0; j < v.w_size; j++) by_w += (double)w[j] * (double)dw[j];
        CHECK(fabs(by_y - by_x) <= 16 * EPS * magnitude && fabs(by_y - by_w) <= 16 * EPS * magnitude);
        free(x);
    }
}

/* ---- what PyTorch says ---- */

static void against_torch(void) {
    golden_open("conv");
    static const struct { const char *name; nn_conv2d_desc d; } cases[] = {
        {"plain", {CONV(1, 6, 7, 3, 5, 3, 2)}},
        {"padded", {CONV(1, 5, 5, 4, 6, 3, 3), PADS(1, 1, 1, 1)}},
        {"strided", {CONV(1, 9, 8, 2, 3, 3, 4), STRIDES(2, 3), PADS(1, 1, 2, 2)}},
        {"dilated", {CONV(1, 9, 8, 2, 3, 3, 2), DILATIONS(2, 3), .pad_top = 1, .pad_bottom = 1}},
        {"grouped", {CONV(2, 5, 4, 4, 6, 2, 3), .groups = 2, .pad_left = 1, .pad_right = 1}},
        {"depthwise", {CONV(1, 5, 6, 5, 5, 3, 3), STRIDES(2, 1), .groups = 5, PADS(1, 1, 1, 1)}},
        {"pointwise", {CONV(1, 3, 4, 5, 7, 1, 1)}},
    };
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t i = 0; i < COUNT(cases); i++) {
            conv v;
            char name[64];
            float y[512], dx[512], dw[512];
            test_case("%s", cases[i].name);
            if (!CHECK(conv_of(&v, &cases[i].d) && v.x_size <= 512 && v.y_size <= 512 && v.w_size <= 512)) continue;
#define GOLDEN(what) (snprintf(name, sizeof name, "%s." what, cases[i].name), name)
            const float *x = golden(GOLDEN("x"), NULL), *w = golden(GOLDEN("w"), NULL), *dy = golden(GOLDEN("dy"), NULL);
            CHECK(nn_conv2d(y, x, w, golden(GOLDEN("bias"), NULL), &cases[i].d) == NN_OK);
            CHECK(golden_close(y, GOLDEN("y"), TOL_TORCH));
            CHECK(nn_conv2d_backward_input(dx, dy, w, &cases[i].d) == NN_OK);
            CHECK(golden_close(dx, GOLDEN("dx"), TOL_TORCH));
            CHECK(nn_conv2d_backward_weights(dw, x, dy, 0, &cases[i].d) == NN_OK);
            CHECK(golden_close(dw, GOLDEN("dw"), TOL_TORCH));
        }
}

/* ---- gradients against difference quotients ---- */

typedef struct loss {
    const conv *v;
    const float *x, *w, *dy;
    int by_weights;
} loss;

/* sum(dy * conv(x, w)) in double, as a function of x or of w. */
static double loss_value(const double *at, void *context) {
    const loss *l = (const loss *)context;
    const conv *v = l->v;
    double sum = 0;
    for (size_t i = 0; i < v->y_size; i++) {
        const size_t f = i % v->f, ox = i / v->f % v->ow, oy = i / v->f / v->ow % v->oh, n = i / v->f / v->ow / v->oh;
        for (size_t j = 0; j < v->kh * v->kw * v->cg; j++) {
            const size_t c = j % v->cg, kx = j / v->cg % v->kw, ky = j / v->cg / v->kw;
            const ptrdiff_t row = (ptrdiff_t)(oy * v->sy + ky * v->dy) - (ptrdiff_t)v->top;
            const ptrdiff_t column = (ptrdiff_t)(ox * v->sx + kx * v->dx) - (ptrdiff_t)v->left;
            if (is_outside(row, v->h) || is_outside(column, v->w)) continue;
            const size_t ix = ((n * v->h + (size_t)row) * v->w + (size_t)column) * v->c + f / v->fg * v->cg + c,
                         iw = j * v->f + f;
            sum += (double)l->dy[i] * (l->by_weights ? (double)l->x[ix] * at[iw] : at[ix] * (double)l->w[iw]);
        }
    }
    return sum;
}

static void gradients(void) {
    const nn_conv2d_desc cases[] = {
        {CONV(2, 5, 6, 4, 6, 3, 3), .stride_x = 2, .pad_top = 1, .pad_left = 1, .pad_right = 2, .groups = 2},
        {CONV(1, 6, 5, 3, 3, 2, 3), .dilation_y = 2, .pad_bottom = 1, .groups = 3}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        conv v;
        float x[256], w[256], dy[256], dx[256], dw[256];
        uint64_t state = i + 5;
        if (!CHECK(conv_of(&v, &cases[i]) && v.x_size <= 256 && v.y_size <= 256 && v.w_size <= 256)) continue;
        describe(&v);
        test_fill(x, v.x_size, &state), test_fill(w, v.w_size, &state), test_fill(dy, v.y_size, &state);
        CHECK(nn_conv2d_backward_input(dx, dy, w, &cases[i]) == NN_OK &&
              nn_conv2d_backward_weights(dw, x, dy, 0, &cases[i]) == NN_OK);
        loss by_x = {&v, x, w, dy, 0}, by_w = {&v, x, w, dy, 1};
        CHECK(gradient_matches(loss_value, &by_x, x, v.x_size, dx, TOL_GRADIENT));
        CHECK(gradient_matches(loss_value, &by_w, w, v.w_size, dw, TOL_GRADIENT));
    }
}

/* ---- what is refused ---- */

static const nn_conv2d_desc good = {CONV(2, 6, 5, 4, 6, 3, 3), .pad_left = 1, .pad_right = 1};

static void refused(void) {
    size_t oh, ow;
    nn_conv2d_desc d;
#define REFUSED(status, field, value)                                                                                          \
    (d = good, d.field = (value), test_case(#field " = " #value),                                                              \
     CHECK(nn_conv2d_output(&oh, &ow, &d) == (status) && nn_conv2d_workspace(&d) == 0))
    CHECK(nn_conv2d_output(&oh, &ow, &good) == NN_OK && oh == 4 && ow == 5);
    REFUSED(NN_ERROR_ARGUMENT, height, 0);
    REFUSED(NN_ERROR_ARGUMENT, width, 0);
    REFUSED(NN_ERROR_ARGUMENT, channels, 0);
    REFUSED(NN_ERROR_ARGUMENT, filters, 0);
    REFUSED(NN_ERROR_ARGUMENT, kernel_height, 0);
    REFUSED(NN_ERROR_ARGUMENT, kernel_width, 0);
    REFUSED(NN_ERROR_ARGUMENT, kernel_height, 7);
    REFUSED(NN_ERROR_ARGUMENT, kernel_width, 8);
    REFUSED(NN_ERROR_ARGUMENT, dilation_y, 3);
    REFUSED(NN_ERROR_ARGUMENT, groups, 4);
    REFUSED(NN_ERROR_ARGUMENT, groups, 3);
    REFUSED(NN_ERROR_ARGUMENT, activation, NN_ACTIVATION_COUNT);
    REFUSED(NN_ERROR_SIZE, images, SIZE_MAX / 4);
    REFUSED(NN_ERROR_SIZE, channels, SIZE_MAX / 8);
    REFUSED(NN_ERROR_SIZE, filters, SIZE_MAX / 8);
    REFUSED(NN_ERROR_SIZE, height, SIZE_MAX);
    REFUSED(NN_ERROR_SIZE, pad_top, SIZE_MAX);
    REFUSED(NN_ERROR_SIZE, pad_left, SIZE_MAX / 2);
    REFUSED(NN_ERROR_SIZE, dilation_y, SIZE_MAX);
    CHECK(nn_conv2d_output(NULL, &ow, &good) == NN_ERROR_NULL && nn_conv2d_output(&oh, NULL, &good) == NN_ERROR_NULL);
    CHECK(nn_conv2d_output(&oh, &ow, NULL) == NN_ERROR_NULL && nn_conv2d_workspace(NULL) == 0);

    static float x[240], y[240], w[216];
    test_case("pointers");
    CHECK(nn_conv2d(NULL, x, w, NULL, &good) == NN_ERROR_NULL && nn_conv2d(y, NULL, w, NULL, &good) == NN_ERROR_NULL);
    CHECK(nn_conv2d(y, x, NULL, NULL, &good) == NN_ERROR_NULL && nn_conv2d(y, x, w, NULL, NULL) == NN_ERROR_NULL);
    CHECK(nn_conv2d(x, x, w, NULL, &good) == NN_ERROR_ALIAS && nn_conv2d(y, x, y + 100, NULL, &good) == NN_ERROR_ALIAS);
    CHECK(nn_conv2d(y, x, w, y + 3, &good) == NN_ERROR_ALIAS);
    CHECK(nn_conv2d_backward_input(NULL, y, w, &good) == NN_ERROR_NULL &&
          nn_conv2d_backward_input(x, NULL, w, &good) == NN_ERROR_NULL);
    CHECK(nn_conv2d_backward_input(x, y, NULL, &good) == NN_ERROR_NULL &&
          nn_conv2d_backward_input(x, x, w, &good) == NN_ERROR_ALIAS);
    CHECK(nn_conv2d_backward_weights(NULL, x, y, 0, &good) == NN_ERROR_NULL &&
          nn_conv2d_backward_weights(w, NULL, y, 0, &good) == NN_ERROR_NULL);
    CHECK(nn_conv2d_backward_weights(w, x, NULL, 0, &good) == NN_ERROR_NULL &&
          nn_conv2d_backward_weights(x, x, y, 0, &good) == NN_ERROR_ALIAS);

    test_case("no image");
    d = good;
    d.images = 0;
    CHECK(nn_conv2d(NULL, NULL, NULL, NULL, &d) == NN_OK && nn_conv2d_backward_input(NULL, NULL, NULL, &d) == NN_OK);
    for (size_t i = 0; i < COUNT(w); i++) w[i] = 1;
    CHECK(nn_conv2d_backward_weights(w, NULL, NULL, 1, &d) == NN_OK && w[0] == 1 && w[215] == 1);
    CHECK(nn_conv2d_backward_weights(w, NULL, NULL, 0, &d) == NN_OK && w[0] == 0 && w[215] == 0);
    d.kernel_height = d.kernel_width = d.pad_left = d.pad_right = 0;
    CHECK(nn_conv2d(NULL, NULL, NULL, NULL, &d) == NN_ERROR_ARGUMENT);
}

static void no_memory(void) {
    static float x[480], y[480], w[216], before[480];
    uint64_t state = 9;
    test_fill(before, 480, &state);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        meter m = {0, 0, 0, 1};
        const nn_allocator hook = {meter_alloc, meter_free, &m};
        nn_conv2d_desc d = good;
        d.images = 4; /* enough to make packing the weights worth while */
        d.allocator = &hook;
        test_case("no memory");
        memcpy(y, before, sizeof y), memcpy(w, before, sizeof w), memcpy(x, before, sizeof x);
        CHECK(nn_conv2d(y, x, w, NULL, &d) == NN_ERROR_MEMORY && memcmp(y, before, sizeof y) == 0);
        CHECK(nn_conv2d_backward_input(x, y, w, &d) == NN_ERROR_MEMORY && memcmp(x, before, sizeof x) == 0);
        CHECK(nn_conv2d_backward_weights(w, x, y, 0, &d) == NN_ERROR_MEMORY && memcmp(w, before, sizeof w) == 0);
        CHECK(m.calls == 3 && m.live == 0);
    }
}

int main(void) {
    ax = make_array(MOST), ay = make_array(MOST), aw = make_array(MOST);
    adx = make_array(MOST), adw = make_array(MOST), abias = make_array(MOST);
    chosen();
    random_shapes();
    adjoint();
    against_torch();
    gradients();
    refused();
    no_memory();
    return test_end("conv");
}
