/* network.h - small networks of every kind, which the tests of graphs build and take apart */
#ifndef NETWORK_H
#define NETWORK_H

#include "test.h"

#define NETWORK_ROWS 5

/* One kind of network: fill() adds layers between the input and the end. `labels`: it ends in 3 logits. */
typedef struct network {
    const char *name;
    nn_shape in;
    nn_node (*fill)(nn_model *m, nn_node x);
    nn_loss loss;
    int kinks; /* has corners that central differences must avoid */
} network;

static inline nn_node network_mlp(nn_model *m, nn_node x) {
    x = nn_layer_tanh(m, nn_layer_dense(m, x, 7));
    x = nn_layer_sigmoid(m, nn_layer_dense(m, x, 5));
    return nn_layer_dense(m, x, 3);
}

#define NETWORK_ACTIVATION(NAME, function, ...)                                  \
    static inline nn_node network_##function(nn_model *m, nn_node x) {           \
        x = nn_layer_##function(m, nn_layer_dense(m, x, 7));                     \
        x = nn_layer_##function(m, nn_layer_batch_norm(m, nn_layer_dense(m, x, 6))); \
        return nn_layer_dense(m, x, 3);                                          \
    }
NN_ACTIVATION_LIST(NETWORK_ACTIVATION)

static inline nn_node network_prelu(nn_model *m, nn_node x) {
    x = nn_layer_prelu(m, nn_layer_dense(m, x, 7));
    return nn_layer_dense(m, nn_layer_prelu(m, nn_layer_bias(m, x)), 3);
}
static inline nn_node network_softmax(nn_model *m, nn_node x) {
    x = nn_layer_softmax(m, nn_layer_dense(m, x, 7));
    return nn_layer_log_softmax(m, nn_layer_dense(m, x, 3));
}
static inline nn_node network_norms(nn_model *m, nn_node x) {
    x = nn_layer_batch_norm(m, nn_layer_dense_no_bias(m, x, 8));
    x = nn_layer_layer_norm(m, nn_layer_tanh(m, x));
    x = nn_layer_group_norm(m, nn_layer_dense(m, x, 8), 2);
    const nn_norm_desc plain = {.epsilon = 1e-3f, .momentum = 0.3f, .no_affine = 1};
    x = nn_layer_batch_norm_with(m, x, &plain);
    return nn_layer_dense(m, nn_layer_tanh(m, x), 3);
}
static inline nn_node network_random(nn_model *m, nn_node x) {
    x = nn_layer_dropout(m, nn_layer_noise(m, x, 0.1f), 0.2f);
    x = nn_layer_dropout(m, nn_layer_tanh(m, nn_layer_dense(m, x, 9)), 0.5f);
    x = nn_layer_dropout_scaling_tests(m, nn_layer_tanh(m, nn_layer_dense(m, x, 9)), 0.25f);
    return nn_layer_dense(m, x, 3);
}
static inline nn_node network_residual(nn_model *m, nn_node x) {
    x = nn_layer_dense(m, x, 6);
    nn_node y = nn_layer_tanh(m, nn_layer_dense(m, x, 6));
    x = nn_layer_add(m, x, y);
    y = nn_layer_mul(m, nn_layer_sigmoid(m, nn_layer_dense(m, x, 6)), x);
    const nn_node all[3] = {x, nn_layer_sub(m, y, x), nn_layer_add(m, y, y)};
    x = nn_layer_concat(m, all, 3);
    return nn_layer_dense(m, x, 3);
}
static inline nn_node network_shared(nn_model *m, nn_node x) {
    const nn_node first = nn_layer_dense(m, x, 6);
    x = nn_layer_tanh(m, first);
    const nn_node second = nn_layer_dense(m, x, 6);
    x = nn_layer_tanh(m, second);
    x = nn_layer_tanh(m, nn_layer_dense_shared(m, x, second));
    x = nn_layer_tanh(m, nn_layer_dense_shared(m, x, second));
    return nn_layer_dense(m, x, 3);
}
static inline nn_node network_gates(nn_model *m, nn_node x) {
    x = nn_layer_dense(m, x, 4);
    x = nn_layer_linear(m, nn_layer_exp(m, nn_layer_linear(m, x, -0.5f, 0.1f)), 1, 1);
    x = nn_layer_add(m, nn_layer_reciprocal(m, x), nn_layer_log(m, x));
    return nn_layer_dense(m, nn_layer_reshape(m, x, nn_shape_image(2, 1, 2)), 3);
}
static inline nn_node network_conv(nn_model *m, nn_node x) {
    x = nn_layer_tanh(m, nn_layer_conv2d(m, x, 4, 3));
    const nn_conv2d_desc strided = {.filters = 6, .kernel_height = 3, .kernel_width = 2, .stride_y = 2, .stride_x = 1, .dilation_x = 2,
                                    .pad_top = 1, .pad_left = 2, .groups = 2};
    x = nn_layer_batch_norm(m, nn_layer_conv2d_with(m, x, &strided, 0));
    x = nn_layer_instance_norm(m, nn_layer_depthwise(m, nn_layer_tanh(m, x), 3));
    x = nn_layer_dropout_channels(m, x, 0.3f);
    return nn_layer_dense(m, nn_layer_flatten(m, x), 3);
}
static inline nn_node network_pool(nn_model *m, nn_node x) {
    x = nn_layer_conv2d(m, x, 4, 3);
    x = nn_layer_max_pool(m, x, 2, 2);
    x = nn_layer_conv2d(m, nn_layer_tanh(m, x), 5, 3);
    x = nn_layer_average_pool(m, x, 2, 1);
    return nn_layer_dense(m, nn_layer_global_average_pool(m, x), 3);
}

#define NETWORK_OF(NAME, function, ...)                                                                                  \
    {"activation " #function, {1, 1, 4}, network_##function, NN_LOSS_SOFTMAX_CE,                                          \
     NAME == NN_RELU || NAME == NN_LEAKY_RELU || NAME == NN_STEP || NAME == NN_ELU || NAME == NN_SELU},
static const network networks[] = {
    {"mlp", {1, 1, 4}, network_mlp, NN_LOSS_SOFTMAX_CE, 0},
    NN_ACTIVATION_LIST(NETWORK_OF)
    {"prelu", {1, 1, 4}, network_prelu, NN_LOSS_SOFTMAX_CE, 1},
    {"softmax", {1, 1, 4}, network_softmax, NN_LOSS_LOG_CE, 0},
    {"norms", {1, 1, 4}, network_norms, NN_LOSS_SOFTMAX_CE, 0},
    {"random", {1, 1, 4}, network_random, NN_LOSS_SOFTMAX_CE, 0},
    {"residual", {1, 1, 4}, network_residual, NN_LOSS_SIGMOID_BCE, 0},
    {"shared", {1, 1, 4}, network_shared, NN_LOSS_SOFTMAX_CE, 0},
    {"gates", {1, 1, 4}, network_gates, NN_LOSS_SOFTMAX_MSE, 0},
    {"conv", {6, 5, 2}, network_conv, NN_LOSS_SOFTMAX_CE, 0},
    {"pool", {7, 6, 2}, network_pool, NN_LOSS_SOFTMAX_BCE, 1},
};

/* A network at work, and its data. */
typedef struct network_run {
    nn_model *m;
    nn_node input, logits, loss;
    float x[NETWORK_ROWS * 256];
    uint32_t labels[NETWORK_ROWS];
} network_run;

/* Builds it and feeds it; CHECKs that it works. */
static inline void network_begin(network_run *run, const network *n, const nn_allocator *allocator, const nn_build_desc *build) {
    uint64_t state = 5;
    run->m = nn_model_new(allocator);
    run->input = nn_want_gradient(run->m, nn_layer_input(run->m, n->in));
    run->logits = n->fill(run->m, run->input);
    run->loss = nn_layer_loss(run->m, run->logits, n->loss);
    nn_build_desc d = *build;
    if (!d.batch) d.batch = NETWORK_ROWS;
    if (!CHECK(nn_model_build(run->m, &d) == NN_OK)) puts(nn_error(run->m));
    test_fill(run->x, COUNT(run->x), &state);
    for (size_t i = 0; i < NETWORK_ROWS; i++) run->labels[i] = (uint32_t)test_below(&state, 3);
    CHECK(nn_feed(run->m, run->input, run->x) == NN_OK);
    CHECK(nn_feed_labels(run->m, run->loss, run->labels) == NN_OK);
}

static inline void network_pass(network_run *run) {
    nn_step_set(run->m, 7); /* the same masks and noise in every pass */
    if (!CHECK(nn_forward(run->m, NETWORK_ROWS, NN_TRAIN) == NN_OK)) puts(nn_error(run->m));
}

#endif /* NETWORK_H */
