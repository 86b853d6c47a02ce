/* test_network_torch.c - whole networks beside PyTorch: loss, gradients, running statistics, and predictions after a step */
#include "golden.h"

static nn_node mlp(nn_model *m, nn_node x) {
    x = nn_layer_relu(m, nn_layer_batch_norm(m, nn_layer_dense_no_bias(m, x, 12)));
    x = nn_layer_tanh(m, nn_layer_batch_norm(m, nn_layer_dense_no_bias(m, x, 9)));
    return nn_layer_dense(m, nn_layer_dropout(m, x, 0), 4);
}

static nn_node cnn(nn_model *m, nn_node x) {
    const nn_conv2d_desc plain = {.filters = 6, .kernel_height = 3, .kernel_width = 3, .pad_top = 1, .pad_bottom = 1,
                                  .pad_left = 1, .pad_right = 1};
    const nn_conv2d_desc strided = {.filters = 8, .kernel_height = 3, .kernel_width = 3, .stride_y = 2, .stride_x = 2,
                                    .pad_top = 1, .pad_bottom = 1, .pad_left = 1, .pad_right = 1, .groups = 2};
    x = nn_layer_relu(m, nn_layer_batch_norm(m, nn_layer_conv2d_with(m, x, &plain, 0)));
    x = nn_layer_silu(m, nn_layer_conv2d_with(m, nn_layer_max_pool(m, x, 2, 2), &strided, 1));
    return nn_layer_dense(m, nn_layer_global_average_pool(m, x), 5);
}

static nn_node residual(nn_model *m, nn_node x) {
    x = nn_layer_dense(m, x, 10);
    const nn_node up = nn_layer_gelu(m, nn_layer_dense(m, nn_layer_layer_norm(m, x), 14));
    return nn_layer_dense(m, nn_layer_add(m, x, nn_layer_dense(m, up, 10)), 3);
}

static const struct net {
    const char *name;
    nn_shape in;
    nn_node (*fill)(nn_model *m, nn_node x);
    size_t rows;
} nets[] = {{"mlp", {1, 1, 7}, mlp, 11}, {"cnn", {8, 6, 2}, cnn, 5}, {"residual", {1, 1, 6}, residual, 6}};

/* "mlp.d.dense_1.weights" */
static const char *key(const struct net *net, const char *of, const char *name) {
    static char text[160];
    snprintf(text, sizeof text, "%s.%s%s", net->name, of, name);
    return text;
}

/* Calls f for every parameter that is trained, or for every one that is not. */
static void each(nn_model *m, const struct net *net, int trained, void (*f)(const struct net *net, const nn_parameter *p)) {
    for (size_t i = 0; i < nn_parameter_count(m); i++) {
        nn_parameter p;
        CHECK(nn_parameter_at(m, i, &p) == NN_OK);
        if ((p.gradients != NULL) == trained) f(net, &p);
    }
}
static void set(const struct net *net, const nn_parameter *p) {
    size_t n;
    const float *values = golden(key(net, "", p->name), &n);
    if (CHECK(n == p->rows * p->columns)) memcpy(p->values, values, n * sizeof *values);
}
static void gradient_agrees(const struct net *net, const nn_parameter *p) {
    CHECK(golden_close(p->gradients, key(net, "d.", p->name), TOL_TORCH));
}
static void statistic_agrees(const struct net *net, const nn_parameter *p) {
    CHECK(golden_close(p->values, key(net, "", p->name), TOL_TORCH));
}

static void agrees(const struct net *net) {
    uint32_t labels[16];
    float y[16 * 8];
    nn_model *m = nn_model_new(NULL);
    const nn_node in = nn_want_gradient(m, nn_layer_input(m, net->in));
    const nn_node end = nn_layer_loss(m, net->fill(m, in), NN_LOSS_SOFTMAX_CE);
    const nn_build_desc build = {.batch = net->rows};
    test_case("%s beside PyTorch", net->name);
    if (!CHECK(nn_model_build(m, &build) == NN_OK)) puts(nn_error(m)), abort();
    each(m, net, 1, set);
    const float *x = golden(key(net, "", "x"), NULL), *classes = golden(key(net, "", "labels"), NULL);
    for (size_t i = 0; i < net->rows; i++) labels[i] = (uint32_t)classes[i];
    CHECK(nn_feed(m, in, x) == NN_OK && nn_feed_labels(m, end, labels) == NN_OK);
    CHECK(nn_forward(m, net->rows, NN_TRAIN) == NN_OK && nn_backward(m, 0) == NN_OK);
    const float loss = nn_loss_value(m, end);
    CHECK(golden_close(&loss, key(net, "", "loss"), TOL_TORCH));
    CHECK(golden_close(nn_gradient_of(m, in), key(net, "", "dx"), TOL_TORCH));
    each(m, net, 1, gradient_agrees);
    each(m, net, 0, statistic_agrees);
    const nn_parameters all = nn_parameters_of(m);
    nn_axpy(all.values, all.gradients, all.trained, -0.5f);
    CHECK(nn_predict(m, y, x, net->rows) == NN_OK && golden_close(y, key(net, "", "p"), TOL_TORCH));
    nn_model_free(m);
}

int main(void) {
    golden_open("network");
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t i = 0; i < COUNT(nets); i++) agrees(&nets[i]);
    return test_end("network_torch");
}
