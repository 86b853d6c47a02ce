/* every_layer.h - a network with every kind of layer and loss, its samples, and how it learns */
#ifndef EVERY_LAYER_H
#define EVERY_LAYER_H

#include "equal.h"

enum { HEIGHT = 10, WIDTH = 9, CHANNELS = 3, PIXELS = HEIGHT * WIDTH * CHANNELS };
enum { CLASSES = 5, SAMPLES = 96, ENDS = NN_LOSS_COUNT };

static float images[SAMPLES * PIXELS], marks[SAMPLES * CLASSES], weights[SAMPLES], predicted[SAMPLES * CLASSES];
static uint32_t labels[SAMPLES];
static const float class_weights[CLASSES] = {1, 0.5f, 2, 1, 1.25f};

/* Noise whose mean lies higher in one row of the image, which tells the class. */
static void draw_samples(void) {
    uint64_t state = 1;
    test_fill(images, COUNT(images), &state);
    for (size_t i = 0; i < SAMPLES; i++) {
        labels[i] = (uint32_t)test_below(&state, CLASSES);
        weights[i] = (float)(1 + i % 3) / 2;
        for (size_t j = 0; j < CLASSES; j++) marks[i * CLASSES + j] = j == labels[i];
        for (size_t j = 0; j < 2 * WIDTH * CHANNELS; j++) images[i * PIXELS + 2 * labels[i] * WIDTH * CHANNELS + j] += 0.75f;
    }
}

/* ---- the network ---- */

typedef struct net {
    nn_model *m;
    nn_node in, end[ENDS];
    size_t batch;
    float *speed; /* momentum */
    char name[16];
} net;

static nn_node stem(nn_model *m, nn_node x, size_t width) {
    const nn_conv2d_desc conv = {.filters = width, .kernel_height = 3, .kernel_width = 2, .pad_top = 1, .pad_bottom = 1,
                                 .pad_left = 1};
    const nn_pool2d_desc pool = {.kernel_height = 3, .kernel_width = 3, .stride_y = 2, .stride_x = 2, .pad_top = 1,
                                 .pad_bottom = 1, .pad_left = 1, .pad_right = 1};
    x = nn_layer_conv2d_with(m, nn_layer_noise(m, x, 0.05f), &conv, 0);
    return nn_layer_max_pool_with(m, nn_layer_relu(m, nn_layer_batch_norm(m, x)), &pool);
}

static nn_node residual(nn_model *m, nn_node x, size_t width) {
    nn_node y = nn_layer_group_norm(m, nn_layer_conv2d(m, x, width, 3), 2);
    y = nn_layer_instance_norm(m, nn_layer_depthwise(m, nn_layer_leaky_relu(m, y), 3));
    y = nn_layer_dropout_channels(m, nn_layer_prelu(m, y), 0.1f);
    return nn_layer_add(m, x, y);
}

/* Two roads to vectors: all of the image by way of a dilated convolution, and the means of its channels through a gate. */
static nn_node features(nn_model *m, nn_node x, size_t width) {
    const nn_conv2d_desc conv = {.filters = 2 * width, .kernel_height = 3, .kernel_width = 2, .stride_x = 2, .dilation_y = 2,
                                 .pad_top = 2, .pad_bottom = 2, .groups = 2};
    nn_node means = nn_layer_global_average_pool(m, x);
    nn_node gate = nn_layer_dense(m, nn_layer_silu(m, nn_layer_dense(m, means, width)), width);
    means = nn_layer_mul(m, means, nn_layer_sigmoid(m, gate));
    x = nn_layer_average_pool(m, nn_layer_gelu(m, nn_layer_conv2d_with(m, x, &conv, 1)), 2, 1);
    const nn_node both[2] = {nn_layer_flatten(m, x), means};
    return nn_layer_layer_norm(m, nn_layer_concat(m, both, 2));
}

/* A branch for each activation, side by side. */
static nn_node branches(nn_model *m, nn_node x, size_t width) {
    nn_node branch[NN_ACTIVATION_COUNT];
    for (int a = 0; a < NN_ACTIVATION_COUNT; a++)
        branch[a] = nn_layer_activation(m, nn_layer_dense(m, x, width), (nn_activation)a, a == NN_LEAKY_RELU ? 0.125f : 1);
    return nn_layer_concat(m, branch, NN_ACTIVATION_COUNT);
}

/* One layer three times with the same weights. */
static nn_node shared(nn_model *m, nn_node x, size_t width) {
    const nn_norm_desc plain = {.epsilon = 1e-3f, .momentum = 0.25f, .no_affine = 1};
    x = nn_layer_dropout(m, nn_layer_tanh(m, nn_layer_dense(m, x, 4 * width)), 0.2f);
    const nn_node first = nn_layer_dense(m, x, 4 * width);
    nn_node y = nn_layer_dropout_scaling_tests(m, nn_layer_tanh(m, first), 0.1f);
    y = nn_layer_tanh(m, nn_layer_dense_shared(m, y, first));
    y = nn_layer_tanh(m, nn_layer_dense_shared(m, nn_layer_bias(m, y), first));
    return nn_layer_batch_norm_with(m, nn_layer_dense_no_bias(m, nn_layer_add(m, x, y), 2 * width), &plain);
}

/* x + log(1/(1 + e^-x) + 1/2), gate by gate. */
static nn_node gates(nn_model *m, nn_node x) {
    const nn_node e = nn_layer_exp(m, nn_layer_linear(m, x, -1, 0));
    const nn_node s = nn_layer_reciprocal(m, nn_layer_linear(m, e, 1, 1));
    return nn_layer_sub(m, x, nn_layer_linear(m, nn_layer_log(m, nn_layer_linear(m, s, 1, 0.5f)), -1, 0));
}

/* What a loss compares; softmax and sigmoid before a linear layer of 1x + 0 stay what they are, and are not fused with it. */
static nn_node head(nn_model *m, nn_node x, nn_loss loss) {
    x = nn_layer_dense(m, x, CLASSES);
    if (loss == NN_LOSS_LOG_CE) return nn_layer_log_softmax(m, x);
    if (loss == NN_LOSS_CE) return nn_layer_linear(m, nn_layer_softmax(m, x), 0.9f, 0.02f);
    if (loss == NN_LOSS_BCE) return nn_layer_linear(m, nn_layer_sigmoid(m, x), 0.9f, 0.05f);
    return nn_layer_reshape(m, x, nn_shape_image(1, 1, CLASSES));
}

static net build(const char *name, size_t width, size_t batch) {
    net n = {.m = nn_model_new(NULL), .batch = batch};
    snprintf(n.name, sizeof n.name, "%s", name);
    n.in = nn_layer_input(n.m, nn_shape_image(HEIGHT, WIDTH, CHANNELS));
    nn_node x = residual(n.m, stem(n.m, n.in, width), width);
    x = branches(n.m, features(n.m, x, width), width);
    x = gates(n.m, shared(n.m, x, width));
    for (int l = 0; l < ENDS; l++) {
        nn_loss_desc d = {.loss = (nn_loss)l, .scale = l ? 0.125f : 1};
        if (l == NN_LOSS_SOFTMAX_CE) d.label_smoothing = 0.1f, d.class_weights = class_weights;
        n.end[l] = nn_layer_loss_with(n.m, head(n.m, x, (nn_loss)l), &d);
    }
    must(nn_layer_max_norm(n.m, nn_model_node(n.m, "dense_3"), 1));
    const nn_build_desc d = {.seed = 7, .batch = batch, .l1 = 1e-5f, .l2 = 1e-3f};
    must(nn_model_build(n.m, &d));
    n.speed = (float *)calloc(nn_parameters_of(n.m).trained, sizeof *n.speed);
    return n;
}

/* ---- training ---- */

static void feed(const net *n, size_t at) {
    must(nn_feed(n->m, n->in, images + at * PIXELS));
    for (int l = 0; l < ENDS; l++) {
        if (l % 2) must(nn_feed_targets(n->m, n->end[l], marks + at * CLASSES));
        else must(nn_feed_labels(n->m, n->end[l], labels + at));
        must(nn_feed_weights(n->m, n->end[l], l % 3 ? NULL : weights + at));
    }
}

/* One batch; the last of the samples is a smaller one. */
static void step(const net *n, size_t number) {
    const size_t batches = (SAMPLES + n->batch - 1) / n->batch, at = number % batches * n->batch;
    const nn_parameters all = nn_parameters_of(n->m);
    feed(n, at);
    must(nn_forward(n->m, at + n->batch > SAMPLES ? SAMPLES - at : n->batch, NN_TRAIN));
    must(nn_backward(n->m, 0));
    nn_scale(n->speed, n->speed, all.trained, 0.875f);
    nn_axpy(n->speed, all.gradients, all.trained, 1);
    nn_axpy(all.values, n->speed, all.trained, -0.01f);
    nn_constrain(n->m);
}

#endif /* EVERY_LAYER_H */
