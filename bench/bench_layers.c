/* bench_layers.c - layers and whole networks, forward and back: nn.h against PyTorch
 *
 *   cc -std=c11 -O2 -I. bench/bench_layers.c -o build/bench/bench_layers -lsleef -lm -ldl
 *   build/bench/bench_layers --filter train
 *
 * Case names: the layer and its matrix, rows x columns; a dense layer has rows x inputs x outputs, a pool of 2 x 2 images x height
 * x width x channels. Of layers, both passes with all gradients; their time is one for an element of the input, that of dense
 * layers and networks one for a sample.
 *   train    forward and backward pass of a network of dense layers with ReLU, from labels to the gradients of all parameters
 *   step     the same, then a step of gradient descent
 *   predict  probabilities
 *   cnn      as train: two convolutions of 3 x 3, each with ReLU and a pool of 2 x 2, and two dense layers
 * "bn" has batch norms before the ReLUs. The limits are arithmetic, or the time to move arguments and results once; of a
 * prediction for one sample, that of the weights. Nets of a few numbers show what a pass costs that computes nothing. */
#define _GNU_SOURCE
#define NN_IMPLEMENTATION
#include "nn.h"

#include "bench.h"
#include "worker.h"
#include "limits.h"
#include "layers_exact.h"
#include "suite.h"

/* ---- layers of nn.h ---- */

static struct {
    layers_request request;
    size_t rows, n, out;
    float *x, *w, *b, *gamma, *dy;     /* given */
    float *y, *dx, *dw, *db, *dgamma;  /* computed; db is also the gradient of beta */
    float *mean, *variance, *running;
    uint32_t *labels, *index;          /* index: of the pixels that a pool took */
    nn_pool2d_desc pool;
    nn_random random;
    float value;
} ours;

static void ours_fail(nn_status status) {
    if (status != NN_OK) bench_fail(nn_status_message(status));
}

static void ours_dense(void *data) {
    nn_sgemm_desc forward = {.bias = ours.b}, by_weights = {.transpose_a = 1}, by_input = {.transpose_b = 1};
    (void)data;
    ours_fail(nn_sgemm(ours.y, ours.x, ours.w, ours.rows, ours.out, ours.n, 1.0f, 0.0f, &forward));
    ours_fail(nn_sgemm(ours.dw, ours.x, ours.dy, ours.n, ours.out, ours.rows, 1.0f, 0.0f, &by_weights));
    nn_sum_columns(ours.db, ours.dy, ours.rows, ours.out, 0);
    ours_fail(nn_sgemm(ours.dx, ours.dy, ours.w, ours.rows, ours.n, ours.out, 1.0f, 0.0f, &by_input));
}

static void ours_batch_norm(void *data) {
    (void)data;
    nn_batch_norm_statistics(ours.mean, ours.variance, ours.x, ours.rows, ours.n);
    nn_batch_norm(ours.y, ours.x, ours.mean, ours.variance, ours.gamma, ours.b, ours.rows, ours.n, LAYERS_EPSILON);
    nn_batch_norm_average(ours.running, ours.running + ours.n, ours.mean, ours.variance, ours.rows, ours.n, 0.1f);
    nn_batch_norm_backward(ours.dx, ours.dgamma, ours.db, ours.dy, ours.x, ours.mean, ours.variance, ours.gamma, ours.rows,
                           ours.n, LAYERS_EPSILON, 0);
}

static void ours_layer_norm(void *data) {
    (void)data;
    nn_layer_norm(ours.y, ours.mean, ours.variance, ours.x, ours.gamma, ours.b, ours.rows, ours.n, LAYERS_EPSILON);
    nn_layer_norm_backward(ours.dx, ours.dgamma, ours.db, ours.dy, ours.x, ours.mean, ours.variance, ours.gamma, ours.rows,
                           ours.n, 0);
}

static void ours_cross_entropy(void *data) {
    const nn_loss_desc desc = {.loss = NN_LOSS_SOFTMAX_CE, .labels = ours.labels};
    (void)data;
    ours_fail(nn_loss_run(&ours.value, NULL, ours.dx, ours.x, ours.rows, ours.n, &desc));
}

static void ours_dropout(void *data) {
    (void)data;
    nn_dropout(ours.y, ours.x, ours.rows * ours.n, LAYERS_KEEP, 1.0f / LAYERS_KEEP, &ours.random);
}

static void ours_sum_columns(void *data) {
    (void)data;
    nn_sum_columns(ours.y, ours.x, ours.rows, ours.n, 0);
}

static void ours_max_pool(void *data) {
    (void)data;
    ours_fail(nn_max_pool2d(ours.y, ours.index, ours.x, &ours.pool));
    ours_fail(nn_max_pool2d_backward(ours.dx, ours.dy, ours.index, &ours.pool));
}

static void ours_average_pool(void *data) {
    (void)data;
    ours_fail(nn_average_pool2d(ours.y, ours.x, &ours.pool));
    ours_fail(nn_average_pool2d_backward(ours.dx, ours.dy, &ours.pool));
}

static void ours_sketch_dense(double *sketch) {
    layers_sketch(sketch, 0, ours.y, ours.rows * ours.out);
    layers_sketch(sketch, 1, ours.dx, ours.rows * ours.n);
    layers_sketch(sketch, 2, ours.dw, ours.n * ours.out);
    layers_sketch(sketch, 3, ours.db, ours.out);
}
static void ours_sketch_norm(double *sketch) {
    layers_sketch(sketch, 0, ours.y, ours.rows * ours.n);
    layers_sketch(sketch, 1, ours.dx, ours.rows * ours.n);
    layers_sketch(sketch, 2, ours.dgamma, ours.n);
    layers_sketch(sketch, 3, ours.db, ours.n);
}
static void ours_sketch_cross_entropy(double *sketch) {
    layers_sketch(sketch, 0, &ours.value, 1);
    layers_sketch(sketch, 1, ours.dx, ours.rows * ours.n);
}
static void ours_sketch_pool(double *sketch) {
    layers_sketch(sketch, 0, ours.y, ours.rows / 4 * ours.n);
    layers_sketch(sketch, 1, ours.dx, ours.rows * ours.n);
}
static void ours_sketch_sum_columns(double *sketch) { layers_sketch(sketch, 0, ours.y, ours.n); }

/* bench_floats for whole numbers, which are as large. */
static uint32_t *ours_numbers(size_t n) { return (uint32_t *)(void *)bench_floats(n); }

static uint32_t *ours_labels(size_t rows, size_t classes) {
    uint32_t *labels = ours_numbers(rows);
    for (size_t i = 0; i < rows; i++) labels[i] = layers_label(i, classes);
    return labels;
}

static void ours_prepare_dense(bench_job *job) {
    ours.out = ours.request.size[2];
    ours.w = layers_weights(0, ours.n, ours.n * ours.out);
    ours.b = layers_bias(0, ours.out);
    ours.dy = layers_dy(ours.rows * ours.out);
    ours.y = bench_floats(ours.rows * ours.out);
    ours.dx = bench_floats(ours.rows * ours.n);
    ours.dw = bench_floats(ours.n * ours.out);
    ours.db = bench_floats(ours.out);
    job->call = ours_dense;
    job->sketch = ours_sketch_dense;
}

static void ours_prepare_norm(bench_job *job) {
    const size_t most = ours.rows > ours.n ? ours.rows : ours.n;
    ours.gamma = layers_gamma(0, ours.n);
    ours.b = layers_bias(0, ours.n);
    ours.dy = layers_dy(ours.rows * ours.n);
    ours.y = bench_floats(ours.rows * ours.n);
    ours.dx = bench_floats(ours.rows * ours.n);
    ours.dgamma = bench_floats(ours.n);
    ours.db = bench_floats(ours.n);
    ours.mean = bench_floats(most);
    ours.variance = bench_floats(most);
    ours.running = bench_floats(2 * ours.n);
    job->call = layers_is(&ours.request, "layer_norm") ? ours_layer_norm : ours_batch_norm;
    job->sketch = ours_sketch_norm;
}

static void ours_prepare_cross_entropy(bench_job *job) {
    ours.labels = ours_labels(ours.rows, ours.n);
    ours.dx = bench_floats(ours.rows * ours.n);
    job->call = ours_cross_entropy;
    job->sketch = ours_sketch_cross_entropy;
}

static void ours_prepare_dropout(bench_job *job) {
    ours.y = bench_floats(ours.rows * ours.n);
    job->call = ours_dropout;
    job->out = ours.y;
    job->rows = ours.rows;
    job->cols = ours.n;
    job->moments = 1;
}

static void ours_prepare_sum_columns(bench_job *job) {
    ours.y = bench_floats(ours.n);
    job->call = ours_sum_columns;
    job->sketch = ours_sketch_sum_columns;
}

static void ours_prepare_pool(bench_job *job) {
    const size_t side = ours.request.size[2], outputs = ours.rows / 4 * ours.n;
    const nn_pool2d_desc desc = {.images = ours.rows / (side * side), .height = side, .width = side, .channels = ours.n,
                                 .kernel_height = 2, .kernel_width = 2};
    ours.pool = desc;
    ours.dy = layers_dy(outputs);
    ours.y = bench_floats(outputs);
    ours.index = ours_numbers(outputs);
    ours.dx = bench_floats(ours.rows * ours.n);
    job->call = layers_is(&ours.request, "max_pool") ? ours_max_pool : ours_average_pool;
    job->sketch = ours_sketch_pool;
}

/* ---- networks of nn.h ---- */

static struct {
    nn_model *model;
    nn_node input, loss;
    size_t batch, classes;
    const float *x;
    uint32_t *labels;
    float *initial, *p; /* parameters before the first step; predictions */
    nn_parameters all;
} net;

static void net_train(void *data) {
    (void)data;
    ours_fail(nn_feed(net.model, net.input, net.x));
    ours_fail(nn_feed_labels(net.model, net.loss, net.labels));
    ours_fail(nn_forward(net.model, net.batch, NN_TRAIN));
    ours_fail(nn_backward(net.model, 0));
}

static void net_step(void *data) {
    net_train(data);
    nn_axpy(net.all.values, net.all.gradients, net.all.trained, -LAYERS_RATE);
}

static void net_predict(void *data) {
    (void)data;
    ours_fail(nn_predict(net.model, net.p, net.x, net.batch));
}

static void net_sketch_gradients(double *sketch) {
    const float loss = nn_loss_value(net.model, net.loss);
    nn_parameter p;
    size_t part = 0;
    layers_sketch(sketch, part++, &loss, 1);
    for (size_t i = 0; nn_parameter_at(net.model, i, &p) == NN_OK; i++)
        if (p.gradients) layers_sketch(sketch, part++, p.gradients, p.rows * p.columns);
}

/* A step as the gradients that it stands for. */
static void net_sketch_step(double *sketch) {
    for (size_t i = 0; i < net.all.trained; i++) net.all.gradients[i] = (net.initial[i] - net.all.values[i]) / LAYERS_RATE;
    net_sketch_gradients(sketch);
}

static void net_sketch_predictions(double *sketch) { layers_sketch(sketch, 0, net.p, net.batch * net.classes); }

static nn_node net_dense(nn_model *m, nn_node x, size_t units, int normed) {
    x = normed ? nn_layer_batch_norm(m, nn_layer_dense_no_bias(m, x, units)) : nn_layer_dense(m, x, units);
    return nn_layer_relu(m, x);
}

static nn_node net_conv(nn_model *m, nn_node x, size_t filters) {
    return nn_layer_max_pool(m, nn_layer_relu(m, nn_layer_conv2d(m, x, filters, 3)), 2, 2);
}

/* The nodes of a request, up to the logits. */
static nn_node net_nodes(nn_model *m, const layers_request *r) {
    size_t i = 2;
    nn_node x;
    if (layers_is(r, "cnn")) {
        x = net.input = nn_layer_input(m, nn_shape_image(r->size[1], r->size[1], 1));
        for (; i < 4; i++) x = net_conv(m, x, r->size[i]);
    } else {
        x = net.input = nn_layer_input(m, nn_shape_vector(r->size[1]));
    }
    for (; i + 1 < r->sizes; i++) x = net_dense(m, x, r->size[i], layers_normed(r));
    return nn_layer_dense(m, x, r->size[i]);
}

/* The parameters as layers.h has them; every layer begins with its weights. */
static void net_fill(nn_model *m) {
    nn_parameter p;
    size_t layer = 0;
    for (size_t i = 0; nn_parameter_at(m, i, &p) == NN_OK; i++) {
        const char *kind = strchr(p.name, '.') + 1;
        const size_t n = p.rows * p.columns;
        const float *values = NULL;
        if (strcmp(kind, "weights") == 0) values = layers_weights(layer++, p.rows, n);
        else if (strcmp(kind, "gamma") == 0) values = layers_gamma(layer - 1, n);
        else if (strcmp(kind, "bias") == 0 || strcmp(kind, "beta") == 0) values = layers_bias(layer - 1, n);
        if (values) memcpy(p.values, values, n * sizeof *values);
    }
}

static void net_prepare(bench_job *job, const layers_request *r) {
    const int predict = layers_is(r, "predict"), step = strncmp(r->pass, "step", 4) == 0;
    const nn_build_desc desc = {.batch = r->size[0], .inference = predict};
    nn_model_free(net.model);
    net.model = nn_model_new(NULL);
    net.batch = r->size[0];
    net.classes = r->size[r->sizes - 1];
    net.loss = nn_layer_loss(net.model, net_nodes(net.model, r), NN_LOSS_SOFTMAX_CE);
    if (nn_model_build(net.model, &desc) != NN_OK) bench_fail(nn_error(net.model));
    net_fill(net.model);
    net.all = nn_parameters_of(net.model);
    net.x = layers_x(net.batch * nn_shape_size(nn_node_shape(net.model, net.input)));
    net.labels = ours_labels(net.batch, net.classes);
    net.initial = bench_floats(net.all.total);
    net.p = bench_floats(net.batch * net.classes);
    memcpy(net.initial, net.all.values, net.all.total * sizeof *net.initial);
    job->call = predict ? net_predict : step ? net_step : net_train;
    job->sketch = predict ? net_sketch_predictions : step ? net_sketch_step : net_sketch_gradients;
}

/* ---- contenders ---- */

typedef struct layers_pass {
    const char *name;
    void (*prepare)(bench_job *job);                              /* NULL: a network */
    void (*expect)(exact_sketch *s, const layers_request *r);     /* NULL: random */
} layers_pass;

static const layers_pass layers_passes[] = {
    {"dense", ours_prepare_dense, exact_dense_case},
    {"batch_norm", ours_prepare_norm, exact_norm_case},
    {"layer_norm", ours_prepare_norm, exact_norm_case},
    {"softmax_ce", ours_prepare_cross_entropy, exact_cross_entropy_case},
    {"dropout", ours_prepare_dropout, NULL},
    {"sum_columns", ours_prepare_sum_columns, exact_sum_columns_case},
    {"max_pool", ours_prepare_pool, exact_pool_case},
    {"average_pool", ours_prepare_pool, exact_pool_case},
    {"train", NULL, exact_net_case},
    {"train_norm", NULL, exact_net_case},
    {"step", NULL, exact_net_case},
    {"step_norm", NULL, exact_net_case},
    {"predict", NULL, exact_net_case},
    {"cnn", NULL, exact_cnn_case},
};
#define LAYERS_PASSES (sizeof layers_passes / sizeof *layers_passes)

static const layers_pass *layers_pass_of(const layers_request *r) {
    for (const layers_pass *p = layers_passes; p < layers_passes + LAYERS_PASSES; p++)
        if (layers_is(r, p->name)) return p;
    bench_fail("no such pass");
    return NULL;
}

static int ours_prepare(bench_job *job, const char *request) {
    if (!layers_read(&ours.request, request)) return 0;
    const layers_pass *pass = layers_pass_of(&ours.request);
    if (!pass->prepare) {
        net_prepare(job, &ours.request);
        return 1;
    }
    ours.rows = ours.request.size[0];
    ours.n = ours.request.size[1];
    ours.x = layers_x(ours.rows * ours.n);
    pass->prepare(job);
    return 1;
}

static int ours_open(char *description) {
    snprintf(description, BENCH_TEXT, "nn.h %s, %s, exp and log: %s", NN_VERSION, nn_isa(), nn_maths_backend());
    return nn_isa_status() == NN_OK;
}

/* Dense layers are BLAS's, which may not know the processor: hence one more process that is told to use its AVX-512 kernels. */
static const bench_contender layers_contenders[] = {
    {"nn.h", "nn.h", NULL, "", NULL, 0, ours_open, ours_prepare},
    {"PyTorch", "PyTorch", "avx512 neon", "", "bench/torch_layers.py", 0, NULL, NULL},
    {"PyTorch/cpx", "PyTorch", "avx512", "OPENBLAS_CORETYPE=Cooperlake", "bench/torch_layers.py", 0, NULL, NULL},
    {"PyTorch/avx2", "PyTorch", "avx2",
     "ATEN_CPU_CAPABILITY=avx2 OPENBLAS_CORETYPE=Haswell ONEDNN_MAX_CPU_ISA=AVX2 DNNL_MAX_CPU_ISA=AVX2",
     "bench/torch_layers.py", 0, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL}};

/* ---- cases ---- */

/* What the hardware needs: `copies` of an element, a float read and one written; or operations, two for each weight of a dense
 * layer and pass. `apart`: too small for a ratio to say more than what a call from Python costs. */
static const struct layers_case {
    const char *name, *request;
    double copies, reads;
    int apart;
} layers_cases[] = {
    {"dense 50x784x300", "dense 50 784 300", 0, 0, 0},
    {"dense 50x784x800", "dense 50 784 800", 0, 0, 0},
    {"dense 64x784x300", "dense 64 784 300", 0, 0, 0},
    {"dense 64x784x800", "dense 64 784 800", 0, 0, 0},
    {"batch_norm 50x300", "batch_norm 50 300", 2.5, 0, 0},
    {"batch_norm 64x784", "batch_norm 64 784", 2.5, 0, 0},
    {"batch_norm 128x2000", "batch_norm 128 2000", 2.5, 0, 0},
    {"batch_norm 50176x32", "batch_norm 50176 32", 2.5, 0, 0},
    {"batch_norm 12544x64", "batch_norm 12544 64", 2.5, 0, 0},
    {"layer_norm 64x784", "layer_norm 64 784", 2.5, 0, 0},
    {"layer_norm 128x2000", "layer_norm 128 2000", 2.5, 0, 0},
    {"softmax_ce 50x10", "softmax_ce 50 10", 1, 0, 0},
    {"softmax_ce 64x10", "softmax_ce 64 10", 1, 0, 0},
    {"softmax_ce 128x10", "softmax_ce 128 10", 1, 0, 0},
    {"softmax_ce 64x1000", "softmax_ce 64 1000", 1, 0, 0},
    {"dropout 64K", "dropout 64 1024", 1, 0, 0},
    {"dropout 1M", "dropout 1024 1024", 1, 0, 0},
    {"sum_columns 50x300", "sum_columns 50 300", 0, 1, 0},
    {"sum_columns 64x784", "sum_columns 64 784", 0, 1, 0},
    {"sum_columns 12544x64", "sum_columns 12544 64", 0, 1, 0},
    {"max_pool 4x28x28x64", "max_pool 3136 64 28", 1.5, 0, 0},
    {"max_pool 64x28x28x16", "max_pool 50176 16 28", 1.5, 0, 0},
    {"average_pool 4x28x28x64", "average_pool 3136 64 28", 1.25, 0, 0},
    {"average_pool 64x28x28x16", "average_pool 50176 16 28", 1.25, 0, 0},
    {"train 50 mlp", "train 50 784 300 100 10", 0, 0, 0},
    {"train 50 mlp bn", "train_norm 50 784 300 100 10", 0, 0, 0},
    {"step 50 mlp", "step 50 784 300 100 10", 0, 0, 0},
    {"step 50 mlp bn", "step_norm 50 784 300 100 10", 0, 0, 0},
    {"predict 1 mlp", "predict 1 784 300 100 10", 0, 0, 0},
    {"predict 256 mlp", "predict 256 784 300 100 10", 0, 0, 0},
    {"cnn 64 28x28", "cnn 64 28 32 64 128 10", 0, 0, 0},
    {"train 4 xor", "train 4 2 3 2", 0, 0, 1},
    {"predict 1 xor", "predict 1 2 3 2", 0, 0, 1},
};
#define LAYERS_CASES (sizeof layers_cases / sizeof *layers_cases)

/* Weights of the dense layers that are sizes from `first` on. */
static double layers_weights_of(const layers_request *r, size_t first) {
    double sum = 0.0;
    for (size_t i = first; i + 1 < r->sizes; i++) sum += (double)r->size[i] * (double)r->size[i + 1];
    return sum;
}

/* Taps inside the image of one dimension of a convolution: two are missing. */
static double layers_taps(size_t size) { return 3.0 * (double)size - 2.0; }

/* Multiplications a sample; the first layer of a network needs no gradient of its input. */
static double layers_products(const layers_request *r) {
    const double passes = layers_is(r, "predict") ? 1.0 : 3.0;
    const double none = layers_is(r, "dense") || layers_is(r, "predict") ? 0.0 : (double)r->size[1] * (double)r->size[2];
    if (!layers_is(r, "cnn")) return passes * layers_weights_of(r, 1) - none;
    const double one = layers_taps(r->size[1]), two = layers_taps(r->size[1] / 2), filters = (double)r->size[2];
    const double flat = (double)(r->size[1] / 4 * (r->size[1] / 4) * r->size[3]) * (double)r->size[4];
    return 2.0 * one * one * filters + 3.0 * two * two * filters * (double)r->size[3] + 3.0 * (flat + layers_weights_of(r, 4));
}

static bench_case layers_case_of(const struct layers_case *from) {
    bench_case c = {.threads = 1, .apart = from->apart};
    layers_request r;
    snprintf(c.name, sizeof c.name, "%s", from->name);
    snprintf(c.request, sizeof c.request, "%s", from->request);
    if (!layers_read(&r, from->request)) bench_fail("not a layer");
    const double elements = (double)r.size[0] * (double)r.size[1];
    c.work = from->copies + from->reads > 0.0 ? elements : (double)r.size[0];
    if (from->copies > 0.0) snprintf(c.limit, sizeof c.limit, "copy %.0f %g", elements, from->copies);
    else if (from->reads > 0.0) snprintf(c.limit, sizeof c.limit, "read %.0f", elements);
    else if (layers_is(&r, "predict") && r.size[0] == 1)
        snprintf(c.limit, sizeof c.limit, "read %.0f", layers_weights_of(&r, 1));
    else snprintf(c.limit, sizeof c.limit, "fma %.0f", 2.0 * (double)r.size[0] * layers_products(&r));
    return c;
}

static size_t layers_list(bench_case *c, size_t most) {
    size_t n = 0;
    for (; n < LAYERS_CASES && n < most; n++) c[n] = layers_case_of(&layers_cases[n]);
    return n;
}

/* ---- what is right ---- */

/* Moments of a uniform x that is kept or dropped, within six deviations, of a spread below 0.66. */
static void layers_expect_dropout(double *sketch, double *bound, const layers_request *r) {
    sketch[1] = 1.0 / 3.0 / (double)LAYERS_KEEP;
    bound[0] = bound[1] = 4.0 / sqrt((double)(r->size[0] * r->size[1]));
}

/* In a network a ReLU or a pool that decides the other way, because of one rounding, changes a gradient by its share of it. */
static void layers_expect(const bench_case *c, double *sketch, double *bound) {
    layers_request r;
    if (!layers_read(&r, c->request)) bench_fail("not a layer");
    const layers_pass *pass = layers_pass_of(&r);
    exact_sketch s = {sketch, bound, pass->prepare ? 1e-4 : 1e-2, 0};
    memset(sketch, 0, BENCH_SKETCH * sizeof *sketch);
    memset(bound, 0, BENCH_SKETCH * sizeof *bound);
    bench_release();
    if (pass->expect) pass->expect(&s, &r);
    else layers_expect_dropout(sketch, bound, &r);
    exact_release();
}

int main(int argc, char **argv) {
    const bench_suite suite = {"bench_layers", "ns/element or sample", 1, layers_contenders, layers_list, layers_expect};
    return bench_main(&suite, argc, argv);
}
