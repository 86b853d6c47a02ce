/* bench_image.c - images: nn.h against OpenCV
 *
 *   cc -std=c11 -O2 -I. bench/bench_image.c -o build/bench/bench_image -lsleef -lm -ldl
 *   build/bench/bench_image --filter affine
 *
 * Case names: what is done, and height x width x channels, of floats or, with u8, of bytes. Times are microseconds an image.
 *   flip      left and right
 *   affine    turned by about 13 degrees, enlarged, moved: bilinear, zeros outside
 *   bicubic   the same with sixteen pixels
 *   resize    to 224 x 224, bilinear without antialiasing
 *   elastic   a random field of Gaussian deviation 4 over the affine map: one resampling
 *   augment   the pipeline with the settings for digits (sigma 6) or CIFAR, from bytes; OpenCV has no such thing
 * OpenCV is a library of its own (opencv_peer.cpp), called as from C++. The limit is copying the image. Numbers of the map are
 * multiples of 1/32, to which OpenCV rounds places: so both compute the same. */
#define _GNU_SOURCE
#define NN_IMPLEMENTATION
#include "nn.h"

#include "bench.h"
#include "worker.h"
#include "limits.h"
#include "suite.h"

typedef struct image_request {
    char name[16];
    size_t height, width, channels;
    int bytes;
} image_request;

static int image_read(image_request *r, const char *text) {
    return sscanf(text, "%15s %zu %zu %zu %d", r->name, &r->height, &r->width, &r->channels, &r->bytes) == 5;
}
static int image_is(const image_request *r, const char *name) { return strcmp(r->name, name) == 0; }
static int image_is_random(const image_request *r) { return image_is(r, "elastic") || image_is(r, "augment"); }
static size_t image_size(const image_request *r) { return r->height * r->width * r->channels; }
static size_t image_out_height(const image_request *r) { return image_is(r, "resize") ? 224 : r->height; }
static size_t image_out_width(const image_request *r) { return image_is(r, "resize") ? 224 : r->width; }
static size_t image_out_size(const image_request *r) { return image_out_height(r) * image_out_width(r) * r->channels; }

/* Turns about the centre, as nearly as multiples of 1/32 do. */
static void image_matrix(double m[6], const image_request *r) {
    const double column = floor(((double)r->width - 1) / 2), row = floor(((double)r->height - 1) / 2);
    m[0] = 29.0 / 32, m[1] = -7.0 / 32, m[3] = 7.0 / 32, m[4] = 28.0 / 32;
    m[2] = column - m[0] * column - m[1] * row + 3.0 / 32;
    m[5] = row - m[3] * column - m[4] * row + 5.0 / 32;
}

/* Floats in [0, 1), of bytes whole numbers. */
static float image_value(const image_request *r, size_t i) {
    const float v = 0.5f + 0.5f * bench_element(1, i);
    return r->bytes ? floorf(v * 256.0f) : v;
}

/* ---- the contenders' common part ---- */

static struct {
    image_request request;
    void *x, *y;
    float *shown; /* the result as floats, for the sketch */
    double m[6];
    nn_transform t;
    nn_random random;
    nn_augment augment;
    float *work;
    uint64_t sample;
} image;

static nn_image image_of(void *pixels, size_t height, size_t width) {
    const nn_image a = {pixels, height, width, image.request.channels, 0, image.request.bytes};
    return a;
}

static void image_sketch(double *sketch) {
    const size_t n = image_out_size(&image.request);
    for (size_t i = 0; i < n; i++)
        image.shown[i] = image.request.bytes ? (float)((uint8_t *)image.y)[i] : ((float *)image.y)[i];
    bench_sketch(sketch, image.shown, image_out_height(&image.request), n / image_out_height(&image.request));
}

/* Arrays of the case; random results are floats whatever the source is. */
static int image_prepare(bench_job *job, const char *request) {
    image_request *r = &image.request;
    if (!image_read(r, request)) return 0;
    image.x = bench_floats(image_size(r));
    image.y = bench_floats(image_out_size(r));
    image.shown = bench_floats(image_out_size(r));
    for (size_t i = 0; i < image_size(r); i++)
        if (r->bytes) ((uint8_t *)image.x)[i] = (uint8_t)image_value(r, i);
        else ((float *)image.x)[i] = image_value(r, i);
    image_matrix(image.m, r);
    if (image_is_random(r)) {
        job->out = (const float *)image.y;
        job->rows = r->height;
        job->cols = r->width * r->channels;
        job->moments = 1;
    } else {
        job->sketch = image_sketch;
    }
    return 1;
}

/* ---- nn.h ---- */

static void ours_must(nn_status status) {
    if (status != NN_OK) bench_fail(nn_status_message(status));
}
static nn_image ours_y(void) { return image_of(image.y, image_out_height(&image.request), image_out_width(&image.request)); }
static nn_image ours_x(void) { return image_of(image.x, image.request.height, image.request.width); }

static void ours_flip(void *data) { (void)data, ours_must(nn_image_flip(ours_y(), ours_x(), 1, 0)); }
static void ours_affine(void *data) { (void)data, ours_must(nn_image_affine(ours_y(), ours_x(), image.t, NULL)); }
static void ours_bicubic(void *data) {
    const nn_image_desc desc = {.sampling = NN_BICUBIC};
    (void)data;
    ours_must(nn_image_affine(ours_y(), ours_x(), image.t, &desc));
}
static void ours_resize(void *data) {
    const nn_resize_desc desc = {.plain = 1};
    (void)data;
    ours_must(nn_image_resize(ours_y(), ours_x(), &desc));
}
static void ours_elastic(void *data) {
    (void)data;
    ours_must(nn_image_elastic(ours_y(), ours_x(), image.t, 34, 4, &image.random, NULL));
}
static void ours_augment(void *data) {
    const image_request *r = &image.request;
    (void)data;
    nn_augment_bytes((float *)image.y, (const uint8_t *)image.x, nn_shape_image(r->height, r->width, r->channels),
                     &image.augment, 1, 2, image.sample++, image.work);
}

static int ours_open(char *description) {
    snprintf(description, BENCH_TEXT, "%s %s", NN_VERSION, nn_isa());
    return nn_isa_status() == NN_OK;
}

static int ours_prepare(bench_job *job, const char *request) {
    static const struct {
        const char *name;
        void (*call)(void *data);
    } calls[] = {{"flip", ours_flip},     {"affine", ours_affine},   {"bicubic", ours_bicubic},
                 {"resize", ours_resize}, {"elastic", ours_elastic}, {"augment", ours_augment}};
    const image_request *r = &image.request;
    if (!image_prepare(job, request)) return 0;
    const nn_shape shape = nn_shape_image(r->height, r->width, r->channels);
    image.t = nn_transform_from_matrix(image.m, shape, shape);
    if (image_is(r, "augment")) {
        image.augment = r->channels == 1 ? nn_augment_digits() : nn_augment_cifar();
        ours_must(nn_augment_check(&image.augment, shape));
        image.work = bench_floats(nn_augment_work(&image.augment, shape));
    }
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (image_is(r, calls[i].name)) job->call = calls[i].call;
    return job->call != NULL;
}

/* ---- OpenCV ---- */

static struct {
    void (*flip)(void *y, const void *x, int height, int width, int channels, int bytes);
    void (*affine)(void *y, const void *x, int height, int width, int channels, int bytes, const double *m, int cubic);
    void (*resize)(void *y, int y_height, int y_width, const void *x, int height, int width, int channels, int bytes);
    void (*elastic)(float *y, const float *x, int height, int width, int channels, const double *m, double alpha, double sigma);
} peer;

static int peer_open(char *description) {
    const char *(*version)(void);
    void *library = bench_library("libopencv_peer.so");
    if (!BENCH_SYMBOL(library, "peer_version", version) || !BENCH_SYMBOL(library, "peer_flip", peer.flip) ||
        !BENCH_SYMBOL(library, "peer_affine", peer.affine) || !BENCH_SYMBOL(library, "peer_resize", peer.resize) ||
        !BENCH_SYMBOL(library, "peer_elastic", peer.elastic)) {
        snprintf(description, BENCH_TEXT, "libopencv_peer.so was not built (bench/run.sh; needs libopencv-dev)");
        return 0;
    }
    snprintf(description, BENCH_TEXT, "OpenCV %s from C++", version());
    return 1;
}

static void peer_call(void *data) {
    const image_request *r = &image.request;
    const int height = (int)r->height, width = (int)r->width, channels = (int)r->channels;
    (void)data;
    if (*r->name == 'f') peer.flip(image.y, image.x, height, width, channels, r->bytes);
    else if (*r->name == 'r') peer.resize(image.y, 224, 224, image.x, height, width, channels, r->bytes);
    else if (*r->name == 'e') peer.elastic((float *)image.y, (const float *)image.x, height, width, channels, image.m, 34, 4);
    else peer.affine(image.y, image.x, height, width, channels, r->bytes, image.m, *r->name == 'b');
}

static int peer_prepare(bench_job *job, const char *request) {
    if (!image_prepare(job, request) || image_is(&image.request, "augment")) return 0;
    job->call = peer_call;
    return 1;
}

static const bench_contender image_contenders[] = {
    {"nn.h", "nn.h", NULL, "", NULL, 0, ours_open, ours_prepare},
    {"OpenCV", "OpenCV", NULL, "", NULL, 0, peer_open, peer_prepare}, /* distributions build it for AVX2 at most */
    {NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL}};

/* ---- cases ---- */

static const struct image_case {
    const char *name, *request;
} image_cases[] = {{"flip 28x28x1", "flip 28 28 1 0"},
                   {"flip 32x32x3", "flip 32 32 3 0"},
                   {"flip 224x224x1", "flip 224 224 1 0"},
                   {"flip 224x224x3", "flip 224 224 3 0"},
                   {"flip 224x224x4", "flip 224 224 4 0"},
                   {"flip u8 28x28x1", "flip 28 28 1 1"},
                   {"flip u8 224x224x1", "flip 224 224 1 1"},
                   {"flip u8 224x224x3", "flip 224 224 3 1"},
                   {"affine 28x28x1", "affine 28 28 1 0"},
                   {"affine 32x32x3", "affine 32 32 3 0"},
                   {"affine 224x224x1", "affine 224 224 1 0"},
                   {"affine 224x224x3", "affine 224 224 3 0"},
                   {"affine u8 28x28x1", "affine 28 28 1 1"},
                   {"affine u8 224x224x3", "affine 224 224 3 1"},
                   {"bicubic 28x28x1", "bicubic 28 28 1 0"},
                   {"bicubic 224x224x3", "bicubic 224 224 3 0"},
                   {"resize 500x375x3", "resize 500 375 3 0"},
                   {"resize 112x112x1", "resize 112 112 1 0"},
                   {"resize u8 500x375x3", "resize 500 375 3 1"},
                   {"elastic 28x28x1", "elastic 28 28 1 0"},
                   {"elastic 224x224x3", "elastic 224 224 3 0"},
                   {"augment digits 28x28x1", "augment 28 28 1 1"},
                   {"augment cifar 32x32x3", "augment 32 32 3 1"}};
#define IMAGE_CASES (sizeof image_cases / sizeof *image_cases)

static size_t image_list(bench_case *c, size_t most) {
    size_t n = 0;
    for (; n < IMAGE_CASES && n < most; n++) {
        image_request r;
        memset(&c[n], 0, sizeof c[n]);
        if (!image_read(&r, image_cases[n].request)) bench_fail("not a case");
        snprintf(c[n].name, sizeof c[n].name, "%s", image_cases[n].name);
        snprintf(c[n].request, sizeof c[n].request, "%s", image_cases[n].request);
        snprintf(c[n].limit, sizeof c[n].limit, "copy %zu", image_out_size(&r) / (r.bytes ? 4 : 1));
        c[n].work = 1000.0; /* nanoseconds to microseconds */
        c[n].threads = 1;
    }
    return n;
}

/* ---- what is right, in double ---- */

static double expect_pixel(const image_request *r, double row, double column, size_t c, int edge) {
    const double bottom = (double)r->height - 1, right = (double)r->width - 1;
    if (edge) row = fmin(fmax(row, 0), bottom), column = fmin(fmax(column, 0), right);
    if (row < 0 || row > bottom || column < 0 || column > right) return 0.0;
    return (double)image_value(r, ((size_t)row * r->width + (size_t)column) * r->channels + c);
}
static double expect_weight(double t, int cubic) {
    t = fabs(t);
    if (!cubic) return fmax(0, 1 - t);
    return t < 1 ? (1.25 * t - 2.25) * t * t + 1 : t < 2 ? ((-0.75 * t + 3.75) * t - 6) * t + 3 : 0;
}
static double expect_value(const image_request *r, double sx, double sy, size_t c) {
    const int cubic = image_is(r, "bicubic"), edge = image_is(r, "resize");
    double sum = 0.0;
    for (int i = -1; i < 3; i++)
        for (int j = -1; j < 3; j++) {
            const double row = floor(sy) + i, column = floor(sx) + j,
                         weight = expect_weight(sy - row, cubic) * expect_weight(sx - column, cubic);
            if (weight != 0.0) sum += weight * expect_pixel(r, row, column, c, edge);
        }
    return r->bytes ? fmin(255, fmax(0, sum)) : sum;
}

static void image_expect(const bench_case *c, double *sketch, double *bound) {
    image_request r;
    double m[6];
    if (!image_read(&r, c->request)) bench_fail("not a case");
    const size_t height = image_out_height(&r), width = image_out_width(&r), row = width * r.channels;
    memset(sketch, 0, BENCH_SKETCH * sizeof *sketch);
    memset(bound, 0, BENCH_SKETCH * sizeof *bound);
    if (image_is_random(&r)) { /* of values uniform in [0, 1), smoothed, with some border */
        sketch[0] = 0.45, sketch[1] = 0.27;
        bound[0] = bound[1] = 0.15;
        return;
    }
    bench_release();
    float *y = bench_floats(height * row);
    image_matrix(m, &r);
    for (size_t i = 0; i < height; i++)
        for (size_t j = 0; j < row; j++) {
            const double column = (double)(j / r.channels), line = (double)i;
            double sx = m[0] * column + m[1] * line + m[2], sy = m[3] * column + m[4] * line + m[5];
            if (image_is(&r, "flip")) sx = (double)width - 1 - column, sy = line;
            if (image_is(&r, "resize"))
                sx = (column + 0.5) * (double)r.width / (double)width - 0.5,
                sy = (line + 0.5) * (double)r.height / (double)height - 0.5;
            y[i * row + j] = (float)expect_value(&r, sx, sy, j % r.channels);
        }
    bench_sketch(sketch, y, height, row);
    /* Floats agree to some 1e-6 of the range; bytes are rounded, by each in its way, and errors of random signs add up. */
    const double values = (double)(height * row) / BENCH_SKETCH;
    for (size_t i = 0; i < BENCH_SKETCH; i++)
        bound[i] = image_is(&r, "flip") ? 1e-3 : r.bytes ? 6.0 * sqrt(values) + 2.0 : 2e-5 * values + 1e-5;
    bench_release();
}

int main(int argc, char **argv) {
    const bench_suite suite = {"bench_image", "us/image", 1, image_contenders, image_list, image_expect};
    return bench_main(&suite, argc, argv);
}
