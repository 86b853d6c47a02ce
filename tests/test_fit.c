/* test_fit.c - training on datasets: what a batch holds, equal bits whatever the threads, early stopping, watchers, evaluation */
#include "blobs.h"

#include "hook.h"

static blobs b, v;

static void must(nn_status status, const nn_model *m) {
    if (!CHECK(status == NN_OK)) puts(nn_error(m));
}

static nn_model *model_of(size_t outputs, nn_loss loss) { return blobs_model(NULL, outputs, loss, 32); }

static uint64_t hash_of(const float *x, size_t n) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) hash = (hash ^ bits_of(x[i])) * 0x100000001b3u;
    return hash;
}
static uint64_t weights_of(const nn_model *m) { return hash_of(nn_parameters_of(m).values, nn_parameters_of(m).total); }

/* ---- the same as a loop by hand ---- */

static void by_hand(void) {
    nn_model *m = model_of(BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE), *hand = model_of(BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE);
    const nn_fit_desc d = {.optimizer = nn_momentum(0.1f, 0.9f), .epochs = 3, .batch = 20, .order = NN_ORDER_KEPT};
    nn_trainer *t;
    test_case("in order, as by hand");
    must(nn_fit(m, &b.data, NULL, &d), m);
    must(nn_trainer_new(&t, hand, &d), hand);
    for (size_t epoch = 0; epoch < 3; epoch++)
        for (size_t at = 0; at < BLOBS_COUNT; at += 20) {
            must(nn_feed(hand, nn_model_node(hand, "input_1"), b.x + at * BLOBS_FEATURES), hand);
            must(nn_feed_labels(hand, nn_model_node(hand, "loss_1"), b.labels + at), hand);
            must(nn_trainer_batch(t, at + 20 > BLOBS_COUNT ? BLOBS_COUNT - at : 20), hand);
        }
    CHECK(nn_trainer_steps(t) == 3 * 8); /* the last batch of each epoch has 10 */
    CHECK(weights_of(m) == weights_of(hand));
    nn_trainer_free(t);
    nn_model_free(hand);
    nn_model_free(m);
}

/* ---- batches ---- */

/* What went by in an epoch, as sums that no order changes. */
typedef struct seen {
    size_t events, epochs, samples, labels[BLOBS_CLASSES], batches;
    uint64_t order;
    int stop_at;
} seen;

static int look(const nn_fit_event *e, void *user) {
    seen *s = (seen *)user;
    s->events++;
    if (e->done) {
        s->epochs++;
        CHECK(e->stopped == NN_STOP_WATCHER || (e->batch == e->batches && e->samples == e->samples_in_all));
        CHECK(e->history->count == e->epoch);
        CHECK(e->done->epoch == e->epoch && e->done->train.samples == e->samples);
    } else {
        s->batches++;
        s->samples = e->samples;
        s->order = s->order * 0x100000001b3u + bits_of(e->train.loss);
    }
    return s->stop_at && (int)s->events >= s->stop_at;
}

/* The order differs from epoch to epoch and from seed to seed, and is the same for the same. */
static void orders(void) {
    uint64_t order[4];
    static const uint64_t seeds[] = {1, 1, 2, 1};
    for (size_t i = 0; i < COUNT(seeds); i++) {
        nn_model *m = model_of(BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE);
        seen s = {0};
        nn_fit_desc d = {.optimizer = nn_sgd(0), .epochs = 1, .batch = 32, .seed = seeds[i], .watch = look, .user = &s};
        d.order = i == 3 ? NN_ORDER_KEPT : NN_ORDER_SHUFFLED;
        test_case("order %zu", i);
        must(nn_fit(m, &b.data, NULL, &d), m);
        CHECK(s.batches == 5 && s.samples == BLOBS_COUNT && s.epochs == 1 && s.events == 6);
        order[i] = s.order;
        nn_model_free(m);
    }
    CHECK(order[0] == order[1] && order[0] != order[2] && order[0] != order[3]);
}

/* Classes of 60, 10 and 30 samples come 60 times each. */
static void balanced(void) {
    nn_dataset few = b.data;
    uint32_t labels[100];
    for (size_t i = 0; i < 100; i++) labels[i] = i < 60 ? 0 : i < 70 ? 1 : 2;
    few.count = 100;
    few.labels = labels;
    few.classes = 3;
    nn_model *m = model_of(3, NN_LOSS_SOFTMAX_CE);
    seen s = {0};
    const nn_fit_desc d = {.epochs = 1, .order = NN_ORDER_BALANCED, .watch = look, .user = &s};
    test_case("balanced");
    must(nn_fit(m, &few, NULL, &d), m);
    CHECK(s.samples == 180);
    nn_model_free(m);
}

/* Bytes, one-hot targets and shuffled views teach what floats and labels do. */
static void forms(void) {
    static float floats[BLOBS_COUNT * BLOBS_FEATURES];
    for (size_t i = 0; i < COUNT(floats); i++) floats[i] = (float)b.bytes[i] / 255.0f;
    nn_dataset of_floats = b.data;
    of_floats.floats = floats;
    const nn_fit_desc d = {.epochs = 2, .batch = 32, .seed = 5};
    uint64_t hash[4];
    const nn_dataset *const data[] = {&of_floats, &b.of_bytes, &b.data, &b.of_targets};
    for (size_t i = 0; i < COUNT(data); i++) {
        nn_model *m = model_of(BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE);
        test_case("form %zu", i);
        must(nn_fit(m, data[i], data[i], &d), m);
        hash[i] = weights_of(m);
        nn_model_free(m);
    }
    test_case("forms");
    CHECK(hash[0] == hash[1] && hash[2] == hash[3] && hash[0] != hash[2]);
}

/* ---- threads ---- */

static void threads(void) {
    static const nn_augment noisy = {.noise = 0.1f};
    uint64_t hash[5] = {0};
    for (size_t i = 0; i < COUNT(hash); i++) {
        nn_model *m = model_of(BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE);
        const nn_fit_desc d = {.epochs = 3, .batch = i == 4 ? 32 : 16, .seed = 9, .augment = &noisy, .clip_norm = 1, .average = 0.9f};
        test_case("threads, %zu", i);
        nn_threads(i < 2 ? i + 1 : 3);
        nn_threads_hook(i == 2 ? hook_backwards : hook_pthreads, NULL);
        must(nn_fit(m, &b.data, &v.data, &d), m);
        hash[i] = weights_of(m);
        nn_model_free(m);
    }
    nn_threads_hook(NULL, NULL);
    nn_threads(1);
    test_case("threads");
    CHECK(hash[0] == hash[1] && hash[0] == hash[2] && hash[0] == hash[3] && hash[0] != hash[4]);
}

static int stop_at_once(const nn_fit_event *e, void *user) {
    (void)e, (void)user;
    return 1;
}

/* A convolution has few weights, but they are used at every place: threads share its batches. */
static void shared_batches(void) {
    enum { SIDE = 16, BATCH = 8 };
    static float x[(BATCH + 1) * SIDE * SIDE];
    static uint32_t labels[BATCH + 1];
    const nn_dataset images = nn_dataset_of(x, BATCH + 1, nn_shape_image(SIDE, SIDE, 1), labels, 2);
    const nn_fit_desc d = {.epochs = 1, .batch = BATCH, .watch = stop_at_once};
    size_t calls = 0;
    nn_model *m = nn_model_new(NULL);
    const nn_node seen = nn_layer_conv2d(m, nn_layer_input(m, images.shape), 64, 5);
    nn_layer_loss(m, nn_layer_dense(m, nn_layer_global_average_pool(m, seen), 2), NN_LOSS_SOFTMAX_CE);
    test_case("shared batches");
    must(nn_model_build(m, NULL), m);
    nn_threads(2);
    nn_threads_hook(hook_pthreads, &calls);
    must(nn_fit(m, &images, NULL, &d), m);
    CHECK(calls > 2);
    nn_threads_hook(NULL, NULL);
    nn_threads(1);
    nn_model_free(m);
}

/* Batches that take much longer to make than to learn are made by all threads, while one learns: the same bits. */
static void made_apart(void) {
    enum { SIDE = 24, COUNT_OF = 131, BATCH = 8 };
    static uint8_t x[COUNT_OF * SIDE * SIDE];
    static uint32_t labels[COUNT_OF];
    const nn_augment bent = {.elastic_alpha = 20, .elastic_sigma = 4, .rotate = 10, .mixup = 0.3f};
    const nn_fit_desc d = {.epochs = 2, .batch = BATCH, .seed = 3, .augment = &bent};
    nn_dataset images = nn_dataset_of(NULL, COUNT_OF, nn_shape_image(SIDE, SIDE, 1), labels, 2);
    images.bytes = x;
    for (size_t i = 0; i < COUNT(x); i++) x[i] = (uint8_t)(i * 31 % 251);
    for (size_t i = 0; i < COUNT_OF; i++) labels[i] = i % 3 == 0;
    uint64_t hash[4];
    for (size_t i = 0; i < COUNT(hash); i++) {
        nn_model *m = nn_model_new(NULL);
        nn_layer_loss(m, nn_layer_dense(m, nn_layer_input(m, images.shape), 2), NN_LOSS_SOFTMAX_CE);
        test_case("made apart, %zu", i);
        must(nn_model_build(m, NULL), m);
        nn_threads(i < 3 ? i + 1 : 3);
        nn_threads_hook(i == 3 ? hook_backwards : hook_pthreads, NULL);
        must(nn_fit(m, &images, NULL, &d), m);
        hash[i] = weights_of(m);
        nn_threads_hook(NULL, NULL);
        nn_threads(1);
        nn_model_free(m);
    }
    test_case("made apart");
    CHECK(hash[0] == hash[1] && hash[0] == hash[2] && hash[0] == hash[3]);
}

/* ---- learning, stopping ---- */

static void learns(void) {
    nn_model *m = model_of(BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE);
    const nn_fit_desc d = {.optimizer = nn_adam(0.02f), .epochs = 30, .batch = 16};
    nn_evaluation e;
    nn_trainer *t;
    test_case("learns");
    must(nn_trainer_new(&t, m, &d), m);
    must(nn_trainer_run(t, &b.data, &v.data), m);
    const nn_history *h = nn_trainer_history(t);
    CHECK(h->count == 30 && h->stopped == NN_STOP_EPOCHS && h->best > 1);
    CHECK(h->epochs[29].train.loss < 0.5f * h->epochs[0].train.loss);
    CHECK(h->epochs[29].valid.accuracy > 0.95f && h->epochs[0].rate == 0.02f);
    must(nn_evaluate(m, &v.data, &e), m);
    CHECK(e.samples == BLOBS_COUNT && e.loss == h->epochs[29].valid.loss && e.accuracy == h->epochs[29].valid.accuracy);
    nn_trainer_free(t);
    nn_model_free(m);
}

/* Wrong answers to validate with: what is learned makes them worse from the first epoch on. */
static void stops(void) {
    static uint32_t wrong[BLOBS_COUNT];
    for (size_t i = 0; i < BLOBS_COUNT; i++) wrong[i] = (b.labels[i] + 1) % BLOBS_CLASSES;
    nn_dataset against = b.data;
    against.labels = wrong;
    for (int keep = 0; keep < 2; keep++) {
        nn_model *m = model_of(BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE);
        const nn_fit_desc d = {.optimizer = nn_adam(0.02f), .epochs = 30, .patience = 4, .keep = keep ? NN_KEEP_LAST : NN_KEEP_USUAL};
        nn_trainer *t;
        nn_evaluation e;
        test_case("patience, keep %d", keep);
        must(nn_trainer_new(&t, m, &d), m);
        must(nn_trainer_run(t, &b.data, &against), m);
        const nn_history *h = nn_trainer_history(t);
        CHECK(h->stopped == NN_STOP_PATIENCE && h->count == h->best + 4 && h->count < 30);
        must(nn_evaluate(m, &against, &e), m);
        CHECK(e.loss == h->epochs[keep ? h->count - 1 : h->best - 1].valid.loss);
        nn_trainer_free(t);
        nn_model_free(m);
    }
    for (int at = 1; at < 8; at++) {
        nn_model *m = model_of(BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE);
        seen s = {.stop_at = at};
        const nn_fit_desc d = {.epochs = 5, .batch = 32, .watch = look, .user = &s};
        test_case("watcher stops at %d", at);
        nn_trainer *t;
        must(nn_trainer_new(&t, m, &d), m);
        nn_status status = nn_trainer_run(t, &b.data, NULL);
        CHECK(status == NN_OK && nn_trainer_history(t)->stopped == NN_STOP_WATCHER);
        CHECK(nn_trainer_history(t)->count == (at <= 6 ? 1u : 2u));
        nn_trainer_free(t);
        nn_model_free(m);
    }
}

/* ---- evaluation ---- */

static void evaluation(void) {
    nn_model *m = model_of(BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE);
    static float y[BLOBS_COUNT * BLOBS_CLASSES], same[BLOBS_COUNT * BLOBS_CLASSES], weights[BLOBS_COUNT];
    size_t matrix[BLOBS_CLASSES * BLOBS_CLASSES] = {0}, right = 0, of_class[BLOBS_CLASSES] = {0};
    nn_evaluation e;
    double loss = 0, weighted = 0, weight = 0;
    test_case("evaluation");
    must(nn_predict_dataset(m, y, &b.data), m);
    must(nn_predict(m, same, b.x, BLOBS_COUNT), m);
    CHECK(memcmp(y, same, sizeof y) == 0);
    for (size_t i = 0; i < BLOBS_COUNT; i++) {
        const float *p = y + i * BLOBS_CLASSES;
        size_t top = 0;
        for (size_t c = 0; c < BLOBS_CLASSES; c++)
            if (p[c] > p[top]) top = c;
        right += top == b.labels[i];
        of_class[b.labels[i]]++;
        loss -= log((double)p[b.labels[i]]) / BLOBS_COUNT;
        weights[i] = 0.25f * (float)(i % 5);
        weighted -= (double)weights[i] * log((double)p[b.labels[i]]);
        weight += (double)weights[i];
    }
    must(nn_evaluate(m, &b.data, &e), m);
    CHECK(fabs((double)e.loss - loss) < 1e-5 && e.accuracy == (float)((double)right / BLOBS_COUNT));
    nn_dataset of_weight = b.data;
    of_weight.weights = weights;
    must(nn_evaluate(m, &of_weight, &e), m);
    CHECK(fabs((double)e.loss - weighted / weight) < 1e-5);
    must(nn_evaluate(m, &b.of_targets, &e), m);
    CHECK(fabs((double)e.loss - loss) < 1e-5 && e.accuracy == (float)((double)right / BLOBS_COUNT));

    test_case("confusion");
    must(nn_confusion_of(m, matrix, BLOBS_CLASSES, &b.data), m);
    size_t diagonal = 0;
    for (size_t c = 0; c < BLOBS_CLASSES; c++) {
        size_t row = 0;
        for (size_t j = 0; j < BLOBS_CLASSES; j++) row += matrix[c * BLOBS_CLASSES + j];
        CHECK(row == of_class[c]);
        diagonal += matrix[c * BLOBS_CLASSES + c];
    }
    CHECK(diagonal == right);
    CHECK(nn_confusion_of(m, matrix, 3, &b.data) == NN_ERROR_ARGUMENT);
    CHECK(nn_confusion_of(m, matrix, BLOBS_CLASSES, &b.of_targets) == NN_ERROR_NULL);
    nn_model_free(m);

    test_case("yes or no, and numbers");
    m = model_of(1, NN_LOSS_SIGMOID_BCE);
    const nn_fit_desc d = {.optimizer = nn_adam(0.02f), .epochs = 20, .batch = 16};
    must(nn_fit(m, &b.binary, &v.binary, &d), m);
    must(nn_evaluate(m, &b.binary, &e), m);
    CHECK(e.accuracy > 0.95f);
    must(nn_predict_dataset(m, y, &b.binary), m);
    right = 0;
    for (size_t i = 0; i < BLOBS_COUNT; i++) right += (y[i] >= 0.5f) == b.odd[i];
    CHECK(e.accuracy == (float)((double)right / BLOBS_COUNT));
    nn_model_free(m);
    m = model_of(1, NN_LOSS_MSE);
    must(nn_fit(m, &b.regression, NULL, &d), m);
    must(nn_evaluate(m, &b.regression, &e), m);
    CHECK(isnan(e.accuracy) && e.loss < 0.02f);
    nn_model_free(m);
}

/* ---- what is refused ---- */

static void refused(void) {
    nn_model *m = model_of(BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE);
    static float broken[BLOBS_COUNT * BLOBS_FEATURES];
    nn_evaluation e;
    nn_fit_desc d = {.epochs = 2};
    nn_dataset data = b.data;
    test_case("refused");
    CHECK(nn_fit(NULL, &data, NULL, &d) == NN_ERROR_NULL && nn_fit(m, NULL, NULL, &d) == NN_ERROR_NULL);
    data.count = 0;
    CHECK(nn_fit(m, &data, NULL, &d) == NN_ERROR_ARGUMENT);
    must(nn_evaluate(m, &data, &e), m);
    CHECK(e.samples == 0 && e.loss == 0 && isnan(e.accuracy));
    data = b.data;
    data.shape = nn_shape_vector(5);
    CHECK(nn_fit(m, &data, NULL, &d) == NN_ERROR_SHAPE && strstr(nn_error(m), "1 x 1 x 5"));
    CHECK(nn_fit(m, &b.data, &data, &d) == NN_ERROR_SHAPE);
    CHECK(nn_predict_dataset(m, broken, &data) == NN_ERROR_SHAPE);
    data = b.data;
    data.classes = 5;
    CHECK(nn_fit(m, &data, NULL, &d) == NN_ERROR_LABEL);
    data.labels = NULL;
    CHECK(nn_fit(m, &data, NULL, &d) == NN_ERROR_NULL);
    CHECK(nn_fit(m, &b.regression, NULL, &d) == NN_ERROR_SHAPE);
    d.monitor = NN_MONITOR_ACCURACY;
    nn_model *r = model_of(1, NN_LOSS_MSE);
    CHECK(nn_fit(r, &b.regression, NULL, &d) == NN_ERROR_ARGUMENT);
    nn_model_free(r);

    test_case("a label that is no class, where labels are mixed");
    static uint32_t labels[BLOBS_COUNT];
    const nn_augment mixed = {.mixup = 0.5f};
    memcpy(labels, b.labels, sizeof labels);
    labels[77] = 1u << 30;
    data = b.data;
    data.labels = labels;
    d.augment = &mixed;
    d.monitor = NN_MONITOR_LOSS;
    CHECK(nn_fit(m, &data, NULL, &d) == NN_ERROR_LABEL && strstr(nn_error(m), "sample 77"));
    d.augment = NULL;
    CHECK(nn_fit(m, &data, NULL, &d) == NN_ERROR_LABEL);

    test_case("NaN in the data");
    memcpy(broken, b.x, sizeof broken);
    broken[BLOBS_FEATURES * 100] = NAN;
    data = b.data;
    data.floats = broken;
    d.monitor = NN_MONITOR_LOSS;
    d.order = NN_ORDER_KEPT;
    CHECK(nn_fit(m, &data, NULL, &d) == NN_ERROR_NOT_FINITE && strstr(nn_error(m), "NaN"));
    const nn_parameters all = nn_parameters_of(m);
    int finite = 1;
    for (size_t i = 0; i < all.trained; i++) finite &= isfinite(all.values[i]);
    CHECK(finite);
    nn_model_free(m);
}

/* ---- every failing allocation ---- */

static void failing(void) {
    scarce memory = {0};
    const nn_allocator few = {scarce_alloc, scarce_free, &memory};
    const nn_fit_desc d = {.epochs = 2, .average = 0.9f, .patience = 1};
    int done = 0;
    for (size_t n = 0; !done; n++) {
        test_case("%zu allocations", n);
        memory.allowed = SIZE_MAX;
        nn_model *m = blobs_model(&few, BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE, 32);
        memory.taken = 0;
        memory.allowed = n;
        const nn_status status = nn_fit(m, &b.data, &v.data, &d);
        CHECK(status == NN_OK || status == NN_ERROR_MEMORY);
        done = status == NN_OK;
        memory.allowed = SIZE_MAX;
        nn_model_free(m);
        CHECK(memory.alive == 0);
    }
}

/* ---- printing ---- */

static void progress(void) {
    nn_model *m = model_of(BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE);
    FILE *file = tmpfile();
    char text[4096] = "";
    const nn_fit_desc d = {.epochs = 12, .watch = nn_progress, .user = file};
    test_case("progress");
    must(nn_fit(m, &b.data, &v.data, &d), m);
    rewind(file);
    const size_t length = fread(text, 1, sizeof text - 1, file);
    size_t lines = 0;
    for (size_t i = 0; i < length; i++) lines += text[i] == '\n';
    CHECK(lines == 12 && !strchr(text, '\r') && !strchr(text, '\033'));
    CHECK(strncmp(text, "epoch  1/12  loss ", 18) == 0 && strstr(text, "epoch 12/12  loss ") && strstr(text, "  valid ") && strstr(text, " samples/s  "));
    fclose(file);
    nn_model_free(m);
}

/* ---- a rate to start with ---- */

static void rates(void) {
    nn_model *m = model_of(BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE);
    const uint64_t before = weights_of(m), step = nn_step_of(m);
    float rate[60], loss[60];
    nn_rate_search s = {.from = 1e-4f, .to = 100, .steps = 60, .rates = rate, .losses = loss};
    const nn_fit_desc d = {.optimizer = nn_sgd(1), .batch = 32};
    test_case("finding a rate");
    must(nn_find_rate(m, &b.data, &d, &s), m);
    CHECK(weights_of(m) == before && nn_step_of(m) == step);
    CHECK(s.count > 30 && s.count <= 60 && s.best > 1e-2f && s.best < 20);
    CHECK(rate[0] == 1e-4f && fabs((double)rate[s.count - 1] / (1e-4 * pow(1e6, (double)(s.count - 1) / 59)) - 1) < 1e-4);
    for (size_t i = 1; i < s.count; i++) CHECK(rate[i] > rate[i - 1] && loss[i] > 0);
    s.to = 1e-5f;
    CHECK(nn_find_rate(m, &b.data, &d, &s) == NN_ERROR_ARGUMENT);
    nn_model_free(m);
}

/* ---- several opinions ---- */

/* View i of a sample: the sample times 1 + i/8. */
static void stretched(float *view, const float *x, size_t index, void *user) {
    ++*(size_t *)user;
    for (size_t i = 0; i < BLOBS_FEATURES; i++) view[i] = x[i] * (1 + (float)index / 8);
}

static void ensembles(void) {
    static float y[3][BLOBS_COUNT * BLOBS_CLASSES], mean[BLOBS_COUNT * BLOBS_CLASSES], x[BLOBS_COUNT * BLOBS_FEATURES];
    const size_t n = COUNT(mean);
    nn_model *models[3];
    nn_snapshots s = {0};
    size_t views = 0;
    double worst = 0;
    test_case("ensemble");
    for (size_t i = 0; i < 3; i++) {
        models[i] = model_of(BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE);
        must(nn_model_init(models[i], i, nn_init_xavier()), models[i]);
        must(nn_predict(models[i], y[i], b.x, BLOBS_COUNT), models[i]);
    }
    must(nn_predict_ensemble(models, 3, mean, b.x, BLOBS_COUNT), models[0]);
    for (size_t i = 0; i < n; i++) worst = fmax(worst, fabs((double)mean[i] - ((double)y[0][i] + (double)y[1][i] + (double)y[2][i]) / 3));
    CHECK(worst < 1e-6);

    test_case("snapshots");
    for (size_t i = 0; i < 3; i++) {
        must(nn_model_init(models[0], i, nn_init_xavier()), models[0]);
        must(nn_snapshots_add(&s, models[0]), models[0]);
    }
    static float of_snapshots[BLOBS_COUNT * BLOBS_CLASSES];
    const uint64_t before = weights_of(models[0]);
    must(nn_snapshots_predict(&s, models[0], of_snapshots, b.x, BLOBS_COUNT), models[0]);
    CHECK(memcmp(mean, of_snapshots, sizeof mean) == 0 && weights_of(models[0]) == before);
    must(nn_snapshots_use(&s, models[0], 1), models[0]);
    CHECK(weights_of(models[0]) == weights_of(models[1]));
    CHECK(nn_snapshots_use(&s, models[0], 3) == NN_ERROR_ARGUMENT);
    nn_snapshots_free(&s, models[0]);
    CHECK(nn_snapshots_predict(&s, models[0], mean, b.x, 1) == NN_ERROR_ARGUMENT);

    test_case("views");
    for (size_t v_ = 0; v_ < 3; v_++) {
        for (size_t i = 0; i < COUNT(x); i++) x[i] = b.x[i] * (1 + (float)v_ / 8);
        must(nn_predict(models[1], y[v_], x, BLOBS_COUNT), models[1]);
    }
    const nn_views three = {3, BLOBS_FEATURES, stretched, &views};
    must(nn_predict_views(models[1], mean, b.x, BLOBS_COUNT, &three), models[1]);
    worst = 0;
    for (size_t i = 0; i < n; i++) worst = fmax(worst, fabs((double)mean[i] - ((double)y[0][i] + (double)y[1][i] + (double)y[2][i]) / 3));
    CHECK(worst < 1e-6 && views == 3 * BLOBS_COUNT);
    for (size_t i = 0; i < 3; i++) nn_model_free(models[i]);
}

/* ---- in one call ---- */

static void usual(void) {
    static const size_t hidden[] = {12, 8};
    nn_model *m;
    nn_evaluation e;
    test_case("the usual");
    must(nn_classifier(&m, nn_shape_vector(BLOBS_FEATURES), hidden, 2, BLOBS_CLASSES, 0.2f, 1), m);
    CHECK(nn_model_node(m, "batch_norm_2").id && nn_model_node(m, "elu_2").id && nn_model_node(m, "dropout_2").id);
    for (int i = 0; i < 20; i++) must(nn_fit(m, &b.data, NULL, NULL), m); /* 10 epochs of one step each */
    must(nn_evaluate(m, &v.data, &e), m);
    CHECK(e.accuracy > 0.9f);
    nn_model_free(m);
    CHECK(nn_classifier(&m, nn_shape_vector(0), hidden, 2, BLOBS_CLASSES, 0.2f, 1) != NN_OK && m && *nn_error(m));
    nn_model_free(m);
    CHECK(nn_classifier(NULL, nn_shape_vector(1), hidden, 2, 2, 0, 1) == NN_ERROR_NULL);
}

int main(void) {
    blobs_make(&b, 1, 0.8f);
    blobs_make(&v, 2, 0.8f);
    by_hand();
    orders();
    balanced();
    forms();
    threads();
    shared_batches();
    made_apart();
    learns();
    stops();
    evaluation();
    refused();
    failing();
    progress();
    rates();
    ensembles();
    usual();
    return test_end("test_fit");
}
