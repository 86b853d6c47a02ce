/* test_scaler.c - scalers by value and by channel, back and forth; as a layer; codes and names of classes */
#include "data.h"
#include "hook.h"

static nn_report report;

/* ---- against plain double arithmetic ---- */

static void fit_one(size_t count, nn_shape shape, nn_scaling kind, int per_channel, int bytes, int gaps) {
    enum { MOST = 15000 };
    static float x[MOST], y[MOST], back[MOST];
    static uint8_t b[MOST];
    const size_t size = nn_shape_size(shape), period = per_channel ? shape.channels : size, n = count * size;
    uint64_t state = n + 31 * (size_t)kind;
    for (size_t i = 0; i < n; i++) {
        b[i] = (uint8_t)(test_random(&state) >> 40);
        x[i] = bytes ? (float)b[i] / 255.0f : test_float(&state) * (float)(1 + i % period) + 1000.0f * (float)(i % period % 3);
        if (i % period == 2) x[i] = bytes ? (float)(b[i] = 77) / 255.0f : 0.1f; /* always the same */
        if (gaps && i % 5 == 3) x[i] = NAN;
    }
    nn_dataset d = bytes ? nn_dataset_of_bytes(b, count, shape, NULL, 0) : nn_dataset_of(x, count, shape, NULL, 0);
    nn_scaler_desc desc = {kind, per_channel, 0, NULL};
    nn_scaler s;
    test_case("%zu of %zu x %zu x %zu, kind %d, channels %d, bytes %d, gaps %d", count, shape.height, shape.width,
              shape.channels, (int)kind, per_channel, bytes, gaps);
    if (!CHECK(nn_scaler_fit(&s, &d, &desc, &report) == NN_OK && s.size == period)) return;
    nn_scaler_apply(y, x, &s, n / period);
    nn_scaler_invert(back, y, &s, n / period);
    for (size_t k = 0; k < period; k++) {
        double sum = 0, squares = 0, low = INFINITY, high = -INFINITY, found = 0;
        for (size_t i = k; i < n; i += period)
            if (x[i] == x[i]) sum += (double)x[i], low = fmin(low, (double)x[i]), high = fmax(high, (double)x[i]), found++;
        for (size_t i = k; i < n; i += period)
            if (x[i] == x[i]) squares += ((double)x[i] - sum / found) * ((double)x[i] - sum / found);
        double mean = sum / found, spread = sqrt(squares / found);
        if (kind == NN_SCALE_MIN_MAX) mean = low, spread = high - low;
        if (kind == NN_SCALE_SYMMETRIC) mean = (low + high) / 2, spread = (high - low) / 2;
        const int constant = found == 0 || low == high;
        int right = 1;
        for (size_t i = k; i < n; i += period) {
            if (x[i] != x[i]) right &= isnan(y[i]) && isnan(back[i]);
            else if (constant) right &= y[i] == 0 && back[i] == x[i];
            else {
                const double want = ((double)x[i] - mean) / spread;
                right &= fabs((double)y[i] - want) <= 8 * EPS * (fabs(want) + fabs(mean) / spread);
                right &= fabs((double)back[i] - (double)x[i]) <= 8 * EPS * (fabs((double)x[i]) + fabs(mean));
                const double beyond = 4 * EPS * (1 + fabs(mean) / spread); /* a middle is rounded, a minimum is not */
                if (kind == NN_SCALE_SYMMETRIC) right &= fabs((double)y[i]) <= 1 + beyond;
                if (kind == NN_SCALE_MIN_MAX) right &= y[i] >= 0 && y[i] <= 1;
                if (kind == NN_SCALE_MIN_MAX && (double)x[i] == low) right &= y[i] == 0;
            }
        }
        CHECK(right);
    }
    nn_dataset scaled;
    float *again = back;
    CHECK(nn_scaler_apply_dataset(&scaled, &d, &s) == NN_OK && first_difference(scaled.floats, y, n) == n && !scaled.bytes);
    nn_dataset_free(&scaled);
    memcpy(again, x, n * sizeof *x); /* in place; on every instruction set */
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        nn_scaler_apply(again, x, &s, n / period);
        CHECK(first_difference(again, y, n) == n);
        memcpy(again, x, n * sizeof *x);
        nn_scaler_apply(again, again, &s, n / period);
        CHECK(first_difference(again, y, n) == n);
    }
    nn_scaler_free(&s);
}

static void fits(void) {
    static const nn_shape shapes[] = {{1, 1, 1}, {1, 1, 5}, {1, 1, 67}, {3, 4, 3}, {6, 5, 1}, {1, 100, 3}};
    static const size_t counts[] = {1, 2, 13, 48};
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (size_t c = 0; c < COUNT(counts); c++)
            for (int kind = 0; kind < 3; kind++)
                for (int how = 0; how < 6; how++)
                    fit_one(counts[c], shapes[s], (nn_scaling)kind, how & 1, how / 2 == 1, how / 2 == 2);
}

static void special(void) {
    const float far[] = {16777216, 16777217 + 1, 16777216, 16777218}; /* a mean much larger than the deviation */
    const float wide[] = {-3e38f, 3e38f}, tiny[] = {0, 1e-44f}, infinite[] = {1, INFINITY}, gap[] = {1, NAN, 3},
                gone[] = {NAN, NAN};
    nn_scaler_desc desc = {NN_SCALE_Z_SCORE, 0, 0, NULL};
    nn_dataset d = nn_dataset_of(far, 4, nn_shape_vector(1), NULL, 0);
    nn_scaler s;
    float y[4];
    test_case("special values");
    CHECK(nn_scaler_fit(&s, &d, NULL, NULL) == NN_OK && s.spread[0] == 1), nn_scaler_free(&s);
    d = nn_dataset_of(wide, 2, nn_shape_vector(1), NULL, 0);
    CHECK(nn_scaler_fit(&s, &d, &desc, &report) == NN_ERROR_ARGUMENT && data_says(&report, "value 0 ranges from"));
    d = nn_dataset_of(infinite, 2, nn_shape_vector(1), NULL, 0);
    CHECK(nn_scaler_fit(&s, &d, &desc, &report) == NN_ERROR_ARGUMENT && data_says(&report, "value 0 of sample 1 is infinite"));
    d = nn_dataset_of(tiny, 2, nn_shape_vector(1), NULL, 0); /* its inverse is no float: as good as constant */
    CHECK(nn_scaler_fit(&s, &d, &desc, &report) == NN_OK && s.scale[0] == 0 && s.spread[0] == 0), nn_scaler_free(&s);
    d = nn_dataset_of(gone, 2, nn_shape_vector(1), NULL, 0);
    CHECK(nn_scaler_fit(&s, &d, &desc, &report) == NN_OK && s.mean[0] == 0 && s.scale[0] == 0), nn_scaler_free(&s);
    d = nn_dataset_of(gap, 3, nn_shape_vector(1), NULL, 0);
    CHECK(nn_scaler_fit(&s, &d, &desc, &report) == NN_OK && s.mean[0] == 2 && s.scale[0] == 1), nn_scaler_free(&s);
    desc.refuse_nan = 1;
    CHECK(nn_scaler_fit(&s, &d, &desc, &report) == NN_ERROR_ARGUMENT && data_says(&report, "value 0 of sample 1 is NaN") &&
          !s.mean);
    d.count = 0;
    CHECK(nn_scaler_fit(&s, &d, &desc, &report) == NN_ERROR_ARGUMENT &&
          nn_scaler_fit(&s, NULL, &desc, &report) == NN_ERROR_NULL);
    const float mean[] = {1, 2}, spread[] = {2, 0}, bad[] = {-1, NAN}, x[] = {5, 9, NAN, 2};
    CHECK(nn_scaler_of(&s, mean, spread, 2, 1, NULL) == NN_OK);
    nn_scaler_apply(y, x, &s, 2);
    CHECK(y[0] == 2 && y[1] == 0 && isnan(y[2]) && y[3] == 0);
    nn_dataset three = nn_dataset_of(x, 1, nn_shape_vector(3), NULL, 0);
    CHECK(nn_scaler_apply_dataset(&d, &three, &s) == NN_ERROR_SHAPE);
    nn_scaler_free(&s);
    CHECK(nn_scaler_of(&s, mean, bad, 1, 1, NULL) == NN_ERROR_ARGUMENT &&
          nn_scaler_of(&s, bad, spread, 2, 1, NULL) == NN_ERROR_ARGUMENT);
    CHECK(nn_scaler_of(&s, mean, spread, 0, 1, NULL) == NN_ERROR_ARGUMENT &&
          nn_scaler_of(&s, NULL, spread, 1, 1, NULL) == NN_ERROR_NULL);
    nn_scaler_free(&s);
    nn_scaler_free(NULL);
}

/* A scaled dataset keeps all that is not scaled, in the order of its samples, also in place of itself. */
static void datasets(void) {
    float x[12] = {0}, targets[6] = {0, 1, 2, 3, 4, 5}, weights[6] = {9, 8, 7, 6, 5, 4};
    const uint32_t labels[6] = {0, 1, 2, 0, 1, 2};
    static const char *const names[] = {"a", "b", "c"};
    const size_t which[] = {5, 2};
    data_ledger l;
    nn_scaler s;
    nn_dataset d = nn_dataset_of(x, 6, nn_shape_vector(2), labels, 3), v;
    for (size_t i = 0; i < 12; i++) x[i] = (float)i;
    d.targets = targets, d.target_size = 1, d.weights = weights, d.class_names = names;
    test_case("scaled datasets");
    CHECK(nn_scaler_fit(&s, &d, NULL, NULL) == NN_OK && nn_dataset_select(&v, &d, which, 2) == NN_OK &&
          nn_scaler_apply_dataset(&v, &v, &s) == NN_OK);
    CHECK(v.count == 2 && !v.rows && v.labels[0] == 2 && v.targets[1] == 2 && v.weights[0] == 4 &&
          strcmp(v.class_names[2], "c") == 0);
    CHECK(v.floats[0] > v.floats[2] && x[10] == 10);
    nn_dataset_free(&v);
    DATA_FAIL(l, (d.allocator = &l.hook, nn_scaler_apply_dataset(&v, &d, &s)), nn_dataset_free(&v));
    nn_scaler_free(&s);
    nn_scaler_desc desc = {NN_SCALE_MIN_MAX, 0, 0, &l.hook};
    DATA_FAIL(l, nn_scaler_fit(&s, &d, &desc, NULL), nn_scaler_free(&s));
    DATA_FAIL(l, nn_scaler_of(&s, x, weights, 6, 0, &l.hook), nn_scaler_free(&s));
}

/* ---- as a layer ---- */

static nn_model *network(nn_node *in, nn_node *scaled, nn_node *loss, const nn_scaler *s, nn_shape shape,
                         const nn_allocator *allocator) {
    nn_model *m = nn_model_new(allocator);
    *in = nn_want_gradient(m, nn_layer_input(m, shape));
    *scaled = nn_layer_scale(m, *in, s);
    *loss = nn_layer_loss(m, nn_layer_dense(m, nn_layer_flatten(m, *scaled), 3), NN_LOSS_SOFTMAX_CE);
    return m;
}

static nn_status built(nn_model *m) {
    nn_build_desc b = {0};
    b.seed = 1, b.batch = 7, b.keep = 1;
    const nn_status status = m ? nn_model_build(m, &b) : NN_ERROR_MEMORY;
    if (status != NN_OK) nn_model_free(m);
    return status;
}

static void layer(nn_shape shape, int per_channel) {
    float x[7 * 60], y[7 * 60];
    const uint32_t labels[7] = {0, 1, 2, 0, 1, 2, 0};
    uint64_t state = 4;
    const size_t size = nn_shape_size(shape);
    nn_scaler_desc desc = {NN_SCALE_Z_SCORE, per_channel, 0, NULL};
    nn_scaler s;
    nn_node in, scaled, loss;
    test_fill(x, 7 * size, &state);
    nn_dataset d = nn_dataset_of(x, 7, shape, NULL, 0);
    CHECK(nn_scaler_fit(&s, &d, &desc, NULL) == NN_OK);
    nn_model *m = network(&in, &scaled, &loss, &s, shape, NULL);
    nn_scaler_apply(y, x, &s, 7 * size / s.size);
    test_case("as a layer, %zu values, channels %d", size, per_channel);
    if (!CHECK(built(m) == NN_OK)) return;
    nn_parameter mean, scale;
    CHECK(nn_parameter_named(m, "scaler_1.mean", &mean) == NN_OK && nn_parameter_named(m, "scaler_1.scale", &scale) == NN_OK);
    CHECK(!mean.gradients && !scale.gradients && mean.columns == s.size &&
          memcmp(mean.values, s.mean, s.size * sizeof(float)) == 0);
    CHECK(memcmp(scale.values, s.scale, s.size * sizeof(float)) == 0 && nn_learned_count(m) == 3 * size + 3);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        CHECK(nn_feed(m, in, x) == NN_OK && nn_feed_labels(m, loss, labels) == NN_OK);
        CHECK(nn_forward(m, 7, NN_TRAIN) == NN_OK && nn_backward(m, 0) == NN_OK);
        CHECK(first_difference(nn_activation_of(m, scaled), y, 7 * size) == 7 * size);
        const float *dx = nn_gradient_of(m, in), *dy = nn_gradient_of(m, scaled);
        int passed = dx && dy;
        for (size_t i = 0; passed && i < 7 * size; i++) passed = dx[i] == dy[i] * s.scale[i % s.size];
        CHECK(passed);
    }
    CHECK(nn_model_init(m, 2, (nn_init){0}) == NN_OK && memcmp(mean.values, s.mean, s.size * sizeof(float)) == 0);
    nn_model_free(m);
    nn_scaler_free(&s);
}

static void layers(void) {
    static const nn_shape shapes[] = {{1, 1, 9}, {4, 5, 3}, {3, 3, 1}};
    for (size_t s = 0; s < COUNT(shapes); s++) layer(shapes[s], 0), layer(shapes[s], 1);
    const float mean[] = {1, 2}, spread[] = {3, 4};
    nn_scaler s, none = {0};
    nn_node in, scaled, loss;
    test_case("a layer that does not fit");
    CHECK(nn_scaler_of(&s, mean, spread, 2, 1, NULL) == NN_OK);
    nn_model *m = network(&in, &scaled, &loss, &s, nn_shape_image(2, 2, 3), NULL);
    CHECK(nn_model_build(m, NULL) == NN_ERROR_SHAPE && strstr(nn_error(m), "a scaler of 2 channels does not fit input_1"));
    nn_model_free(m);
    m = network(&in, &scaled, &loss, &none, nn_shape_image(2, 2, 3), NULL);
    CHECK(nn_model_build(m, NULL) == NN_ERROR_NULL);
    nn_model_free(m);
    data_ledger l;
    DATA_FAIL(l, (m = network(&in, &scaled, &loss, &s, nn_shape_image(2, 2, 2), &l.hook), built(m)), nn_model_free(m));
    nn_scaler_free(&s);
}

/* ---- codes and names ---- */

static void codes(void) {
    const uint32_t labels[] = {2, 0, 3};
    const float one_hot[] = {0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1}, binary[] = {1, 0, 0, 0, 1, 1};
    float y[12];
    uint32_t back[3];
    test_case("codes");
    CHECK(nn_one_hot(y, labels, 3, 4) == NN_OK && memcmp(y, one_hot, sizeof y) == 0);
    CHECK(nn_binary_code(y, labels, 3, 4) == NN_OK && memcmp(y, binary, sizeof binary) == 0);
    y[0] = 0.7f, y[1] = 0.2f;
    nn_binary_decode(back, y, 3, 4);
    CHECK(memcmp(back, labels, sizeof labels) == 0);
    nn_binary_decode(back, y, 3, 3); /* 1, 1 is no class of three: the last one */
    CHECK(back[2] == 2);
    fill_untouched(y, 12);
    CHECK(nn_one_hot(y, labels, 3, 3) == NN_ERROR_LABEL && nn_binary_code(y, labels, 3, 3) == NN_ERROR_LABEL &&
          is_untouched(y, 12));
    CHECK(nn_one_hot(NULL, NULL, 0, 3) == NN_OK && nn_one_hot(NULL, labels, 1, 3) == NN_ERROR_NULL &&
          nn_binary_code(y, NULL, 1, 3) == NN_ERROR_NULL);
    static const size_t bits[][2] = {{0, 1}, {1, 1}, {2, 1},     {3, 2},     {4, 2},     {5, 3},
                                     {8, 3}, {9, 4}, {1000, 10}, {1024, 10}, {1025, 11}, {SIZE_MAX, 64}};
    for (size_t i = 0; i < COUNT(bits); i++) CHECK(nn_binary_code_bits(bits[i][0]) == bits[i][1] || sizeof(size_t) < 8);
}

static void categories(void) {
    static const char *const texts[] = {"dog", "10", "cat", "9", "dog", "", "007", "Zebra"}, *const sorted[] = {
                                                                                                 "9",     "10",  "",   "007",
                                                                                                 "Zebra", "cat", "dog"};
    static const char *const odd[] = {"cat", "cow"};
    nn_categories c;
    uint32_t labels[8];
    data_ledger l;
    test_case("categories");
    CHECK(nn_categories_of(&c, texts, 8, NULL) == NN_OK && c.count == 7);
    for (size_t i = 0; i < 7; i++) CHECK(strcmp(c.names[i], sorted[i]) == 0 && nn_categories_find(&c, sorted[i]) == i);
    CHECK(nn_categories_encode(labels, &c, texts, 8) == NN_OK && labels[0] == 6 && labels[4] == 6 &&
          strcmp(c.names[labels[3]], "9") == 0);
    CHECK(nn_categories_encode(labels, &c, odd, 2) == NN_ERROR_LABEL && labels[0] == 6 && nn_categories_find(&c, "cow") == 7);
    nn_categories_free(&c);
    CHECK(nn_categories_of(&c, NULL, 0, NULL) == NN_OK && c.count == 0 && nn_categories_find(&c, "x") == 0);
    nn_categories_free(&c);
    nn_categories_free(NULL);
    DATA_FAIL(l, nn_categories_of(&c, texts, 8, &l.hook), nn_categories_free(&c));
}

int main(void) {
    fits();
    special();
    datasets();
    layers();
    codes();
    categories();
    return test_end("scaler");
}
