/* test_graphs.c - random graphs: planned memory gives what unshared memory gives, gradients are those of the loss */
#include "test.h"

enum { BATCH = 9, MOST_NODES = 200, MOST_LOSSES = 4, MOST_INPUTS = 3, MOST_FLOATS = 2000 };
enum { DATA = BATCH * MOST_FLOATS + MOST_NODES };

/* ---- a graph, grown from a seed: the same calls for every model that is built of it ----
 *
 * Compilers may evaluate arguments in other orders and so grow other graphs: all of them must pass. */

typedef struct graph {
    uint64_t state;
    int smooth; /* no corners and no steps, so that differences tell gradients */
    nn_model *m;
    nn_node node[MOST_NODES], input[MOST_INPUTS], loss[MOST_LOSSES], last;
    nn_node compared[MOST_LOSSES]; /* with the targets: what nn_predict gives for the first */
    size_t nodes, inputs, losses;
    int custom[MOST_LOSSES], fed[MOST_LOSSES];
    int used[MOST_NODES + 1], wanted[MOST_NODES + 1]; /* by id */
    nn_node from[MOST_NODES + 1]; /* first inputs, by id */
} graph;

static size_t pick(graph *g, size_t n) { return test_below(&g->state, n); }
static nn_shape shape_of(const graph *g, nn_node x) { return nn_node_shape(g->m, x); }
static size_t size_of(const graph *g, nn_node x) { return nn_shape_size(shape_of(g, x)); }

/* A node to go on from: one of the latest as a rule, so that graphs become deep. */
static nn_node some(graph *g) {
    const size_t reach = pick(g, 4) && g->nodes > 3 ? 3 : g->nodes;
    const nn_node x = g->node[g->nodes - 1 - pick(g, reach)];
    g->used[x.id] = 1;
    return x;
}

static nn_node take(graph *g, nn_node x) {
    g->used[x.id] = 1;
    return x;
}

/* Adds a node to those that may be used. */
static nn_node grown(graph *g, nn_node x) {
    g->node[g->nodes++] = x;
    if (pick(g, 8) == 0) {
        nn_want_gradient(g->m, x);
        g->wanted[x.id] = 1;
    }
    return x;
}

/* Another node of x's shape, or x itself; `whole` 0: of its height and width. */
static nn_node like(graph *g, nn_node x, int whole) {
    const nn_shape shape = shape_of(g, x);
    for (int tries = 0; tries < 20; tries++) {
        const nn_node other = g->node[pick(g, g->nodes)];
        const nn_shape s = shape_of(g, other);
        if (s.height != shape.height || s.width != shape.width) continue;
        if (!whole || s.channels == shape.channels) return take(g, other);
    }
    return take(g, x);
}

static nn_activation some_activation(graph *g) {
    static const nn_activation smooth[] = {NN_IDENTITY, NN_SIGMOID, NN_TANH, NN_SOFTPLUS, NN_GELU, NN_GELU_TANH, NN_SILU};
    return g->smooth ? smooth[pick(g, COUNT(smooth))] : (nn_activation)pick(g, NN_ACTIVATION_COUNT);
}

/* One unit is a column, which may be made of dot products: those differ by the number of rows if they are long. */
static nn_node grow_dense(graph *g, nn_node x) {
    const size_t in = size_of(g, x), units = in < 20 && pick(g, 3) == 0 ? in : 1 + (in >= 64) + pick(g, 20);
    return pick(g, 2) ? nn_layer_dense(g->m, x, units) : nn_layer_dense_no_bias(g->m, x, units);
}

static nn_node grow_shared(graph *g, nn_node x) {
    for (int tries = 0; tries < 20; tries++) {
        const nn_node other = g->node[pick(g, g->nodes)];
        const size_t n = size_of(g, x);
        if (strncmp(nn_node_name(g->m, other), "dense", 5) != 0) continue;
        if (size_of(g, other) == n && size_of(g, g->from[other.id]) == n) return nn_layer_dense_shared(g->m, x, other);
    }
    return grow_dense(g, x);
}

static nn_node grow_conv(graph *g, nn_node x) {
    const nn_shape s = shape_of(g, x);
    if (s.height > 8 || s.width > 8) return nn_layer_global_average_pool(g->m, x);
    if (pick(g, 3) == 0) return nn_layer_depthwise(g->m, x, 1 + pick(g, 3));
    if (pick(g, 3) == 0) return nn_layer_conv2d(g->m, x, 1 + pick(g, 6), 1 + pick(g, 3));
    const size_t groups = s.channels % 2 == 0 ? 1 + pick(g, 2) : 1;
    const nn_conv2d_desc d = {.filters = groups * (1 + pick(g, 4)), .groups = groups, .kernel_height = 1 + pick(g, 2),
                              .kernel_width = 1 + pick(g, 3), .stride_y = 1 + pick(g, 2), .stride_x = pick(g, 3),
                              .dilation_y = pick(g, 3), .dilation_x = 1 + pick(g, 2), .pad_top = 2, .pad_bottom = pick(g, 2),
                              .pad_left = 2, .pad_right = 2 + pick(g, 2)};
    return nn_layer_conv2d_with(g->m, x, &d, (int)pick(g, 2));
}

static nn_node grow_pool(graph *g, nn_node x) {
    const nn_shape s = shape_of(g, x);
    const size_t high = s.height > 1 ? 1 + pick(g, 2) : 1, wide = s.width > 1 ? 1 + pick(g, 2) : 1;
    const nn_pool2d_desc d = {.kernel_height = high, .kernel_width = wide, .stride_y = 1 + pick(g, 2), .stride_x = pick(g, 3),
                              .pad_top = high - 1, .pad_right = wide - 1, .ceil_mode = (int)pick(g, 2)};
    switch (pick(g, 3)) {
    case 0: return nn_layer_global_average_pool(g->m, x);
    case 1: return nn_layer_average_pool_with(g->m, x, &d);
    default: return g->smooth ? nn_layer_average_pool_with(g->m, x, &d) : nn_layer_max_pool_with(g->m, x, &d);
    }
}

static nn_node grow_norm(graph *g, nn_node x) {
    const nn_norm_desc d = {.epsilon = g->smooth ? 0.5f : 0.01f, .momentum = 0.25f, .no_affine = (int)pick(g, 2)};
    switch (pick(g, 5)) {
    case 0: return nn_layer_layer_norm_with(g->m, x, &d);
    case 1: return nn_layer_group_norm_with(g->m, x, shape_of(g, x).channels % 2 == 0 ? 2 : 1, &d);
    case 2: return g->smooth ? nn_layer_bias(g->m, x) : nn_layer_instance_norm(g->m, x);
    default: return nn_layer_batch_norm_with(g->m, x, &d);
    }
}

static nn_node grow_random(graph *g, nn_node x) {
    switch (pick(g, 4)) {
    case 0: return nn_layer_dropout(g->m, x, 0.3f);
    case 1: return nn_layer_dropout_scaling_tests(g->m, x, 0.2f);
    case 2: return nn_layer_dropout_channels(g->m, x, 0.25f);
    default: return nn_layer_noise(g->m, x, 0.1f);
    }
}

static nn_node grow_pair(graph *g, nn_node x) {
    const nn_node y = like(g, x, 1);
    switch (pick(g, 3)) {
    case 0: return nn_layer_add(g->m, x, y);
    case 1: return nn_layer_sub(g->m, x, y);
    default: return nn_layer_mul(g->m, take(g, grown(g, nn_layer_tanh(g->m, x))), y); /* kept from growing without bounds */
    }
}

static nn_node grow_concat(graph *g, nn_node x) {
    nn_node all[3] = {x};
    const size_t count = 1 + pick(g, 3);
    for (size_t i = 1; i < count; i++) all[i] = like(g, x, 0);
    return nn_layer_concat(g->m, all, count);
}

static nn_node grow_reshape(graph *g, nn_node x) {
    const nn_shape s = shape_of(g, x);
    switch (pick(g, 3)) {
    case 0: return nn_layer_flatten(g->m, x);
    case 1: return nn_layer_reshape(g->m, x, nn_shape_image(s.channels, s.height, s.width));
    default: return nn_layer_reshape(g->m, x, s);
    }
}

/* Arguments are kept where these functions are tame. */
static nn_node grow_gate(graph *g, nn_node x) {
    switch (pick(g, 4)) {
    case 0: return nn_layer_exp(g->m, take(g, grown(g, nn_layer_tanh(g->m, x))));
    case 1: return nn_layer_log(g->m, take(g, grown(g, nn_layer_linear(g->m, nn_layer_softplus(g->m, x), 1, 0.5f))));
    case 2: return nn_layer_reciprocal(g->m, take(g, grown(g, nn_layer_linear(g->m, nn_layer_sigmoid(g->m, x), 1, 0.5f))));
    default: return nn_layer_linear(g->m, x, -0.75f, 0.25f);
    }
}

static nn_node grow_one(graph *g) {
    const nn_node x = some(g);
    g->last = x;
    switch (size_of(g, x) > 200 ? pick(g, 2) : pick(g, 16)) {
    case 0: return grow_dense(g, x);
    case 1: return pick(g, 2) ? nn_layer_global_average_pool(g->m, x) : grow_dense(g, x);
    case 2: return grow_shared(g, x);
    case 3: return grow_conv(g, x);
    case 4: return grow_pool(g, x);
    case 5: case 6: return grow_norm(g, x);
    case 7: return grow_random(g, x);
    case 8: case 9: return grow_pair(g, x);
    case 10: return grow_concat(g, x);
    case 11: return grow_reshape(g, x);
    case 12: return grow_gate(g, x);
    case 13: return pick(g, 2) && !g->smooth ? nn_layer_prelu(g->m, x) : nn_layer_bias(g->m, x);
    case 14: return pick(g, 4) ? nn_layer_activation(g->m, x, some_activation(g), 0.5f)
                   : pick(g, 2) ? nn_layer_softmax(g->m, x) : nn_layer_log_softmax(g->m, x);
    default: return nn_layer_activation(g->m, x, some_activation(g), 0.5f);
    }
}

static nn_status squares(float *value, float *dx, const float *x, const float *targets, size_t rows, size_t n, void *user) {
    double sum = 0;
    (void)user;
    for (size_t i = 0; i < rows * n; i++) {
        const double d = (double)x[i] - (double)targets[i];
        sum += d * d / (double)rows;
        if (dx) dx[i] = (float)(2 * d / (double)rows);
    }
    *value = (float)sum;
    return NN_OK;
}

/* Probabilities, which CE and BCE want: by a softmax that they are computed together with, or by themselves. */
static nn_node grow_probabilities(graph *g, nn_node x) {
    return pick(g, 2) && shape_of(g, x).channels > 1 ? nn_layer_softmax(g->m, x)
                                                      : nn_layer_linear(g->m, nn_layer_sigmoid(g->m, x), 0.9f, 0.05f);
}

/* A loss is no end of growth: the node that it looks at may feed others. */
static void grow_loss(graph *g) {
    static const nn_loss smooth[] = {NN_LOSS_SOFTMAX_CE, NN_LOSS_SOFTMAX_BCE, NN_LOSS_SOFTMAX_MSE, NN_LOSS_SIGMOID_BCE,
                                     NN_LOSS_CE, NN_LOSS_BCE, NN_LOSS_MSE};
    nn_loss_desc d = {.loss = g->smooth ? smooth[pick(g, COUNT(smooth))] : (nn_loss)pick(g, NN_LOSS_COUNT)};
    d.scale = pick(g, 2) ? 0.5f : 0;
    nn_node x = some(g);
    if (shape_of(g, x).channels == 1 && d.loss == NN_LOSS_SOFTMAX_BCE) d.loss = NN_LOSS_SOFTMAX_CE; /* else infinite */
    if (d.loss == NN_LOSS_CE || d.loss == NN_LOSS_BCE || (d.loss == NN_LOSS_MSE && pick(g, 2))) x = grow_probabilities(g, x);
    const int logits = d.loss <= NN_LOSS_SIGMOID_BCE; /* the first of the list are losses of logits */
    const int custom = pick(g, 6) == 0;
    const nn_node loss = custom ? nn_layer_custom_loss(g->m, x, squares, NULL) : nn_layer_loss_with(g->m, x, &d);
    if (logits && !custom) x.id = loss.id - 1; /* which the loss has added */
    g->custom[g->losses] = custom;
    g->compared[g->losses] = x;
    g->loss[g->losses++] = loss;
}

static void grow(graph *g, uint64_t seed, const nn_allocator *allocator) {
    memset(g, 0, sizeof *g);
    g->state = seed;
    g->m = nn_model_new(allocator);
    g->smooth = (int)pick(g, 2);
    g->inputs = pick(g, 2) ? 1 : 1 + pick(g, MOST_INPUTS);
    const size_t nodes = 5 + pick(g, 21), losses = pick(g, MOST_LOSSES + 1);
    for (size_t i = 0; i < g->inputs; i++) {
        const nn_shape image = nn_shape_image(2 + pick(g, 5), 2 + pick(g, 5), 1 + pick(g, 4));
        const nn_shape vector = nn_shape_vector(1 + pick(g, 70));
        g->input[i] = grown(g, nn_layer_input(g->m, pick(g, 2) ? image : vector));
        g->used[g->input[i].id] = 1;
    }
    for (size_t i = 0; i < nodes; i++) {
        const nn_node x = grow_one(g);
        g->from[x.id] = g->last;
        grown(g, x);
        if (g->losses < losses && pick(g, nodes) < 2 * losses) grow_loss(g);
        if (!CHECK(strcmp(nn_error(g->m), "no error") == 0)) puts(nn_error(g->m)), abort();
    }
}

static void build(graph *g, const nn_build_desc *desc) {
    if (!CHECK(nn_model_build(g->m, desc) == NN_OK)) puts(nn_error(g->m)), abort();
    for (size_t i = 0; i < g->nodes; i++) CHECK(size_of(g, g->node[i]) <= MOST_FLOATS);
}

/* ---- passes ---- */

static float data[2][DATA], targets[DATA];

static void draw_data(void) {
    uint64_t state = 1;
    for (int i = 0; i < 2; i++) test_fill(data[i], DATA, &state);
    for (size_t i = 0; i < DATA; i++) targets[i] = 0.5f + 0.5f * data[0][DATA - 1 - i];
}

static int is_end(const graph *g, nn_node x) { return !g->used[x.id]; }

/* What a pass needs; by the seed some losses and ends get nothing. */
static void feed(graph *g, uint64_t seed, int everything) {
    static uint32_t labels[MOST_LOSSES][DATA];
    for (size_t i = 0; i < g->inputs; i++) CHECK(nn_feed(g->m, g->input[i], data[0] + test_below(&seed, 100)) == NN_OK);
    for (size_t l = 0; l < g->losses; l++) {
        const nn_shape shape = shape_of(g, g->compared[l]);
        const size_t places = BATCH * shape.height * shape.width, how = test_below(&seed, 6);
        for (size_t i = 0; i < places; i++) labels[l][i] = (uint32_t)test_below(&seed, shape.channels);
        if (how == 0 && !everything) CHECK(nn_feed_labels(g->m, g->loss[l], NULL) == NN_OK);
        else if (how < 4 || g->custom[l]) CHECK(nn_feed_targets(g->m, g->loss[l], targets + how) == NN_OK);
        else CHECK(nn_feed_labels(g->m, g->loss[l], labels[l]) == NN_OK);
        CHECK(nn_feed_weights(g->m, g->loss[l], how % 2 ? targets + 7 : NULL) == NN_OK);
        g->fed[l] = how > 0 || everything;
    }
    for (size_t i = 0; i < g->nodes; i++) {
        if (!is_end(g, g->node[i])) continue;
        const float *dy = test_below(&seed, 6) || everything ? data[1] + i : NULL;
        CHECK(nn_feed_gradient(g->m, g->node[i], dy) == NN_OK);
    }
}

static void forward(graph *g, uint64_t seed, size_t rows, nn_mode mode) {
    feed(g, seed, 0);
    if (!CHECK(nn_forward(g->m, rows, mode) == NN_OK)) puts(nn_error(g->m));
}

static int same_values(const graph *a, const graph *b, nn_node x, size_t rows) {
    const float *p = nn_activation_of(a->m, x), *q = nn_activation_of(b->m, x);
    return p && q && first_difference(p, q, rows * size_of(a, x)) == rows * size_of(a, x);
}

/* The ends of two models of one graph, after a pass forward. */
static void same_ends(const graph *a, const graph *b, size_t rows, nn_mode mode) {
    for (size_t i = 0; i < a->nodes; i++)
        if (is_end(a, a->node[i])) CHECK(same_values(a, b, a->node[i], rows));
    for (size_t l = 0; l < a->losses && mode == NN_TEST; l++) CHECK(same_values(a, b, a->compared[l], rows));
}

static void same_losses(const graph *a, const graph *b) {
    CHECK(same_bits(nn_total_loss(a->m), nn_total_loss(b->m)));
    for (size_t l = 0; l < a->losses; l++) {
        CHECK(same_bits(nn_loss_value(a->m, a->loss[l]), nn_loss_value(b->m, b->loss[l])));
        if (!a->fed[l]) CHECK(nn_loss_value(a->m, a->loss[l]) == 0);
    }
}

static void same_gradients(const graph *a, const graph *b, size_t rows) {
    const nn_parameters p = nn_parameters_of(a->m), q = nn_parameters_of(b->m);
    CHECK(first_difference(p.gradients, q.gradients, p.trained) == p.trained);
    CHECK(first_difference(p.values, q.values, p.total) == p.total); /* running statistics */
    for (size_t i = 0; i < a->nodes; i++) {
        const float *x = nn_gradient_of(a->m, a->node[i]), *y = nn_gradient_of(b->m, a->node[i]);
        const size_t n = rows * size_of(a, a->node[i]);
        if (a->wanted[a->node[i].id]) CHECK(!x == !y && (!x || first_difference(x, y, n) == n));
    }
}

/* Freezes or thaws a few nodes, in two models alike. */
static void freeze_some(graph *a, graph *b, uint64_t seed) {
    for (size_t i = 0; i < a->nodes; i++) {
        const int frozen = test_below(&seed, 8) == 0;
        CHECK(nn_freeze(a->m, a->node[i], frozen) == NN_OK && nn_freeze(b->m, a->node[i], frozen) == NN_OK);
    }
}

/* ---- memory: shared as the plan allows, it must give what unshared memory gives ---- */

static long calls, live;
static void *counting_alloc(size_t bytes, void *user) {
    (void)user;
    calls++, live++;
    return malloc(bytes);
}
static void counting_free(void *memory, void *user) {
    (void)user;
    live--;
    free(memory);
}
static const nn_allocator counting = {counting_alloc, counting_free, NULL};

static unsigned long tame, passes;

static void train(graph *kept, graph *planned, uint64_t seed) {
    for (int pass = 0; pass < 6; pass++) {
        const size_t rows = 1 + test_below(&seed, BATCH);
        const uint64_t feeds = test_random(&seed);
        const int accumulate = (int)test_below(&seed, 2), back = (int)test_below(&seed, 4);
        if (test_below(&seed, 3) == 0) freeze_some(kept, planned, test_random(&seed));
        forward(kept, feeds, rows, NN_TRAIN);
        forward(planned, feeds, rows, NN_TRAIN);
        same_losses(kept, planned);
        same_ends(kept, planned, rows, NN_TRAIN);
        passes++;
        tame += isfinite(nn_total_loss(kept->m)) != 0;
        if (!back) continue; /* the next pass comes without one back */
        CHECK(nn_backward(kept->m, accumulate) == NN_OK && nn_backward(planned->m, accumulate) == NN_OK);
        same_gradients(kept, planned, rows);
        same_ends(kept, planned, rows, NN_TRAIN);
    }
}

/* In tests: the training plan without and with sharing, the plan for predictions, its parts, a workspace. */
static void predict(graph *kept, graph *planned, uint64_t seed, uint64_t feeds) {
    static float y[2][DATA];
    graph inference;
    grow(&inference, seed, NULL);
    const nn_build_desc alone = {.batch = BATCH, .inference = 1};
    build(&inference, &alone);
    const nn_parameters from = nn_parameters_of(planned->m);
    memcpy(nn_parameters_of(inference.m).values, from.values, from.total * sizeof *from.values);
    forward(kept, feeds, BATCH, NN_TEST);
    forward(planned, feeds, BATCH, NN_TEST);
    forward(&inference, feeds, BATCH, NN_TEST);
    same_losses(kept, planned);
    same_ends(kept, planned, BATCH, NN_TEST);
    same_ends(kept, &inference, BATCH, NN_TEST);
    nn_workspace *w = nn_workspace_new(planned->m);
    const float *x = data[0] + test_below(&feeds, 100);
    if (kept->inputs > 1) {
        CHECK(nn_predict(planned->m, y[0], x, BATCH) == NN_ERROR_ARGUMENT);
        CHECK(nn_predict_in(planned->m, w, y[0], x, BATCH) == NN_ERROR_ARGUMENT);
    } else {
        const nn_node end = kept->losses ? kept->compared[0] : kept->node[kept->nodes - 1];
        const size_t n = size_of(kept, end), all = BATCH * n;
        const float *want = nn_activation_of(kept->m, end);
        CHECK(nn_predict(planned->m, y[0], x, BATCH) == NN_OK && first_difference(y[0], want, all) == all);
        for (size_t row = 0, rows; row < BATCH; row += rows) {
            rows = 1 + test_below(&feeds, BATCH - row);
            CHECK(nn_predict_in(planned->m, w, y[1] + row * n, x + row * size_of(kept, kept->input[0]), rows) == NN_OK);
        }
        CHECK(first_difference(y[1], want, all) == all);
        CHECK(nn_predict(inference.m, y[1], data[0], 1) == NN_OK && nn_forward(inference.m, BATCH, NN_TEST) == NN_OK);
        same_ends(kept, &inference, BATCH, NN_TEST); /* what was fed is still fed */
    }
    nn_workspace_free(planned->m, w);
    nn_model_free(inference.m);
}

static void plans(uint64_t seed) {
    graph kept, planned;
    uint64_t state = seed ^ 77;
    nn_build_desc desc = {.seed = seed, .batch = BATCH, .keep = 1};
    if (test_below(&state, 2)) desc.l1 = 0.01f, desc.l2 = 0.1f;
    calls = live = 0;
    test_case("graph %llu, plans", (unsigned long long)seed);
    grow(&kept, seed, NULL);
    grow(&planned, seed, &counting);
    if (test_below(&state, 2)) freeze_some(&kept, &planned, test_random(&state));
    build(&kept, &desc);
    desc.keep = 0;
    build(&planned, &desc);
    CHECK(nn_memory_of(planned.m).training <= nn_memory_of(kept.m).training);
    const long before = calls;
    train(&kept, &planned, state);
    CHECK(calls == before);
    predict(&kept, &planned, seed, state);
    nn_model_free(kept.m);
    nn_model_free(planned.m);
    CHECK(live == 0);
}

/* ---- gradients: the loss along the gradient, against a difference ---- */

/* All losses and penalties, and what the fed gradients stand for: the sum of each end times its gradient. */
static double value_at(graph *g, const float *at, const float *along, double step) {
    const nn_parameters all = nn_parameters_of(g->m);
    for (size_t i = 0; i < all.trained; i++) all.values[i] = (float)((double)at[i] + step * (double)along[i]);
    nn_step_set(g->m, 5); /* the same masks and noise */
    CHECK(nn_forward(g->m, BATCH, NN_TRAIN) == NN_OK);
    double value = (double)nn_penalties(g->m);
    for (size_t l = 0; l < g->losses; l++) value += (double)nn_loss_value(g->m, g->loss[l]);
    for (size_t i = 0; i < g->nodes; i++) {
        const float *y = nn_activation_of(g->m, g->node[i]);
        const size_t n = is_end(g, g->node[i]) ? BATCH * size_of(g, g->node[i]) : 0;
        for (size_t j = 0; j < n; j++) value += (double)y[j] * (double)data[1][i + j];
    }
    return value;
}

#define TOL_SLOPE 0.01 /* of the slope: what curvature and rounding of the loss leave, for most graphs far less */

static unsigned long slopes;

static void gradients(uint64_t seed) {
    graph g;
    const nn_build_desc desc = {.seed = seed, .batch = BATCH, .l2 = 0.1f};
    grow(&g, seed, NULL);
    test_case("graph %llu, gradients", (unsigned long long)seed);
    build(&g, &desc);
    const nn_parameters all = nn_parameters_of(g.m);
    if (g.smooth && all.trained) {
        float *at = (float *)malloc(all.trained * sizeof *at), *along = (float *)malloc(all.trained * sizeof *along);
        memcpy(at, all.values, all.trained * sizeof *at);
        memset(along, 0, all.trained * sizeof *along);
        feed(&g, seed, 1);
        const double value = value_at(&g, at, along, 0);
        CHECK(nn_backward(g.m, 0) == NN_OK);
        memcpy(along, all.gradients, all.trained * sizeof *along);
        double slope = 0;
        for (size_t i = 0; i < all.trained; i++) slope += (double)along[i] * (double)along[i];
        if (slope > 1e-6) {
            const double step = 1e-3 / sqrt(slope), up = value_at(&g, at, along, step), down = value_at(&g, at, along, -step);
            const double found = (up - down) / (2 * step);
            slopes++;
            if (!CHECK(fabs(found - slope) <= TOL_SLOPE * slope + 4 * EPS * fabs(value) / step))
                printf("%g, not %g\n", slope, found);
        }
        free(at), free(along);
    }
    nn_model_free(g.m);
}

int main(void) {
    const uint64_t graphs = test_quick() ? 60 : 1000;
    draw_data();
    for (uint64_t seed = 1; seed <= graphs; seed++) {
        plans(seed);
        gradients(seed);
    }
    printf("%lu of %lu passes have a finite loss, %lu slopes\n", tame, passes, slopes);
    CHECK(tame > passes - passes / 50 && slopes > graphs / 4);
    return test_end("graphs");
}
