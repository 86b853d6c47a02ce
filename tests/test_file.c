/* test_file.c - networks saved and loaded: the same predictions, and trained on the same weights, to the bit */
#include "every_layer.h"
#include "file.h"
#include "network.h"

static nn_model *reload(nn_model *m, const nn_model_load_desc *desc) {
    nn_report report;
    nn_model *copy = NULL;
    if (!CHECK(nn_model_save(m, file_path("model")) == NN_OK)) puts(nn_error(m));
    if (!CHECK(nn_model_load(&copy, file_path("model"), desc, &report) == NN_OK)) puts(report.sentence), abort();
    CHECK(report.sentence[0] == '\0');
    return copy;
}

static int same_parameters(const nn_model *a, const nn_model *b) {
    const nn_parameters p = nn_parameters_of(a), q = nn_parameters_of(b);
    return p.total == q.total && p.trained == q.trained && p.decaying == q.decaying &&
           memcmp(p.values, q.values, p.total * sizeof(float)) == 0;
}

/* ---- each small network ---- */

static void learn(network_run *run) {
    const nn_parameters all = nn_parameters_of(run->m);
    CHECK(nn_forward(run->m, NETWORK_ROWS, NN_TRAIN) == NN_OK && nn_backward(run->m, 0) == NN_OK);
    nn_axpy(all.values, all.gradients, all.trained, -0.05f);
}

static void small(const network *n) {
    float p[NETWORK_ROWS * 3], q[NETWORK_ROWS * 3];
    network_run run, again;
    const nn_build_desc build = {.seed = 11, .l2 = 0.01f};
    test_case("network %s", n->name);
    network_begin(&run, n, NULL, &build);
    learn(&run);
    again = run;
    again.m = reload(run.m, NULL);
    CHECK(nn_predict(run.m, p, run.x, NETWORK_ROWS) == NN_OK && nn_predict(again.m, q, run.x, NETWORK_ROWS) == NN_OK);
    CHECK(memcmp(p, q, sizeof p) == 0 && same_parameters(run.m, again.m) && nn_step_of(again.m) == 1);
    CHECK(nn_feed(again.m, run.input, run.x) == NN_OK && nn_feed_labels(again.m, run.loss, run.labels) == NN_OK);
    learn(&run);
    learn(&again);
    CHECK(same_parameters(run.m, again.m) && nn_total_loss(run.m) == nn_total_loss(again.m));
    CHECK(nn_gradient_of(again.m, run.input) != NULL);
    nn_model_free(again.m);
    nn_model_free(run.m);
}

/* ---- every layer at once ---- */

static void predicts_alike(nn_model *a, nn_model *b) {
    static float other[SAMPLES * CLASSES];
    must(nn_predict(a, predicted, images, SAMPLES));
    must(nn_predict(b, other, images, SAMPLES));
    CHECK(memcmp(predicted, other, sizeof other) == 0);
}

static void resumed(void) {
    draw_samples();
    net n = build("narrow", 4, 10);
    for (size_t i = 0; i < 3; i++) step(&n, i);
    net copy = n;
    test_case("every layer");
    copy.m = reload(n.m, NULL);
    copy.speed = (float *)malloc(nn_parameters_of(n.m).trained * sizeof(float));
    memcpy(copy.speed, n.speed, nn_parameters_of(n.m).trained * sizeof(float));
    predicts_alike(n.m, copy.m);
    for (size_t i = 3; i < 12; i++) { /* a short batch among them */
        step(&n, i);
        step(&copy, i);
    }
    CHECK(same_parameters(n.m, copy.m));
    predicts_alike(n.m, copy.m);
    CHECK(nn_model_save(n.m, file_path("a")) == NN_OK && nn_model_save(copy.m, file_path("b")) == NN_OK);
    CHECK(file_same(file_path("a"), file_path("b")));

    test_case("every layer, another batch, predictions only");
    const nn_model_load_desc one = {.batch = 7, .inference = 1};
    nn_model *small_one = reload(n.m, &one);
    predicts_alike(n.m, small_one);
    CHECK(nn_memory_of(small_one).gradients == 0 && nn_memory_of(small_one).inference < nn_memory_of(n.m).inference);
    nn_model_free(small_one);

    test_case("every layer, batch norms folded");
    must(nn_fold(n.m, NULL));
    nn_model *folded = reload(n.m, NULL);
    predicts_alike(n.m, folded);
    CHECK(nn_model_save(folded, file_path("b")) == NN_OK && file_same(file_path("model"), file_path("b")));
    size_t count = 1;
    CHECK(nn_fold(folded, &count) == NN_OK && count == 0);
    predicts_alike(n.m, folded);
    CHECK(nn_forward(folded, 5, NN_TRAIN) == NN_ERROR_ORDER);
    nn_model_free(folded);
    nn_model_free(copy.m);
    nn_model_free(n.m);
    free(copy.speed);
    free(n.speed);
}

/* ---- what is set besides ---- */

static nn_status squares(float *value, float *dx, const float *x, const float *targets, size_t rows, size_t n, void *user) {
    *value = *(const float *)user * nn_sum_squares(x, rows * n);
    (void)targets;
    if (dx) nn_scale(dx, x, rows * n, 2 * *(const float *)user);
    return NN_OK;
}

static nn_model *settings_model(const nn_allocator *allocator, nn_node *loss, float *factor) {
    nn_model *m = nn_model_new(allocator);
    nn_node x = nn_layer_name(m, nn_layer_input(m, nn_shape_vector(6)), "the\"odd\\name\x01\xc3\xa4");
    const nn_node first = nn_layer_init(m, nn_layer_dense(m, x, 8), nn_init_truncated_normal(0.3f));
    x = nn_want_value(m, nn_layer_tanh(m, first));
    const nn_norm_desc norm = {.epsilon = 0.1f, .momentum = 1.0f / 3};
    x = nn_layer_batch_norm_with(m, x, &norm);
    const nn_node last = nn_layer_name(m, nn_layer_linear(m, nn_layer_dense(m, x, 4), -0.0f, INFINITY), "end");
    *loss = nn_layer_custom_loss(m, nn_layer_dense(m, x, 3), squares, factor);
    CHECK(nn_layer_penalty(m, first, 0.125f, 1e-20f) == NN_OK && nn_layer_max_norm(m, first, 2.5f) == NN_OK);
    const nn_build_desc d = {.seed = UINT64_MAX, .batch = 3, .l1 = 0.5f};
    if (nn_model_build(m, &d) == NN_OK) CHECK(last.id && nn_freeze(m, nn_model_node(m, "batch_norm_1"), 1) == NN_OK);
    return m;
}

static void settings(void) {
    static float zeros[18];
    float factor = 0.25f, other = 1;
    nn_node loss;
    nn_model *m = settings_model(NULL, &loss, &factor);
    nn_step_set(m, UINT64_MAX - 1);
    test_case("settings");
    nn_model *copy = reload(m, NULL);
    CHECK(nn_step_of(copy) == UINT64_MAX - 1 && nn_penalties(copy) == nn_penalties(m) && nn_penalties(m) > 0);
    CHECK(nn_model_save(copy, file_path("b")) == NN_OK && file_same(file_path("model"), file_path("b")));
    CHECK(nn_model_node(copy, "the\"odd\\name\x01\xc3\xa4").id == 1);
    for (size_t i = 0; i < 18; i++) zeros[i] = (float)i;
    for (int k = 0; k < 2; k++) CHECK(nn_feed(k ? m : copy, nn_model_node(m, nn_node_name(m, (nn_node){1})), zeros) == NN_OK);
    CHECK(nn_feed_targets(m, loss, zeros) == NN_OK && nn_feed_targets(copy, loss, zeros) == NN_OK);

    test_case("a custom loss without its function, and with it");
    CHECK(nn_forward(copy, 3, NN_TRAIN) == NN_ERROR_ORDER && strstr(nn_error(copy), "nn_custom_loss_set") != NULL);
    CHECK(nn_step_of(copy) == UINT64_MAX - 1 && nn_forward(copy, 3, NN_TEST) == NN_ERROR_ORDER);
    CHECK(nn_custom_loss_set(copy, nn_model_node(copy, "dense_1"), squares, &factor) == NN_ERROR_ARGUMENT);
    CHECK(nn_custom_loss_set(copy, (nn_node){99}, squares, &factor) == NN_ERROR_ARGUMENT);
    CHECK(nn_custom_loss_set(copy, loss, NULL, &factor) == NN_ERROR_NULL && nn_custom_loss_set(NULL, loss, squares, NULL) == NN_ERROR_NULL);
    CHECK(nn_custom_loss_set(copy, loss, squares, &factor) == NN_OK);
    CHECK(nn_forward(m, 3, NN_TRAIN) == NN_OK && nn_forward(copy, 3, NN_TRAIN) == NN_OK);
    CHECK(nn_loss_value(m, loss) == nn_loss_value(copy, loss) && nn_loss_value(m, loss) > 0);
    CHECK(nn_custom_loss_set(copy, loss, squares, &other) == NN_OK && nn_forward(copy, 3, NN_TRAIN) == NN_OK);
    CHECK(nn_loss_value(copy, loss) == 4 * nn_loss_value(m, loss));
    CHECK(nn_activation_of(copy, nn_model_node(copy, "tanh_1")) != NULL);

    test_case("drawn anew");
    CHECK(nn_model_init(m, 5, nn_init_usual()) == NN_OK && nn_model_init(copy, 5, nn_init_usual()) == NN_OK && same_parameters(m, copy));
    CHECK(nn_freeze(m, nn_model_node(m, "batch_norm_1"), 0) == NN_OK);
    nn_constrain(m);
    nn_constrain(copy);
    CHECK(same_parameters(m, copy));
    nn_model_free(copy);
    nn_model_free(m);
}

/* Class weights are the model's own copy, before a save and after a load. */
static void class_weights_kept(void) {
    static const float x[8] = {1, 2, 3, 4, -1, 0, 1, 2};
    static const uint32_t y[2] = {3, 0};
    float weights_given[4] = {1, 2, 0.5f, 3};
    nn_model *m = nn_model_new(NULL);
    const nn_node in = nn_layer_input(m, nn_shape_vector(4));
    const nn_loss_desc d = {.loss = NN_LOSS_SOFTMAX_CE, .class_weights = weights_given, .reduction = NN_REDUCE_SUM};
    const nn_node loss = nn_layer_loss_with(m, in, &d);
    test_case("class weights");
    CHECK(nn_model_build(m, NULL) == NN_OK && nn_feed(m, in, x) == NN_OK && nn_feed_labels(m, loss, y) == NN_OK);
    float wanted;
    nn_loss_desc whole = d;
    whole.labels = y;
    CHECK(nn_loss_run(&wanted, NULL, NULL, x, 2, 4, &whole) == NN_OK);
    memset(weights_given, 0, sizeof weights_given);
    CHECK(nn_forward(m, 2, NN_TEST) == NN_OK && nn_loss_value(m, loss) == wanted);
    nn_model *copy = reload(m, NULL);
    CHECK(nn_feed(copy, in, x) == NN_OK && nn_feed_labels(copy, loss, y) == NN_OK);
    CHECK(nn_forward(copy, 2, NN_TEST) == NN_OK && nn_loss_value(copy, loss) == wanted);
    nn_model_free(copy);
    nn_model_free(m);
}

/* ---- memory ---- */

static void in_memory(void) {
    network_run run;
    const nn_build_desc build = {.seed = 2};
    network_begin(&run, &networks[0], NULL, &build);
    test_case("to memory and from it");
    container c = container_of_model(run.m);
    size_t size = 0;
    CHECK(nn_model_save(run.m, file_path("model")) == NN_OK);
    unsigned char *bytes = file_read(file_path("model"), &size);
    CHECK(size == c.size && memcmp(bytes, c.bytes, size) == 0);
    CHECK(nn_model_save_memory(run.m, bytes, c.size - 1, &size) == NN_ERROR_SIZE && size == c.size);
    nn_model *copy;
    CHECK(nn_model_load_memory(&copy, c.bytes, c.size, NULL, NULL) == NN_OK && same_parameters(run.m, copy));
    nn_model_free(copy);
    free(bytes);
    free(c.bytes);
    nn_model_free(run.m);
}

/* Every allocation of a save and of a load fails once. */
static void no_memory(void) {
    counted c;
    float factor = 1;
    nn_node loss;
    const nn_allocator allocator = counted_allocator(&c);
    nn_model *m = settings_model(&allocator, &loss, &factor), *copy;
    const size_t before = c.live;
    CHECK(nn_model_save(m, file_path("a")) == NN_OK && c.live == before);
    for (size_t fail = 1, done = 0; !done; fail++) {
        test_case("allocation %zu of a save fails", fail);
        c.fail_at = (c.calls = 0) + fail;
        const nn_status status = nn_model_save(m, file_path("b"));
        done = c.calls < fail;
        CHECK(done ? status == NN_OK : status == NN_ERROR_MEMORY && strstr(nn_error(m), "memory") != NULL);
        CHECK(c.live == before && file_count(0) == 1 + done);
    }
    nn_model_free(m);
    CHECK(c.live == 0);
    for (size_t fail = 1, done = 0; !done; fail++) {
        nn_report report;
        const nn_model_load_desc d = {.allocator = &allocator};
        test_case("allocation %zu of a load fails", fail);
        c.fail_at = (c.calls = 0) + fail;
        const nn_status status = nn_model_load(&copy, file_path("a"), &d, &report);
        done = c.calls < fail;
        CHECK(done ? status == NN_OK && copy : status == NN_ERROR_MEMORY && !copy && strstr(report.sentence, "memory"));
        nn_model_free(copy);
        CHECK(c.live == 0);
    }
}

/* ---- mistakes ---- */

static void mistakes(void) {
    nn_report report;
    size_t size;
    nn_model *m = nn_model_new(NULL), *copy = m;
    nn_layer_dense(m, nn_layer_input(m, nn_shape_image(30, 30, 3)), 4);
    test_case("mistakes");
    CHECK(nn_model_save(NULL, "x") == NN_ERROR_NULL && nn_model_save(m, NULL) == NN_ERROR_NULL);
    CHECK(nn_model_save(m, "x") == NN_ERROR_ORDER && strcmp(nn_error(m), "nn_model_save before nn_model_build") == 0);
    CHECK(nn_model_save_memory(m, NULL, 0, &size) == NN_ERROR_ORDER && nn_model_save_memory(m, NULL, 0, NULL) == NN_ERROR_NULL);
    CHECK(nn_model_load(NULL, "x", NULL, &report) == NN_ERROR_NULL && nn_model_load(&copy, NULL, NULL, NULL) == NN_ERROR_NULL);
    copy = m;
    CHECK(nn_model_load(&copy, "build/no such file", NULL, &report) == NN_ERROR_FILE && !copy);
    CHECK(strcmp(report.sentence, "build/no such file could not be opened: No such file or directory") == 0);
    copy = m;
    CHECK(nn_model_load(&copy, "build", NULL, &report) == NN_ERROR_FILE && !copy && strstr(report.sentence, "plain file"));
    CHECK(nn_model_load_memory(&copy, NULL, 5, NULL, &report) == NN_ERROR_NULL);
    nn_build_desc d = {.memory = 1000};
    CHECK(nn_model_build(m, &d) == NN_ERROR_SIZE && strstr(nn_error(m), "the limit is 1000"));
    d.memory = 0;
    CHECK(nn_model_build(m, &d) == NN_OK);
    const nn_memory used = nn_memory_of(m);
    CHECK(nn_model_save(m, file_path("model")) == NN_OK);
    nn_model_load_desc limit = {.memory = used.training + used.inference};
    CHECK(nn_model_load(&copy, file_path("model"), &limit, &report) == NN_OK);
    nn_model_free(copy);
    limit.memory -= 1;
    CHECK(nn_model_load(&copy, file_path("model"), &limit, &report) == NN_ERROR_SIZE && strstr(report.sentence, "limit"));
    nn_model_free(m);
}

/* ---- goldens: a model of format 1 must load for ever ---- */

static nn_model *golden_model(void) {
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, nn_shape_image(6, 6, 1));
    x = nn_layer_max_pool(m, nn_layer_relu(m, nn_layer_batch_norm(m, nn_layer_conv2d(m, x, 3, 3))), 2, 2);
    x = nn_layer_dropout(m, nn_layer_leaky_relu(m, nn_layer_dense(m, x, 5)), 0.25f);
    x = nn_layer_dense(m, nn_layer_layer_norm(m, nn_layer_dense_shared(m, nn_layer_dense(m, x, 27), nn_model_node(m, "dense_1"))), 3);
    const float balance[3] = {1, 2, 0.5f};
    const nn_loss_desc d = {.loss = NN_LOSS_SOFTMAX_CE, .class_weights = balance, .label_smoothing = 0.1f};
    nn_layer_loss_with(m, x, &d);
    const nn_build_desc build = {.seed = 1, .batch = 4, .l2 = 1e-4f};
    if (nn_model_build(m, &build) != NN_OK) puts(nn_error(m)), abort();
    const nn_parameters all = nn_parameters_of(m); /* numbers that need no mathematics */
    uint64_t state = 3;
    for (size_t i = 0; i < nn_parameter_count(m); i++) {
        nn_parameter p;
        CHECK(nn_parameter_at(m, i, &p) == NN_OK);
        if (nn_parameter_count(m) && strstr(p.name, "variance") == NULL) test_fill(p.values, p.rows * p.columns, &state);
    }
    CHECK(all.values != NULL);
    nn_step_set(m, 123456789);
    return m;
}

static void golden_models(int write) {
    float x[4 * 36], p[4 * 3], q[4 * 3];
    uint64_t state = 9;
    nn_report report;
    const char *path = "tests/golden/model_v1.safetensors";
    nn_model *m = golden_model(), *old;
    test_case("a model of format 1");
    if (write) CHECK(nn_model_save(m, path) == NN_OK);
    if (!CHECK(nn_model_load(&old, path, NULL, &report) == NN_OK)) puts(report.sentence), abort();
    test_fill(x, COUNT(x), &state);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        CHECK(nn_predict(old, p, x, 4) == NN_OK && nn_predict(m, q, x, 4) == NN_OK);
        CHECK(memcmp(p, q, sizeof p) == 0 && p[0] > 0 && p[0] < 1);
    }
    CHECK(same_parameters(m, old) && nn_step_of(old) == 123456789);
    CHECK(nn_model_save(m, file_path("a")) == NN_OK && nn_model_save(old, file_path("b")) == NN_OK);
    CHECK(file_same(file_path("a"), file_path("b")));
    CHECK(file_same(file_path("a"), path)); /* the bytes are the same on every machine */
    nn_model_free(old);
    nn_model_free(m);
}

/* ---- C source and pictures ---- */

/* The example that the consumers compile: exclusive or, with weights that anybody can check. */
static nn_model *xor_model(void) {
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_relu(m, nn_layer_dense(m, nn_layer_input(m, nn_shape_vector(2)), 2));
    nn_layer_loss(m, nn_layer_dense(m, x, 1), NN_LOSS_MSE);
    if (nn_model_build(m, NULL) != NN_OK) abort();
    static const struct { const char *name; float values[4]; } all[] = { /* relu(a + b) - 2 relu(a + b - 1) */
        {"dense_1.weights", {1, 1, 1, 1}}, {"dense_1.bias", {0, -1}}, {"dense_2.weights", {1, -2}}, {"dense_2.bias", {0}}};
    for (size_t i = 0; i < COUNT(all); i++) {
        nn_parameter p;
        CHECK(nn_parameter_named(m, all[i].name, &p) == NN_OK);
        memcpy(p.values, all[i].values, p.rows * p.columns * sizeof(float));
    }
    return m;
}

static void exports(int write) {
    nn_model *m = xor_model();
    const char *path = "tests/golden/xor_network.c";
    char text[8192], whole[8192];
    size_t size;
    test_case("C source");
    if (write) CHECK(nn_export_c(m, path, "xor_network") == NN_OK);
    CHECK(nn_export_c(m, file_path("xor.c"), "xor_network") == NN_OK && file_same(file_path("xor.c"), path));
    static const char *const names[] = {"", "1a", "a-b", "a b", "\xc3\xa4", "a.b"};
    for (size_t i = 0; i < COUNT(names); i++) CHECK(nn_export_c(m, file_path("xor.c"), names[i]) == NN_ERROR_ARGUMENT);
    CHECK(nn_export_c(m, NULL, "a") == NN_ERROR_NULL && nn_export_c(NULL, "a", "a") == NN_ERROR_NULL && nn_export_c(m, "a", NULL) == NN_ERROR_NULL);

    test_case("a picture");
    const size_t length = nn_export_dot_text(m, whole, sizeof whole);
    CHECK(length > 500 && length < sizeof whole && strlen(whole) == length && strncmp(whole, "digraph", 7) == 0);
    CHECK(strstr(whole, "6 parameters") && strstr(whole, "3 parameters") && strstr(whole, "then <b>relu_1</b>") && strstr(whole, "mse"));
    CHECK(strstr(whole, "n2 -> n4") && !strstr(whole, "n3 ") && strstr(whole, "label=\" 2\""));
    for (size_t room = 0; room < length + 2; room += 7) {
        memset(text, 'x', sizeof text);
        CHECK(nn_export_dot_text(m, text, room) == length && (!room || strlen(text) == (room > length ? length : room - 1)));
        CHECK(text[room] == 'x' && strncmp(text, whole, room ? room - 1 : 0) == 0);
    }
    CHECK(nn_export_dot(m, file_path("net.dot")) == NN_OK);
    unsigned char *bytes = file_read(file_path("net.dot"), &size);
    CHECK(size == length && memcmp(bytes, whole, size) == 0);
    CHECK(nn_export_dot(NULL, "a") == NN_ERROR_NULL && nn_export_dot(m, NULL) == NN_ERROR_NULL && nn_export_dot_text(NULL, NULL, 0) > 0);
    free(bytes);
    nn_model_free(m);
    m = nn_model_new(NULL);
    nn_layer_name(m, nn_layer_input(m, nn_shape_vector(1)), "<&\">");
    CHECK(nn_export_dot_text(m, whole, sizeof whole) > 0 && strstr(whole, "<b>&#60;&#38;&#34;&#62;</b>"));
    nn_model_free(m);
}

int main(int count, char **arguments) {
    (void)arguments;
    no_memory();
    for (size_t i = 0; i < COUNT(networks); i++) small(&networks[i]);
    resumed();
    settings();
    class_weights_kept();
    in_memory();
    mistakes();
    golden_models(count > 1);
    exports(count > 1);
    file_count(1);
    return test_end("file");
}
