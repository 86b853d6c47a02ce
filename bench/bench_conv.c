/* bench_conv.c - convolutions and their gradients: nn_conv2d against PyTorch, that is oneDNN with its choice of algorithms
 *
 *   cc -std=c11 -O2 -I. bench/bench_conv.c -o build/bench/bench_conv -lsleef -lm -ldl
 *   build/bench/bench_conv --filter 28x28
 *
 * Case names: images x height x width x channels, filters, kernel, s its stride, g groups, and the pass:
 *   y   forward, with bias
 *   dx  gradient of the images
 *   dw  gradient of the weights
 * Padding is half the kernel or none. Operations are those of taps inside the image: neither side computes others. PyTorch
 * has its images in the order that suits it best, channels last, as here; its weights as it keeps them, also channels last. */
#define _GNU_SOURCE
#define NN_IMPLEMENTATION
#include "nn.h"

#include "bench.h"
#include "worker.h"
#include "limits.h"
#include "suite.h"

/* A request: pass, images, height and width, channels, filters, kernel, stride, padding, groups. torch_conv.py reads it too. */
typedef struct conv_request {
    char pass[4];
    size_t images, size, channels, filters, kernel, stride, pad, groups;
    size_t out; /* height and width of the result */
} conv_request;

static int conv_read(conv_request *r, const char *request) {
    if (sscanf(request, "%3s %zu %zu %zu %zu %zu %zu %zu %zu", r->pass, &r->images, &r->size, &r->channels, &r->filters,
               &r->kernel, &r->stride, &r->pad, &r->groups) != 9)
        return 0;
    r->out = (r->size + 2 * r->pad - r->kernel) / r->stride + 1;
    return 1;
}

static size_t conv_x_pixels(const conv_request *r) { return r->images * r->size * r->size; }
static size_t conv_y_pixels(const conv_request *r) { return r->images * r->out * r->out; }
static size_t conv_w_rows(const conv_request *r) { return r->kernel * r->kernel * r->channels / r->groups; }

/* ---- nn.h ---- */

static struct {
    conv_request request;
    nn_conv2d_desc desc;
    float *x, *y, *w, *bias;
    nn_status status;
} ours;

static void ours_forward(void *data) { (void)data, ours.status = nn_conv2d(ours.y, ours.x, ours.w, ours.bias, &ours.desc); }
static void ours_input(void *data) { (void)data, ours.status = nn_conv2d_backward_input(ours.x, ours.y, ours.w, &ours.desc); }
static void ours_weights(void *data) {
    (void)data, ours.status = nn_conv2d_backward_weights(ours.w, ours.x, ours.y, 0, &ours.desc);
}

static int ours_prepare(bench_job *job, const char *request) {
    conv_request *r = &ours.request;
    if (!conv_read(r, request)) return 0;
    const nn_conv2d_desc desc = {
        .images = r->images, .height = r->size, .width = r->size, .channels = r->channels, .filters = r->filters,
        .kernel_height = r->kernel, .kernel_width = r->kernel, .stride_y = r->stride, .stride_x = r->stride,
        .pad_top = r->pad, .pad_bottom = r->pad, .pad_left = r->pad, .pad_right = r->pad, .groups = r->groups};
    ours.desc = desc;
    ours.x = bench_input(1, conv_x_pixels(r) * r->channels, -1.0f, 1.0f);
    ours.y = bench_input(2, conv_y_pixels(r) * r->filters, -1.0f, 1.0f);
    ours.w = bench_input(3, conv_w_rows(r) * r->filters, -1.0f, 1.0f);
    ours.bias = bench_input(4, r->filters, -1.0f, 1.0f);
    const char what = r->pass[strlen(r->pass) - 1]; /* y, dx or dw */
    job->call = what == 'y' ? ours_forward : what == 'x' ? ours_input : ours_weights;
    job->out = what == 'y' ? ours.y : what == 'x' ? ours.x : ours.w;
    job->rows = what == 'y' ? conv_y_pixels(r) : what == 'x' ? conv_x_pixels(r) : conv_w_rows(r);
    job->cols = what == 'x' ? r->channels : r->filters;
    return 1;
}

static int ours_open(char *description) {
    snprintf(description, BENCH_TEXT, "nn.h %s, %s", NN_VERSION, nn_isa());
    return nn_isa_status() == NN_OK;
}

static const bench_contender conv_contenders[] = {
    {"nn.h", "nn.h", NULL, "", NULL, 0, ours_open, ours_prepare},
    {"PyTorch", "PyTorch", "avx512 neon", "", "bench/torch_conv.py", 0, NULL, NULL},
    {"PyTorch/avx2", "PyTorch", "avx2", "ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 DNNL_MAX_CPU_ISA=AVX2",
     "bench/torch_conv.py", 0, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL}};

/* ---- cases ---- */

/* images, size, channels, filters, kernel, stride, padding, groups: layers of networks for small images first, then those of
 * larger ones, then depthwise and grouped ones. */
static const size_t conv_shapes[][8] = {
    {64, 28, 1, 32, 3, 1, 1, 1},   {64, 28, 32, 32, 3, 1, 1, 1},  {64, 14, 64, 64, 3, 1, 1, 1},  {64, 7, 128, 128, 3, 1, 1, 1},
    {64, 28, 1, 6, 5, 1, 2, 1},    {64, 14, 6, 16, 5, 1, 0, 1},   {64, 5, 16, 120, 5, 1, 0, 1},  {64, 32, 3, 32, 3, 1, 1, 1},
    {64, 28, 32, 64, 3, 2, 1, 1},  {64, 28, 64, 64, 1, 1, 0, 1},  {64, 28, 64, 128, 1, 2, 0, 1}, {8, 224, 3, 64, 7, 2, 3, 1},
    {8, 56, 64, 64, 3, 1, 1, 1},   {8, 28, 128, 128, 3, 1, 1, 1}, {8, 14, 256, 256, 3, 1, 1, 1}, {8, 7, 512, 512, 3, 1, 1, 1},
    {1, 56, 64, 64, 3, 1, 1, 1},   {1, 7, 512, 512, 3, 1, 1, 1},  {64, 28, 32, 32, 3, 1, 1, 32}, {16, 56, 96, 96, 3, 2, 1, 96},
    {8, 28, 128, 128, 3, 1, 1, 32}};

/* Taps of all outputs of one dimension that are inside the image. */
static double conv_taps(const conv_request *r) {
    size_t taps = 0;
    for (size_t i = 0; i < r->out; i++)
        for (size_t k = 0; k < r->kernel; k++) taps += i * r->stride + k >= r->pad && i * r->stride + k < r->pad + r->size;
    return (double)taps;
}

static bench_case conv_case(const size_t *shape, const char *pass) {
    bench_case c = {.threads = 1};
    char extra[32] = "";
    conv_request r;
    snprintf(c.request, sizeof c.request, "%s %zu %zu %zu %zu %zu %zu %zu %zu", pass, shape[0], shape[1], shape[2], shape[3],
             shape[4], shape[5], shape[6], shape[7]);
    conv_read(&r, c.request);
    if (r.stride > 1) snprintf(extra, sizeof extra, "s%zu ", r.stride);
    if (r.groups > 1) snprintf(extra + strlen(extra), sizeof extra - strlen(extra), "g%zu ", r.groups);
    snprintf(c.name, sizeof c.name, "%zux%zux%zux%zu %zu %zux%zu %s%s", r.images, r.size, r.size, r.channels, r.filters,
             r.kernel, r.kernel, extra, pass);
    c.work = 2.0 * (double)r.images * conv_taps(&r) * conv_taps(&r) * (double)(r.channels / r.groups * r.filters);
    snprintf(c.limit, sizeof c.limit, "fma %.0f", c.work);
    return c;
}

static size_t conv_cases(bench_case *c, size_t most) {
    size_t n = 0;
    for (size_t s = 0; s < sizeof conv_shapes / sizeof *conv_shapes && n + 3 <= most; s++) {
        c[n++] = conv_case(conv_shapes[s], "y");
        if (conv_shapes[s][2] > 3) c[n++] = conv_case(conv_shapes[s], "dx"); /* nobody wants the gradient of the pictures */
        c[n++] = conv_case(conv_shapes[s], "dw");
    }
    return n;
}

/* ---- what is right ---- */

/* The sums of rows of a result, weighted by column, in double: for each output pixel and tap, with their place. */
typedef struct conv_sums {
    const conv_request *r;
    double *row;        /* a sum for each row of the result */
    double *w;          /* forward and dx: the weights of a tap, summed over their columns */
    double *dy;         /* dw: dy, summed over the filters of a group */
} conv_sums;

static double conv_x(size_t i) { return (double)bench_element(1, i); }
static double conv_y(size_t i) { return (double)bench_element(2, i); }
static double conv_w(size_t i) { return (double)bench_element(3, i); }

/* w[tap][channel] = sum over filters, or w[tap][filter] = sum over channels, of weights by the weights of the columns. */
static void conv_sum_weights(const conv_sums *s, int over_channels) {
    const conv_request *r = s->r;
    const size_t in = r->channels / r->groups, out = r->filters / r->groups;
    for (size_t i = 0; i < conv_w_rows(r) * r->filters; i++) {
        const size_t f = i % r->filters, c = f / out * in + i / r->filters % in, tap = i / r->filters / in;
        if (over_channels) s->w[tap * r->filters + f] += bench_column_weight(c) * conv_w(i);
        else s->w[tap * r->channels + c] += bench_column_weight(f) * conv_w(i);
    }
}

static void conv_sum_tap(const conv_sums *s, size_t output, size_t input, size_t tap) {
    const conv_request *r = s->r;
    const size_t in = r->channels / r->groups;
    if (strcmp(r->pass, "y") == 0)
        for (size_t c = 0; c < r->channels; c++)
            s->row[output] += s->w[tap * r->channels + c] * conv_x(input * r->channels + c);
    else if (strcmp(r->pass, "dx") == 0)
        for (size_t f = 0; f < r->filters; f++) s->row[input] += s->w[tap * r->filters + f] * conv_y(output * r->filters + f);
    else
        for (size_t c = 0; c < r->channels; c++)
            s->row[tap * in + c % in] += s->dy[output * r->groups + c / in] * conv_x(input * r->channels + c);
}

static void conv_sum_rows(const conv_sums *s) {
    const conv_request *r = s->r;
    for (size_t o = 0; o < conv_y_pixels(r); o++)
        for (size_t t = 0; t < r->kernel * r->kernel; t++) {
            const size_t row = o / r->out % r->out * r->stride + t / r->kernel, column = o % r->out * r->stride + t % r->kernel;
            if (row < r->pad || column < r->pad || row >= r->pad + r->size || column >= r->pad + r->size) continue;
            conv_sum_tap(s, o, (o / r->out / r->out * r->size + row - r->pad) * r->size + column - r->pad, t);
        }
}

/* As in bench_gemm, a chain of k roundings errs by some 0.15 k epsilon an element, and errors add up like a random walk. */
static void conv_expect(const bench_case *c, double *sketch, double *bound) {
    conv_request r;
    if (!conv_read(&r, c->request)) bench_fail("not a convolution");
    const int forward = strcmp(r.pass, "y") == 0, input = strcmp(r.pass, "dx") == 0;
    const size_t taps = r.kernel * r.kernel, cols = input ? r.channels : r.filters;
    const size_t rows = forward ? conv_y_pixels(&r) : input ? conv_x_pixels(&r) : conv_w_rows(&r);
    const size_t k = forward ? conv_w_rows(&r) : input ? taps * r.filters / r.groups : conv_y_pixels(&r); /* length of a sum */
    const conv_sums s = {&r, (double *)calloc(rows, sizeof(double)),
                         (double *)calloc(taps * (r.channels + r.filters), sizeof(double)),
                         (double *)calloc(conv_y_pixels(&r) * r.groups, sizeof(double))};
    if (!s.row || !s.w || !s.dy) bench_fail("out of memory");
    conv_sum_weights(&s, input);
    for (size_t i = 0; i < conv_y_pixels(&r) * r.filters; i++)
        s.dy[i / r.filters * r.groups + i % r.filters / (r.filters / r.groups)] +=
            bench_column_weight(i % r.filters) * conv_y(i);
    conv_sum_rows(&s);
    double bias = 0.0;
    for (size_t f = 0; forward && f < r.filters; f++) bias += bench_column_weight(f) * (double)bench_element(4, f);
    memset(sketch, 0, BENCH_SKETCH * sizeof *sketch);
    for (size_t i = 0; i < rows; i++) sketch[i % BENCH_SKETCH] += bench_row_weight(i) * (s.row[i] + bias);
    const double elements = (double)cols * ceil((double)rows / BENCH_SKETCH);
    for (size_t i = 0; i < BENCH_SKETCH; i++) bound[i] = 2.0 * (double)(k + 4) * sqrt(elements + 4.0) * BENCH_EPSILON;
    free(s.row);
    free(s.w);
    free(s.dy);
}

int main(int argc, char **argv) {
    const bench_suite suite = {"bench_conv", "GFLOP/s", 0, conv_contenders, conv_cases, conv_expect};
    return bench_main(&suite, argc, argv);
}
