/* test_file_weights.c - parameters by name, all or some of them; state dicts of PyTorch */
#include "file.h"
#include "golden.h"

/* ---- models and what was told ---- */

static nn_model *mlp(uint64_t seed, size_t hidden, size_t out, const char *last) {
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, nn_shape_vector(5));
    x = nn_layer_batch_norm(m, nn_layer_dense(m, x, hidden));
    nn_layer_name(m, nn_layer_dense(m, x, out), last);
    const nn_build_desc d = {.seed = seed};
    if (nn_model_build(m, &d) != NN_OK) puts(nn_error(m)), abort();
    return m;
}
static float *values(nn_model *m, const char *name) {
    nn_parameter p;
    if (!CHECK(nn_parameter_named(m, name, &p) == NN_OK)) abort();
    return p.values;
}
static int same(nn_model *a, nn_model *b, const char *name, const char *other, size_t n) {
    return memcmp(values(a, name), values(b, other), n * sizeof(float)) == 0;
}

typedef struct told {
    char text[512];
} told;
static void tell(nn_weights_fate fate, const char *name, void *user) {
    told *t = (told *)user;
    snprintf(t->text + strlen(t->text), sizeof t->text - strlen(t->text), "%d%s ", (int)fate, name);
}

static int counts(const nn_weights_result *r, size_t loaded, size_t missing, size_t misshapen, size_t unused) {
    return r->loaded == loaded && r->missing == missing && r->misshapen == misshapen && r->unused == unused;
}

/* Fails, and no parameter changes. */
static void strict_failure(nn_model *m, const char *path, const nn_weights_desc *d, const char *word) {
    const nn_parameters all = nn_parameters_of(m);
    float *before = (float *)malloc(all.total * sizeof *before);
    memcpy(before, all.values, all.total * sizeof *before);
    nn_weights_result result;
    const nn_status status = nn_weights_load(m, path, d, &result);
    if (!CHECK(status == NN_ERROR_FORMAT && strstr(nn_error(m), word))) printf("%s: %s\n", nn_status_name(status), nn_error(m));
    CHECK(memcmp(before, all.values, all.total * sizeof *before) == 0);
    free(before);
}

/* ---- our own ---- */

static void by_name(void) {
    nn_model *from = mlp(1, 6, 3, "end"), *to = mlp(2, 6, 3, "end");
    nn_weights_result result;
    values(from, "batch_norm_1.mean")[2] = 7;
    CHECK(nn_model_save(from, file_path("model")) == NN_OK && nn_weights_save(from, file_path("weights"), NULL) == NN_OK);
    for (int only = 0; only < 2; only++) {
        nn_model *m = mlp(3, 6, 3, "end");
        test_case("a %s", only ? "file of weights" : "model");
        CHECK(nn_weights_load(m, file_path(only ? "weights" : "model"), NULL, &result) == NN_OK && counts(&result, 8, 0, 0, 0));
        CHECK(memcmp(nn_parameters_of(m).values, nn_parameters_of(from).values, nn_parameters_of(m).total * sizeof(float)) == 0);
        nn_model_free(m);
    }
    nn_report report;
    nn_model *none;
    CHECK(nn_model_load(&none, file_path("weights"), NULL, &report) == NN_ERROR_FORMAT && strstr(report.sentence, "no network"));

    test_case("with a prefix and other names");
    const nn_weights_pair pairs[] = {{"dense_1", "encoder"}, {"end", "head.last"}};
    nn_weights_desc d = {.pairs = pairs, .pairs_count = 2, .prefix = "net."};
    CHECK(nn_weights_save(from, file_path("weights"), &d) == NN_OK);
    CHECK(nn_weights_load(to, file_path("weights"), &d, &result) == NN_OK && counts(&result, 8, 0, 0, 0));
    CHECK(same(from, to, "end.weights", "end.weights", 18) && values(to, "batch_norm_1.mean")[2] == 7);
    d.prefix = NULL;
    strict_failure(to, file_path("weights"), &d, "dense_1.weights is missing: there is no \"encoder.weights\"");
    d.in_order = 1;
    nn_model *ordered = mlp(4, 6, 3, "end"); /* sorted: net.batch_norm_1, net.encoder, net.head.last */
    strict_failure(ordered, file_path("weights"), &d, "dense_1.weights is missing");
    nn_model_free(ordered);
    nn_model_free(from);
    nn_model_free(to);
}

/* The last layer has another size, another layer another name: fine-tuning. */
static void partly(void) {
    nn_model *from = mlp(1, 6, 3, "end"), *to = mlp(2, 6, 4, "end"), *other = mlp(3, 6, 3, "top");
    nn_weights_result result;
    told said = {""};
    CHECK(nn_model_save(from, file_path("model")) == NN_OK);
    test_case("strict");
    strict_failure(to, file_path("model"), NULL, "end.weights has another shape");
    strict_failure(other, file_path("model"), NULL, "top.weights is missing");
    test_case("partial");
    const nn_weights_desc d = {.partial = 1, .tell = tell, .user = &said};
    CHECK(nn_weights_load(to, file_path("model"), &d, &result) == NN_OK && counts(&result, 6, 0, 2, 0));
    CHECK(strcmp(said.text, "0dense_1.weights 0dense_1.bias 0batch_norm_1.mean 0batch_norm_1.variance 0batch_norm_1.gamma "
                            "0batch_norm_1.beta 2end.weights 2end.bias ") == 0);
    CHECK(same(from, to, "dense_1.weights", "dense_1.weights", 30) && !same(from, to, "end.weights", "end.weights", 12));
    said.text[0] = '\0';
    CHECK(nn_weights_load(other, file_path("model"), &d, &result) == NN_OK && counts(&result, 6, 2, 0, 2));
    CHECK(strstr(said.text, "1top.weights 1top.bias 3end.") != NULL);
    nn_model_free(from);
    nn_model_free(to);
    nn_model_free(other);
}

static void mistakes(void) {
    nn_model *m = mlp(1, 6, 3, "end"), *unbuilt = nn_model_new(NULL);
    const nn_weights_desc bad = {.pairs_count = 1};
    test_case("mistakes");
    CHECK(nn_weights_load(NULL, "a", NULL, NULL) == NN_ERROR_NULL && nn_weights_load(m, NULL, NULL, NULL) == NN_ERROR_NULL);
    CHECK(nn_weights_load(m, "a", &bad, NULL) == NN_ERROR_NULL && nn_weights_save(m, NULL, NULL) == NN_ERROR_NULL);
    CHECK(nn_weights_load(unbuilt, "a", NULL, NULL) == NN_ERROR_ORDER && nn_weights_load_memory(m, NULL, 3, NULL, NULL) == NN_ERROR_NULL);
    CHECK(nn_weights_load(m, "build/not there", NULL, NULL) == NN_ERROR_FILE && strstr(nn_error(m), "build/not there"));
    CHECK(nn_model_save(m, file_path("model")) == NN_OK && nn_fold(m, NULL) == NN_OK);
    CHECK(nn_weights_load(m, file_path("model"), NULL, NULL) == NN_ERROR_ORDER && strstr(nn_error(m), "folded"));
    nn_model_free(m);
    nn_model_free(unbuilt);
}

/* Every allocation fails once. */
static void no_memory(void) {
    nn_model *from = mlp(1, 6, 3, "end");
    counted c;
    const nn_allocator allocator = counted_allocator(&c);
    const nn_weights_desc torch = {.torch = 1};
    CHECK(nn_weights_save(from, file_path("model"), &torch) == NN_OK);
    nn_model *m = nn_model_new(&allocator);
    nn_layer_name(m, nn_layer_dense(m, nn_layer_batch_norm(m, nn_layer_dense(m, nn_layer_input(m, nn_shape_vector(5)), 6)), 3), "end");
    CHECK(nn_model_build(m, NULL) == NN_OK);
    const size_t live = c.live;
    for (int save = 0; save < 2; save++)
        for (size_t fail = 1, done = 0; !done; fail++) {
            test_case("allocation %zu of %s fails", fail, save ? "nn_weights_save" : "nn_weights_load");
            c.fail_at = (c.calls = 0) + fail;
            const nn_status status = save ? nn_weights_save(m, file_path("copy"), &torch) : nn_weights_load(m, file_path("model"), &torch, NULL);
            done = c.calls < fail;
            CHECK(status == (done ? NN_OK : NN_ERROR_MEMORY) && c.live == live);
        }
    CHECK(file_same(file_path("model"), file_path("copy")));
    nn_model_free(m);
    nn_model_free(from);
    CHECK(c.live == 0);
}

/* ---- PyTorch's ---- */

static nn_model *torch_cnn(void) {
    const nn_conv2d_desc first = {.filters = 4, .kernel_height = 3, .kernel_width = 2, .pad_top = 1, .pad_bottom = 1};
    const nn_conv2d_desc second = {.filters = 6, .kernel_height = 1, .kernel_width = 1, .groups = 2};
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_name(m, nn_layer_conv2d_with(m, nn_layer_input(m, nn_shape_image(6, 5, 2)), &first, 0), "conv1");
    x = nn_layer_relu(m, nn_layer_name(m, nn_layer_batch_norm(m, x), "bn1"));
    x = nn_layer_tanh(m, nn_layer_name(m, nn_layer_depthwise(m, x, 3), "depth"));
    x = nn_layer_name(m, nn_layer_conv2d_with(m, x, &second, 1), "conv2");
    x = nn_layer_max_pool(m, nn_layer_name(m, nn_layer_group_norm(m, x, 3), "norm"), 2, 2);
    x = nn_layer_name(m, nn_layer_batch_norm(m, nn_layer_dropout(m, nn_layer_flatten(m, x), 0.5f)), "bn2");
    nn_layer_name(m, nn_layer_dense(m, nn_layer_name(m, nn_layer_prelu(m, x), "slope"), 5), "fc");
    if (nn_model_build(m, NULL) != NN_OK) puts(nn_error(m)), abort();
    return m;
}

static void state_dict(int write) {
    float y[3 * 5], x[60], one[5];
    nn_weights_result result;
    nn_weights_desc d = {.torch = 1};
    nn_model *m = torch_cnn(), *again = torch_cnn();
    test_case("a network of PyTorch's");
    if (!CHECK(nn_weights_load(m, "tests/golden/torch_cnn.safetensors", &d, &result) == NN_OK)) puts(nn_error(m));
    CHECK(counts(&result, 18, 0, 0, 0));
    CHECK(nn_predict(m, y, golden("cnn.x", NULL), 3) == NN_OK && golden_close(y, "cnn.y", TOL_TORCH));
    strict_failure(again, "tests/golden/torch_cnn.safetensors", NULL, "is missing");

    test_case("exported for PyTorch");
    CHECK(nn_weights_save(m, file_path("exported"), &d) == NN_OK);
    if (write) CHECK(nn_weights_save(m, "tests/golden/exported_cnn.safetensors", &d) == NN_OK);
    CHECK(file_same(file_path("exported"), "tests/golden/exported_cnn.safetensors"));
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 5; j++)
            for (size_t c = 0; c < 2; c++) x[(i * 5 + j) * 2 + c] = 0.1f * (float)(i + j + c);
    CHECK(nn_predict(m, one, x, 1) == NN_OK && golden_close(one, "cnn.exported_y", TOL_TORCH)); /* PyTorch loaded it */
    CHECK(nn_weights_load(again, file_path("exported"), &d, &result) == NN_OK && counts(&result, 18, 0, 0, 0));
    CHECK(memcmp(nn_parameters_of(m).values, nn_parameters_of(again).values, nn_parameters_of(m).total * sizeof(float)) == 0);
    nn_model_free(again);
    nn_model_free(m);
}

/* nn.Sequential numbers its modules; sorted as text, 10 comes before 2. Four types of numbers. */
static void in_order(void) {
    float y[4 * 2];
    nn_weights_result result;
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, nn_shape_vector(3));
    for (size_t i = 0; i < 6; i++) x = nn_layer_tanh(m, nn_layer_dense(m, x, 4));
    nn_layer_dense(m, x, 2);
    CHECK(nn_model_build(m, NULL) == NN_OK);
    const nn_weights_desc d = {.torch = 1, .in_order = 1};
    test_case("nn.Sequential, in order");
    if (!CHECK(nn_weights_load(m, "tests/golden/torch_mlp.safetensors", &d, &result) == NN_OK)) puts(nn_error(m));
    CHECK(counts(&result, 14, 0, 0, 0));
    CHECK(nn_predict(m, y, golden("mlp.x", NULL), 4) == NN_OK && golden_close(y, "mlp.y", TOL_TORCH));
    const nn_weights_pair pairs[] = {{"dense_1", "0"}, {"dense_2", "2"}, {"dense_3", "4"}, {"dense_4", "6"}, {"dense_5", "8"}, {"dense_6", "10"}, {"dense_7", "12"}};
    const nn_weights_desc named = {.torch = 1, .pairs = pairs, .pairs_count = 7};
    test_case("nn.Sequential, by pairs");
    CHECK(nn_model_init(m, 9, nn_init_usual()) == NN_OK && nn_weights_load(m, "tests/golden/torch_mlp.safetensors", &named, &result) == NN_OK);
    CHECK(nn_predict(m, y, golden("mlp.x", NULL), 4) == NN_OK && golden_close(y, "mlp.y", TOL_TORCH));
    nn_model_free(m);
}

/* All numbers of 16 bits, and some of 64, become the floats that they should. */
static void narrow(void) {
    static unsigned char halves[2 * 65536];
    char header[128];
    for (size_t i = 0; i < 65536; i++) halves[2 * i] = (unsigned char)i, halves[2 * i + 1] = (unsigned char)(i >> 8);
    nn_model *m = nn_model_new(NULL);
    nn_layer_name(m, nn_layer_bias(m, nn_layer_input(m, nn_shape_vector(65536))), "a");
    const nn_build_desc d = {.batch = 1, .inference = 1};
    CHECK(nn_model_build(m, &d) == NN_OK);
    for (int brain = 0; brain < 2; brain++) {
        snprintf(header, sizeof header, "{\"a.bias\":{\"dtype\":\"%s\",\"shape\":[65536],\"data_offsets\":[0,131072]}}", brain ? "BF16" : "F16");
        container c = container_of(header, strlen(header), halves, sizeof halves);
        test_case("%s", header);
        CHECK(nn_weights_load_memory(m, c.bytes, c.size, NULL, NULL) == NN_OK);
        const float *got = values(m, "a.bias");
        size_t wrong = 0;
        for (uint32_t i = 0; i < 65536; i++) {
            const int exponent = (int)(i >> 10 & 31);
            double want = exponent ? ldexp(1024 + (i & 1023), exponent - 25) : ldexp(i & 1023, -24);
            if (exponent == 31) want = i & 1023 ? (double)NAN : (double)INFINITY;
            if (i >> 15) want = -want;
            wrong += !same_bits(got[i], brain ? float_of(i << 16) : (float)want);
        }
        CHECK(wrong == 0);
        free(c.bytes);
    }
    nn_model_free(m);
}

int main(int count, char **arguments) {
    (void)arguments;
    golden_open("weights");
    by_name();
    partly();
    mistakes();
    no_memory();
    state_dict(count > 1);
    in_order();
    narrow();
    file_count(1);
    return test_end("file_weights");
}
