/* test_model.c - graphs: mistakes and their sentences, names, shapes, parameters, freezing, statistics, folding, summary */
#include "test.h"

/* ---- mistakes: a status, a sentence that names what is wrong, nothing changed ---- */

static void says(const nn_model *m, const char *words) {
    if (!CHECK(strstr(nn_error(m), words) != NULL)) printf("\"%s\" does not say \"%s\"\n", nn_error(m), words);
}

/* Builds what `fill` adds, which has the mistake that is told by these words. */
static void mistake(nn_status status, const char *words, void (*fill)(nn_model *m, nn_node x)) {
    nn_model *m = nn_model_new(NULL);
    test_case("mistake: %s", words);
    fill(m, nn_layer_input(m, nn_shape_image(4, 3, 2)));
    CHECK(nn_layer_relu(m, nn_layer_input(m, nn_shape_vector(3))).id == 0); /* all later calls do nothing */
    CHECK(nn_model_build(m, NULL) == status);
    says(m, words);
    nn_model_free(m);
}

static void no_units(nn_model *m, nn_node x) { nn_layer_dense(m, x, 0); }
static void too_many(nn_model *m, nn_node x) { nn_layer_dense(m, x, SIZE_MAX / 8); }
static void unlike_sizes(nn_model *m, nn_node x) {
    const nn_node three = nn_layer_dense(m, x, 3);
    nn_layer_add(m, three, nn_layer_dense(m, x, 4));
}
static void unlike_images(nn_model *m, nn_node x) {
    const nn_node both[2] = {x, nn_layer_reshape(m, x, nn_shape_image(3, 4, 2))};
    nn_layer_concat(m, both, 2);
}
static void wrong_reshape(nn_model *m, nn_node x) { nn_layer_reshape(m, x, nn_shape_vector(25)); }
static void empty_input(nn_model *m, nn_node x) { (void)x, nn_layer_input(m, nn_shape_image(3, 0, 2)); }
static void huge_input(nn_model *m, nn_node x) { (void)x, nn_layer_input(m, nn_shape_image(SIZE_MAX / 2, 3, 2)); }
static void wide_kernel(nn_model *m, nn_node x) {
    const nn_conv2d_desc d = {.filters = 2, .kernel_height = 5, .kernel_width = 3};
    nn_layer_conv2d_with(m, x, &d, 1);
}
static void odd_groups(nn_model *m, nn_node x) { nn_layer_group_norm(m, x, 3); }
static void sure_drop(nn_model *m, nn_node x) { nn_layer_dropout(m, x, 1); }
static void bad_slope(nn_model *m, nn_node x) { nn_layer_activation(m, x, NN_ELU, -1); }
static void bad_activation(nn_model *m, nn_node x) { nn_layer_activation(m, x, NN_ACTIVATION_COUNT, 1); }
static void bad_loss(nn_model *m, nn_node x) { nn_layer_loss(m, x, NN_LOSS_COUNT); }
static void after_loss(nn_model *m, nn_node x) { nn_layer_relu(m, nn_layer_loss(m, x, NN_LOSS_MSE)); }
static void no_node(nn_model *m, nn_node x) { (void)x, nn_layer_relu(m, (nn_node){77}); }
static void same_name(nn_model *m, nn_node x) {
    nn_layer_name(m, nn_layer_dense(m, x, 3), "first");
    nn_layer_name(m, nn_layer_dense(m, x, 3), "first");
}
static void dotted_name(nn_model *m, nn_node x) { nn_layer_name(m, x, "a.b"); }
static void shared_sizes(nn_model *m, nn_node x) {
    const nn_node y = nn_layer_dense(m, x, 3);
    nn_layer_dense_shared(m, y, y);
}
static void init_of_nothing(nn_model *m, nn_node x) {
    nn_layer_init(m, nn_layer_relu(m, x), nn_init_he());
}
static void wide_pool(nn_model *m, nn_node x) { nn_layer_max_pool(m, x, 5, 1); }

static void mistakes(void) {
    mistake(NN_ERROR_ARGUMENT, "dense layer of shape 1 x 1 x 0", no_units);
    mistake(NN_ERROR_SIZE, "too large", too_many);
    mistake(NN_ERROR_SHAPE, "add_1 of dense_1 (1 x 1 x 3) and dense_2 (1 x 1 x 4)", unlike_sizes);
    mistake(NN_ERROR_SHAPE, "only channels may differ", unlike_images);
    mistake(NN_ERROR_SHAPE, "4 x 3 x 2 values cannot become 1 x 1 x 25", wrong_reshape);
    mistake(NN_ERROR_ARGUMENT, "3 x 0 x 2: no side may be 0", empty_input);
    mistake(NN_ERROR_SIZE, "too large", huge_input);
    mistake(NN_ERROR_SHAPE, "5 x 3 in 1 groups do not go with input_1", wide_kernel);
    mistake(NN_ERROR_SHAPE, "2 channels cannot be divided into 3 groups", odd_groups);
    mistake(NN_ERROR_ARGUMENT, "must lie in [0, 1)", sure_drop);
    mistake(NN_ERROR_ARGUMENT, "slope of a elu must be positive", bad_slope);
    mistake(NN_ERROR_ARGUMENT, "is not an activation", bad_activation);
    mistake(NN_ERROR_ARGUMENT, "is not a loss", bad_loss);
    mistake(NN_ERROR_ARGUMENT, "loss_1 is a loss and cannot feed a relu", after_loss);
    mistake(NN_ERROR_ARGUMENT, "input 1 of a relu is not a node", no_node);
    mistake(NN_ERROR_ARGUMENT, "dense_2 cannot be named \"first\"", same_name);
    mistake(NN_ERROR_ARGUMENT, "none of them a dot", dotted_name);
    mistake(NN_ERROR_ARGUMENT, "dense_2 takes 3 values and cannot share", shared_sizes);
    mistake(NN_ERROR_ARGUMENT, "relu_1 has no weights", init_of_nothing);
    mistake(NN_ERROR_SHAPE, "windows of 5 x 5 do not go with input_1", wide_pool);
    nn_model *empty = nn_model_new(NULL);
    const char *sentence = nn_error(empty); /* asked for before the call that fails */
    test_case("mistakes of calls");
    CHECK(strcmp(sentence, "no error") == 0);
    CHECK(nn_model_build(NULL, NULL) == NN_ERROR_NULL && strlen(nn_error(NULL)) > 0);
    CHECK(nn_model_build(empty, NULL) == NN_ERROR_ARGUMENT);
    says(empty, "no layers");
    CHECK(strstr(sentence, "no layers") != NULL);
    CHECK(nn_layer_relu(NULL, (nn_node){1}).id == 0);
    nn_model_free(empty);
    nn_model_free(NULL);
}

/* Mistakes after the build leave the model as it was. */
static void mistakes_at_work(void) {
    enum { BATCH = 4 };
    nn_model *m = nn_model_new(NULL);
    const nn_node in = nn_layer_input(m, nn_shape_vector(3));
    const nn_node hidden = nn_layer_batch_norm(m, nn_layer_dense(m, in, 5)), out = nn_layer_dense(m, hidden, 2);
    const nn_node loss = nn_layer_loss(m, out, NN_LOSS_SOFTMAX_CE);
    const nn_build_desc build = {.batch = BATCH};
    float x[BATCH * 3] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}, targets[BATCH * 2] = {0, 1, 1, 0, NAN, 1, 0, 1};
    const uint32_t good[BATCH] = {0, 1, 1, 0}, bad[BATCH] = {0, 1, 2, 0};
    test_case("mistakes at work");
    CHECK(nn_forward(m, 1, NN_TEST) == NN_ERROR_ORDER && nn_feed(m, in, x) == NN_ERROR_ORDER && nn_backward(m, 0) == NN_ERROR_ORDER);
    CHECK(nn_predict(m, x, x, 1) == NN_ERROR_ORDER);
    CHECK(nn_model_build(m, &build) == NN_OK);
    CHECK(nn_model_build(m, &build) == NN_ERROR_ORDER);
    const nn_parameters all = nn_parameters_of(m);
    float before[256];
    memcpy(before, all.values, all.total * sizeof *before);
    CHECK(nn_forward(m, 1, NN_TEST) == NN_ERROR_NULL);
    says(m, "input_1 was not fed");
    CHECK(nn_feed(m, in, x) == NN_OK && nn_feed(m, out, x) == NN_ERROR_ARGUMENT);
    says(m, "dense_2 is none");
    CHECK(nn_feed_labels(m, out, good) == NN_ERROR_ARGUMENT && nn_feed_gradient(m, hidden, x) == NN_ERROR_ARGUMENT);
    CHECK(nn_forward(m, BATCH + 1, NN_TEST) == NN_ERROR_ARGUMENT);
    says(m, "batches of 1 to 4");
    CHECK(nn_forward(m, 0, NN_TEST) == NN_ERROR_ARGUMENT);
    CHECK(nn_backward(m, 0) == NN_ERROR_ORDER);
    CHECK(nn_feed_labels(m, loss, bad) == NN_OK && nn_forward(m, BATCH, NN_TRAIN) == NN_ERROR_LABEL);
    says(m, "loss_1: a label");
    CHECK(nn_step_of(m) == 0 && nn_backward(m, 0) == NN_ERROR_ORDER);
    CHECK(nn_feed_targets(m, loss, targets) == NN_OK && nn_forward(m, BATCH, NN_TRAIN) == NN_ERROR_TARGET);
    CHECK(first_difference(before, all.values, all.total) == all.total); /* running averages too */
    CHECK(nn_feed_labels(m, loss, good) == NN_OK && nn_forward(m, BATCH, NN_TRAIN) == NN_OK && nn_backward(m, 0) == NN_OK);
    CHECK(first_difference(before, all.values, all.total) < all.total);
    CHECK(nn_step_of(m) == 1 && nn_backward(m, 0) == NN_ERROR_ORDER); /* once for each pass forward */
    CHECK(nn_forward(m, BATCH, NN_TEST) == NN_OK && nn_backward(m, 0) == NN_ERROR_ORDER);
    nn_parameter p;
    CHECK(nn_parameter_named(m, "dense_1.weight", &p) == NN_ERROR_ARGUMENT && nn_parameter_at(m, 99, &p) == NN_ERROR_ARGUMENT);
    CHECK(nn_parameter_penalty(m, "batch_norm_1.mean", 1, 1) == NN_ERROR_ARGUMENT && nn_layer_penalty(m, out, -1, 0) == NN_ERROR_ARGUMENT);
    CHECK(nn_freeze(m, (nn_node){99}, 1) == NN_ERROR_ARGUMENT);
    CHECK(nn_layer_dense(m, out, 3).id == 0);
    says(m, "built already");
    nn_model_free(m);
}

/* ---- names, shapes, parameters ---- */

static void parameters(void) {
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, nn_shape_image(28, 28, 1));
    const nn_node conv = nn_layer_conv2d(m, x, 8, 3);
    x = nn_layer_name(m, nn_layer_batch_norm(m, conv), "norm");
    x = nn_layer_max_pool(m, nn_layer_relu(m, x), 2, 2);
    const nn_node out = nn_layer_dense(m, x, 10);
    test_case("parameters");
    CHECK(nn_model_node(m, "norm").id == 3 && nn_model_node(m, "dense_2").id == 0);
    CHECK(strcmp(nn_node_name(m, conv), "conv2d_1") == 0 && strcmp(nn_node_name(m, out), "dense_1") == 0);
    CHECK(nn_shape_equal(nn_node_shape(m, conv), nn_shape_image(28, 28, 8)));
    CHECK(nn_shape_equal(nn_node_shape(m, x), nn_shape_image(14, 14, 8)));
    CHECK(nn_parameters_of(m).values == NULL);
    CHECK(nn_model_build(m, NULL) == NN_OK);
    nn_parameter p;
    CHECK(nn_parameter_named(m, "conv2d_1.weights", &p) == NN_OK && p.rows == 9 && p.columns == 8 && p.gradients);
    CHECK(nn_parameter_named(m, "norm.variance", &p) == NN_OK && p.columns == 8 && !p.gradients && p.values[7] == 1);
    CHECK(nn_parameter_named(m, "norm.gamma", &p) == NN_OK && p.values[0] == 1 && p.node.id == 3);
    CHECK(nn_parameter_named(m, "norm.beta", &p) == NN_OK && p.values[0] == 0 && nn_sum_squares(p.values, p.columns) == 0);
    CHECK(nn_parameter_named(m, "dense_1.weights", &p) == NN_OK && p.rows == 14 * 14 * 8 && p.columns == 10);
    const nn_parameters all = nn_parameters_of(m);
    CHECK(nn_learned_count(m) == 72 + 8 + 16 + 15680 + 10);
    CHECK((uintptr_t)all.values % 64 == 0 && (uintptr_t)all.gradients % 64 == 0 && all.decaying == 80 + 15680);
    CHECK(all.trained == all.decaying + 4 * 16 && all.total == all.trained + 2 * 16); /* each begins on a line of the cache */
    nn_model_free(m);
}

static void counts(void) { /* deck 004 */
    static const struct { size_t r, k, about; } nets[] = {{512, 512, 670000}, {512, 256, 530000}, {256, 128, 240000}};
    for (size_t i = 0; i < COUNT(nets); i++) {
        nn_model *m = nn_model_new(NULL);
        nn_node x = nn_layer_dense(m, nn_layer_input(m, nn_shape_vector(784)), nets[i].r);
        x = nn_layer_dense(m, nn_layer_dense(m, x, nets[i].k), 10);
        const size_t want = 785 * nets[i].r + (nets[i].r + 1) * nets[i].k + (nets[i].k + 1) * 10, count = nn_learned_count(m);
        test_case("784-%zu-%zu-10", nets[i].r, nets[i].k);
        CHECK(count == want && count < nets[i].about + 8000 && count + 8000 > nets[i].about);
        nn_model_free(m);
    }
}

/* ---- first weights: by seed and name, whatever the order of the layers ---- */

static void first_weights(void) {
    static float w[3][40 * 30];
    for (int i = 0; i < 3; i++) {
        nn_model *m = nn_model_new(NULL);
        const nn_node x = nn_layer_input(m, nn_shape_vector(40));
        if (i == 1) nn_layer_name(m, nn_layer_dense(m, x, 50), "other");
        nn_layer_name(m, nn_layer_dense(m, x, 30), "mine");
        const nn_build_desc build = {.seed = i == 2 ? 6 : 5, .inference = i == 1};
        nn_parameter p;
        CHECK(nn_model_build(m, &build) == NN_OK && nn_parameter_named(m, "mine.weights", &p) == NN_OK);
        memcpy(w[i], p.values, sizeof w[i]);
        CHECK(nn_model_init(m, 5, nn_init_constant(0)) == NN_OK && p.values[3] == 0);
        nn_model_free(m);
    }
    test_case("first weights");
    CHECK(first_difference(w[0], w[1], 1200) == 1200);
    CHECK(first_difference(w[0], w[2], 1200) < 3);
}

/* ---- freezing ---- */

static void freezing(void) {
    nn_model *m = nn_model_new(NULL);
    const nn_node in = nn_layer_input(m, nn_shape_vector(3)), first = nn_layer_dense(m, in, 4);
    const nn_node norm = nn_layer_batch_norm(m, first), last = nn_layer_dense(m, nn_layer_tanh(m, norm), 2);
    const nn_node loss = nn_layer_loss(m, last, NN_LOSS_MSE);
    float x[9] = {1, 2, -1, 0.5f, -2, 1, 0, 1, 1}, targets[6] = {0, 1, 1, 0, 1, 1}, before[256], frozen[256];
    const nn_build_desc build = {.batch = 3, .seed = 4};
    nn_parameter w1, w2, mean;
    test_case("freezing");
    CHECK(nn_model_build(m, &build) == NN_OK && nn_feed(m, in, x) == NN_OK && nn_feed_targets(m, loss, targets) == NN_OK);
    CHECK(nn_parameter_named(m, "dense_1.weights", &w1) == NN_OK && nn_parameter_named(m, "dense_2.weights", &w2) == NN_OK);
    CHECK(nn_parameter_named(m, "batch_norm_1.mean", &mean) == NN_OK);
    CHECK(nn_forward(m, 3, NN_TRAIN) == NN_OK && nn_backward(m, 0) == NN_OK);
    CHECK(nn_sum_squares(w1.gradients, 12) > 0 && mean.values[0] != 0);
    memcpy(before, w2.gradients, 8 * sizeof *before);
    memcpy(frozen, mean.values, 4 * sizeof *frozen);
    CHECK(nn_freeze(m, first, 1) == NN_OK && nn_forward(m, 3, NN_TRAIN) == NN_OK && nn_backward(m, 0) == NN_OK);
    CHECK(nn_sum_squares(w1.gradients, 12) == 0 && first_difference(before, w2.gradients, 8) == 8);
    CHECK(mean.values[0] != frozen[0]);
    memcpy(frozen, mean.values, 4 * sizeof *frozen);
    CHECK(nn_freeze(m, norm, 1) == NN_OK && nn_forward(m, 3, NN_TRAIN) == NN_OK && nn_backward(m, 0) == NN_OK);
    CHECK(first_difference(mean.values, frozen, 4) == 4); /* running statistics stay, and are what is used */
    CHECK(first_difference(before, w2.gradients, 8) < 8);
    CHECK(nn_freeze(m, first, 0) == NN_OK && nn_freeze(m, norm, 0) == NN_OK && nn_forward(m, 3, NN_TRAIN) == NN_OK && nn_backward(m, 0) == NN_OK);
    CHECK(nn_sum_squares(w1.gradients, 12) > 0 && first_difference(before, w2.gradients, 8) == 8);
    nn_model_free(m);
}

/* Dropout scales in training or, as the lectures do, in tests; no two steps drop the same values. */
static void dropping(void) {
    enum { N = 2000 };
    static const struct { nn_node (*add)(nn_model *, nn_node, float); float training, testing; } forms[] = {
        {nn_layer_dropout, 1 / 0.75f, 1}, {nn_layer_dropout_scaling_tests, 1, 0.75f}};
    static float x[N], first[N];
    uint64_t state = 3;
    test_fill(x, N, &state);
    for (size_t f = 0; f < COUNT(forms); f++) {
        nn_model *m = nn_model_new(NULL);
        const nn_node in = nn_layer_input(m, nn_shape_vector(N)), out = forms[f].add(m, in, 0.25f);
        const nn_build_desc build = {.batch = 1, .seed = 9, .keep = 1};
        size_t kept[2] = {0, 0}, wrong = 0, as_before = 0;
        test_case("dropout scaling %s", f ? "tests" : "training");
        CHECK(nn_model_build(m, &build) == NN_OK && nn_feed(m, in, x) == NN_OK);
        for (int step = 0; step < 2; step++) {
            CHECK(nn_forward(m, 1, NN_TRAIN) == NN_OK);
            const float *y = nn_activation_of(m, out);
            for (size_t i = 0; i < N; i++) {
                kept[step] += y[i] != 0;
                wrong += y[i] != 0 && !same_bits(y[i], forms[f].training * x[i]);
                as_before += step && (y[i] != 0) == (first[i] != 0);
                first[i] = y[i];
            }
        }
        CHECK(wrong == 0);
        for (int step = 0; step < 2; step++) CHECK(fabs((double)kept[step] - 0.75 * N) < 5 * sqrt(0.75 * 0.25 * N));
        CHECK(fabs((double)as_before - (0.75 * 0.75 + 0.25 * 0.25) * N) < 5 * sqrt(0.25 * N));
        CHECK(nn_forward(m, 1, NN_TEST) == NN_OK);
        for (size_t i = 0; i < N; i++) wrong += !same_bits(nn_activation_of(m, out)[i], forms[f].testing * x[i]);
        CHECK(wrong == 0);
        nn_model_free(m);
    }
}

/* ---- penalties and limits ---- */

static void penalties(void) {
    nn_model *m = nn_model_new(NULL);
    const nn_node in = nn_layer_input(m, nn_shape_vector(3)), first = nn_layer_dense(m, in, 2), second = nn_layer_dense(m, first, 2);
    const nn_build_desc build = {.l1 = 0.5f, .l2 = 0.25f, .batch = 1};
    float x[3] = {0, 0, 0}, zero[2] = {0, 0};
    nn_parameter w, b, v;
    test_case("penalties");
    CHECK(nn_layer_penalty(m, second, 0, 0) == NN_OK);
    CHECK(nn_model_build(m, &build) == NN_OK);
    CHECK(nn_parameter_named(m, "dense_1.weights", &w) == NN_OK && nn_parameter_named(m, "dense_1.bias", &b) == NN_OK);
    CHECK(nn_parameter_named(m, "dense_2.weights", &v) == NN_OK);
    for (int i = 0; i < 6; i++) w.values[i] = i % 2 ? 3.0f : -4.0f;
    b.values[0] = 2;
    CHECK(fabs((double)nn_penalties(m) - (0.5 * 21 + 0.125 * 75)) < 1e-5);
    CHECK(nn_parameter_penalty(m, "dense_1.bias", 1, 0) == NN_OK && fabs((double)nn_penalties(m) - (0.5 * 21 + 0.125 * 75 + 2)) < 1e-5);
    CHECK(nn_feed(m, in, x) == NN_OK && nn_feed_gradient(m, second, zero) == NN_OK);
    CHECK(nn_forward(m, 1, NN_TRAIN) == NN_OK && nn_backward(m, 0) == NN_OK);
    CHECK(w.gradients[0] == -0.5f + 0.25f * -4 && w.gradients[1] == 0.5f + 0.25f * 3 && b.gradients[0] == 1 && v.gradients[0] == 0);
    CHECK(nn_forward(m, 1, NN_TRAIN) == NN_OK && nn_backward(m, 1) == NN_OK);
    CHECK(w.gradients[0] == -0.5f + 0.25f * -4); /* a sum of passes needs them once */
    CHECK(nn_layer_max_norm(m, first, 1) == NN_OK);
    nn_constrain(m);
    CHECK(fabs((double)w.values[0] + 1 / sqrt(3)) < 1e-6 && fabs((double)w.values[1] - 1 / sqrt(3)) < 1e-6);
    nn_model_free(m);
}

/* ---- several inputs, outputs and losses ---- */

/* Values stay where someone looks at them, and are NULL where their memory has gone to others. */
static void values(void) {
    for (int wanted = 0; wanted < 2; wanted++) {
        nn_model *m = nn_model_new(NULL);
        const nn_node in = nn_layer_input(m, nn_shape_vector(2)), dense = nn_layer_dense(m, in, 3);
        if (wanted) nn_want_value(m, dense);
        const nn_node relu = nn_layer_relu(m, dense), out = nn_layer_dense(m, relu, 2);
        nn_layer_tanh(m, out); /* nn_predict gives what the loss compares all the same */
        nn_layer_loss(m, out, NN_LOSS_MSE);
        const nn_build_desc build = {.seed = 1, .batch = 1};
        const float x[2] = {1, 2};
        float y[2];
        test_case("values, wanted %d", wanted);
        CHECK(nn_model_build(m, &build) == NN_OK && nn_feed(m, in, x) == NN_OK && nn_forward(m, 1, NN_TEST) == NN_OK);
        CHECK((nn_activation_of(m, dense) != NULL) == wanted && nn_activation_of(m, relu) == NULL);
        CHECK(nn_activation_of(m, in) == x && nn_activation_of(m, out) != NULL);
        CHECK(nn_predict(m, y, x, 1) == NN_OK && first_difference(y, nn_activation_of(m, out), 2) == 2);
        CHECK(nn_model_input(m).id == in.id && nn_model_output(m).id == out.id);
        nn_model_free(m);
    }
}

static void many_ends(void) {
    nn_model *m = nn_model_new(NULL);
    const nn_node a = nn_layer_input(m, nn_shape_vector(2)), b = nn_layer_input(m, nn_shape_vector(2));
    const nn_node sum = nn_layer_add(m, a, b), product = nn_layer_mul(m, a, b);
    nn_loss_desc half = {.loss = NN_LOSS_MSE, .scale = 0.5f};
    const nn_node first = nn_layer_loss(m, sum, NN_LOSS_MSE), second = nn_layer_loss_with(m, product, &half);
    const nn_build_desc build = {.batch = 1};
    const float x[2] = {1, 2}, y[2] = {3, -1}, zero[2] = {0, 0};
    nn_want_gradient(m, a);
    test_case("many ends");
    CHECK(nn_model_build(m, &build) == NN_OK);
    CHECK(nn_feed(m, a, x) == NN_OK && nn_feed(m, b, y) == NN_OK);
    CHECK(nn_feed_targets(m, first, zero) == NN_OK && nn_feed_targets(m, second, zero) == NN_OK);
    CHECK(nn_forward(m, 1, NN_TRAIN) == NN_OK && nn_backward(m, 0) == NN_OK);
    CHECK(nn_loss_value(m, first) == 8.5f && nn_loss_value(m, second) == 3.25f && nn_total_loss(m) == 11.75f);
    const float *da = nn_gradient_of(m, a); /* (a + b) + a b b / 2 */
    CHECK(da && da[0] == 4 + 4.5f && da[1] == 1 + 1.0f);
    CHECK(nn_gradient_of(m, b) == NULL && nn_activation_of(m, sum)[0] == 4);
    CHECK(nn_predict(m, (float[2]){0}, x, 1) == NN_ERROR_ARGUMENT);
    CHECK(nn_model_input(m).id == a.id && nn_model_output(m).id == sum.id && nn_model_input(NULL).id == 0);
    nn_model_free(m);
    m = nn_model_new(NULL);
    CHECK(nn_model_input(m).id == 0 && nn_model_output(m).id == 0);
    nn_model_free(m);
}

/* ---- deck 002: f(x, w) = 1/(1 + e^-(w0 x0 + w1 x1 + w2)), gate by gate and as one sigmoid ---- */

static void deck_002(void) {
    static const float values[5] = {2, -1, -3, -2, -3}; /* w0 x0 w1 x1 w2 */
    static const double gradients[5] = {-0.20, 0.39, -0.39, -0.59, 0.20};
    float found[2][5];
    for (int gates = 0; gates < 2; gates++) {
        nn_model *m = nn_model_new(NULL);
        nn_node in[5];
        for (int i = 0; i < 5; i++) in[i] = nn_want_gradient(m, nn_layer_input(m, nn_shape_vector(1)));
        const nn_node sum = nn_want_gradient(
            m, nn_layer_add(m, nn_layer_add(m, nn_layer_mul(m, in[0], in[1]), nn_layer_mul(m, in[2], in[3])), in[4]));
        nn_node f = gates ? nn_layer_exp(m, nn_layer_linear(m, sum, -1, 0)) : nn_layer_sigmoid(m, sum);
        if (gates) f = nn_layer_reciprocal(m, nn_layer_linear(m, f, 1, 1));
        const nn_build_desc build = {.batch = 1};
        const float one = 1;
        test_case("deck 002, %s", gates ? "gate by gate" : "one node");
        CHECK(nn_model_build(m, &build) == NN_OK);
        for (int i = 0; i < 5; i++) CHECK(nn_feed(m, in[i], &values[i]) == NN_OK);
        CHECK(nn_feed_gradient(m, f, &one) == NN_OK && nn_forward(m, 1, NN_TRAIN) == NN_OK);
        CHECK(fabs((double)nn_activation_of(m, f)[0] - 0.73) < 0.005);
        CHECK(nn_backward(m, 0) == NN_OK);
        CHECK(fabs((double)nn_gradient_of(m, sum)[0] - 0.2) < 0.005);
        for (int i = 0; i < 5; i++) {
            found[gates][i] = nn_gradient_of(m, in[i])[0];
            CHECK(fabs((double)found[gates][i] - gradients[i]) < 0.005);
        }
        nn_model_free(m);
    }
    for (int i = 0; i < 5; i++) CHECK(fabs((double)found[0][i] - (double)found[1][i]) < 1e-6);
}

/* Deck 000: one sigmoid neuron w x + b with the target 0 and half the squared error; and one that saturates. */
static void deck_000(void) {
    static const float w[2] = {0.4f, 1.9f}, b[2] = {0.5f, 3.0f}, x = 1.5f, y = 0;
    static const double e[2] = {0.2815, 0.4971}, dw[2] = {0.2109, 0.0043}, db[2] = {0.1406, 0.0029};
    for (int i = 0; i < 2; i++) {
        nn_model *m = nn_model_new(NULL);
        const nn_node in = nn_layer_input(m, nn_shape_vector(1));
        const nn_node loss = nn_layer_loss(m, nn_layer_sigmoid(m, nn_layer_dense(m, in, 1)), NN_LOSS_MSE);
        nn_parameter weights, bias;
        test_case("deck 000, neuron %d", i);
        CHECK(nn_model_build(m, NULL) == NN_OK);
        CHECK(nn_parameter_named(m, "dense_1.weights", &weights) == NN_OK && nn_parameter_named(m, "dense_1.bias", &bias) == NN_OK);
        weights.values[0] = w[i];
        bias.values[0] = b[i];
        CHECK(nn_feed(m, in, &x) == NN_OK && nn_feed_targets(m, loss, &y) == NN_OK);
        CHECK(nn_forward(m, 1, NN_TRAIN) == NN_OK && nn_backward(m, 0) == NN_OK);
        CHECK(fabs((double)nn_loss_value(m, loss) - e[i]) < 1e-4); /* 0.28144, printed as 0.2815 */
        CHECK(fabs((double)weights.gradients[0] - dw[i]) < 0.5e-4 && fabs((double)bias.gradients[0] - db[i]) < 0.5e-4);
        nn_model_free(m);
    }
}

/* ---- batch norm: averages, exact statistics, folding ---- */

enum { SAMPLES = 96, IN = 6, PART = 32 };

static nn_model *normed(nn_node *in, nn_node *hidden, int bias) {
    nn_model *m = nn_model_new(NULL);
    *in = nn_layer_input(m, nn_shape_image(2, 1, 3));
    nn_node x = nn_layer_conv2d(m, *in, 5, 1);
    x = nn_layer_relu(m, nn_layer_batch_norm(m, x));
    *hidden = bias ? nn_layer_dense(m, x, 7) : nn_layer_dense_no_bias(m, x, 7);
    x = nn_layer_tanh(m, nn_layer_batch_norm(m, *hidden));
    nn_layer_softmax(m, nn_layer_dense(m, x, 4));
    const nn_build_desc build = {.seed = 2, .batch = SAMPLES, .keep = 1};
    CHECK(nn_model_build(m, &build) == NN_OK);
    return m;
}

static void statistics(int bias) {
    nn_node in, hidden;
    nn_model *m = normed(&in, &hidden, bias);
    static float x[SAMPLES * IN], before[SAMPLES * 4], after[SAMPLES * 4];
    uint64_t state = 3;
    nn_parameter mean, variance;
    test_case("exact statistics, folding, bias %d", bias);
    test_fill(x, COUNT(x), &state);
    for (size_t i = 0; i < COUNT(x); i++) x[i] = 3 * x[i] + 2;
    size_t passes = 0, left = nn_statistics_begin(m);
    CHECK(left == 2);
    for (; left > 0; left = nn_statistics_next(m), passes++)
        for (size_t at = 0; at < SAMPLES; at += PART) {
            CHECK(nn_feed(m, in, x + at * IN) == NN_OK);
            CHECK(nn_forward(m, PART, NN_STATISTICS) == NN_OK);
        }
    CHECK(passes == 2 && nn_forward(m, PART, NN_STATISTICS) == NN_ERROR_ORDER);
    /* the second batch norm's input over all samples, against double */
    CHECK(nn_feed(m, in, x) == NN_OK && nn_forward(m, SAMPLES, NN_TEST) == NN_OK);
    CHECK(nn_parameter_named(m, "batch_norm_2.mean", &mean) == NN_OK && nn_parameter_named(m, "batch_norm_2.variance", &variance) == NN_OK);
    const float *h = nn_activation_of(m, hidden);
    for (size_t j = 0; CHECK(h != NULL) && j < 7; j++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < SAMPLES; i++) sum += (double)h[i * 7 + j];
        for (size_t i = 0; i < SAMPLES; i++) squares += pow((double)h[i * 7 + j] - sum / SAMPLES, 2);
        CHECK(fabs((double)mean.values[j] - sum / SAMPLES) < 1e-5 && fabs((double)variance.values[j] - squares / SAMPLES) < 1e-5);
    }
    size_t folded;
    CHECK(nn_predict(m, before, x, SAMPLES) == NN_OK);
    CHECK(nn_fold(m, &folded) == NN_OK && folded == 2);
    CHECK(nn_predict(m, after, x, SAMPLES) == NN_OK);
    for (size_t i = 0; i < COUNT(before); i++) CHECK(fabs((double)before[i] - (double)after[i]) < 1e-5);
    CHECK(nn_forward(m, 1, NN_TRAIN) == NN_ERROR_ORDER);
    CHECK(nn_fold(m, &folded) == NN_OK && folded == 0 && nn_predict(m, before, x, SAMPLES) == NN_OK);
    CHECK(first_difference(before, after, COUNT(after)) == COUNT(after));
    nn_model_free(m);
}

/* ---- the written-out softmax and the loss of logits are one ---- */

static void softmax_and_loss(void) {
    float loss_of[2], p[2][6], gradient[2][12];
    for (int written = 0; written < 2; written++) {
        nn_model *m = nn_model_new(NULL);
        const nn_node in = nn_layer_input(m, nn_shape_vector(4));
        nn_node x = nn_layer_dense(m, in, 3);
        if (written) x = nn_layer_softmax(m, x);
        const nn_node loss = nn_layer_loss(m, x, written ? NN_LOSS_CE : NN_LOSS_SOFTMAX_CE);
        const float data[8] = {1, -2, 3, 0.5f, 0, 1, -1, 2};
        const uint32_t labels[2] = {2, 0};
        nn_parameter w;
        test_case("softmax and loss, written %d", written);
        CHECK(nn_model_build(m, NULL) == NN_OK);
        CHECK(nn_feed(m, in, data) == NN_OK && nn_feed_labels(m, loss, labels) == NN_OK);
        CHECK(nn_forward(m, 2, NN_TRAIN) == NN_OK && nn_backward(m, 0) == NN_OK);
        CHECK(nn_parameter_named(m, "dense_1.weights", &w) == NN_OK);
        loss_of[written] = nn_loss_value(m, loss);
        memcpy(gradient[written], w.gradients, sizeof gradient[0]);
        CHECK(nn_predict(m, p[written], data, 2) == NN_OK);
        CHECK(fabs((double)p[written][0] + (double)p[written][1] + (double)p[written][2] - 1) < 1e-6);
        nn_model_free(m);
    }
    CHECK(same_bits(loss_of[0], loss_of[1]));
    CHECK(first_difference(gradient[0], gradient[1], 12) == 12 && first_difference(p[0], p[1], 6) == 6);
}

/* ---- a loss of the caller's ---- */

static nn_status cubed(float *value, float *dx, const float *x, const float *targets, size_t rows, size_t n, void *user) {
    *value = 0;
    ++*(int *)user;
    for (size_t i = 0; i < rows * n; i++) {
        const float d = x[i] - targets[i];
        *value += d * d * d;
        if (dx) dx[i] = 3 * d * d;
    }
    return x[0] > 50 ? NN_ERROR_TARGET : NN_OK;
}

static void custom(void) {
    nn_model *m = nn_model_new(NULL);
    const nn_node in = nn_want_gradient(m, nn_layer_input(m, nn_shape_vector(2)));
    int calls = 0;
    const nn_node loss = nn_layer_custom_loss(m, nn_layer_linear(m, in, 2, 0), cubed, &calls);
    float x[2] = {1, 2};
    const float targets[2] = {1, 1};
    test_case("custom loss");
    CHECK(nn_model_build(m, NULL) == NN_OK && nn_feed(m, in, x) == NN_OK && nn_feed_targets(m, loss, targets) == NN_OK);
    CHECK(nn_forward(m, 1, NN_TRAIN) == NN_OK && nn_backward(m, 0) == NN_OK);
    CHECK(nn_loss_value(m, loss) == 28 && nn_gradient_of(m, in)[0] == 6 && nn_gradient_of(m, in)[1] == 54 && calls == 1);
    x[0] = 99;
    CHECK(nn_forward(m, 1, NN_TRAIN) == NN_ERROR_TARGET);
    nn_model_free(m);
}

/* ---- the table ---- */

static void summary(void) {
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_dense(m, nn_layer_input(m, nn_shape_image(28, 28, 1)), 300);
    nn_layer_loss(m, nn_layer_dense(m, nn_layer_relu(m, x), 10), NN_LOSS_SOFTMAX_CE);
    char text[4096], less[40];
    test_case("summary");
    CHECK(nn_model_build(m, NULL) == NN_OK);
    const size_t length = nn_summary(m, text, sizeof text);
    CHECK(length == strlen(text) && length < sizeof text && nn_summary(m, NULL, 0) == length);
    CHECK(strstr(text, "dense_1              300                    235500  input_1\n") != NULL);
    CHECK(strstr(text, "28 x 28 x 1") && strstr(text, "238510") && strstr(text, "memory for batches of 256") && strstr(text, "inference"));
    CHECK(nn_summary(m, less, sizeof less) == length && strlen(less) == sizeof less - 1 && strncmp(less, text, sizeof less - 1) == 0);
    FILE *file = tmpfile();
    if (CHECK(file != NULL)) {
        nn_summary_print(m, file);
        CHECK((size_t)ftell(file) == length);
        fclose(file);
    }
    nn_model_free(m);
}

int main(void) {
    mistakes();
    mistakes_at_work();
    parameters();
    counts();
    first_weights();
    freezing();
    dropping();
    penalties();
    values();
    many_ends();
    deck_002();
    deck_000();
    statistics(1);
    statistics(0);
    softmax_and_loss();
    custom();
    summary();
    return test_end("model");
}
