/* test_checkpoint.c - training cut in two by a file: the same bits as in one piece, for every optimizer; and files that are no good */
#include "blobs.h"

#include <unistd.h>

static blobs b, v;
static char path[64];

static void must(nn_status status, const nn_model *m) {
    if (!CHECK(status == NN_OK)) puts(nn_error(m));
}

/* Weights, running statistics, the step that dropout counts, and every number of the history but the seconds. */
static uint64_t hash_of(const nn_model *m, const nn_trainer *t) {
    const nn_parameters all = nn_parameters_of(m);
    const nn_history *h = nn_trainer_history(t);
    uint64_t hash = 0xcbf29ce484222325u ^ nn_step_of(m) ^ nn_trainer_steps(t) ^ h->best;
    for (size_t i = 0; i < all.total; i++) hash = (hash ^ bits_of(all.values[i])) * 0x100000001b3u;
    for (size_t i = 0; i < h->count; i++) {
        const nn_epoch *e = &h->epochs[i];
        const float numbers[] = {e->train.loss, e->train.accuracy, e->valid.loss, e->valid.accuracy, e->rate, e->gradient_norm, (float)e->best};
        for (size_t k = 0; k < COUNT(numbers); k++) hash = (hash ^ bits_of(numbers[k])) * 0x100000001b3u;
    }
    return hash;
}

typedef struct run {
    nn_model *m;
    nn_trainer *t;
} run;

static run begin(const nn_fit_desc *d, uint64_t seed) {
    run r = {blobs_model(NULL, BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE, 16), NULL};
    must(nn_model_init(r.m, seed, nn_init_xavier()), r.m);
    must(nn_trainer_new(&r.t, r.m, d), r.m);
    return r;
}
static void end(run *r) {
    nn_trainer_free(r->t);
    nn_model_free(r->m);
}

/* 6 epochs at a stretch; and 6 that end after 3 by the watcher, are written, read into another model, and go on. */
static int stop_at_3(const nn_fit_event *e, void *user) { return (void)user, e->done && e->epoch == 3; }

static void in_two(const char *what, const nn_fit_desc *settings) {
    nn_fit_desc d = *settings;
    d.epochs = 6;
    test_case("%s in two", what);
    run whole = begin(&d, 1);
    must(nn_trainer_run(whole.t, &b.data, &v.data), whole.m);

    d.checkpoint = path;
    d.watch = stop_at_3;
    run first = begin(&d, 1);
    must(nn_trainer_run(first.t, &b.data, &v.data), first.m);
    CHECK(nn_trainer_history(first.t)->count == 3);
    end(&first);

    d.watch = NULL;
    d.resume = 1;
    run second = begin(&d, 99); /* other weights, which the file replaces */
    must(nn_trainer_run(second.t, &b.data, &v.data), second.m);
    CHECK(nn_trainer_history(second.t)->count == nn_trainer_history(whole.t)->count);
    CHECK(hash_of(whole.m, whole.t) == hash_of(second.m, second.t));
    end(&second);

    run third = begin(&d, 98); /* nothing is left to do: the file has all of it */
    must(nn_trainer_run(third.t, &b.data, &v.data), third.m);
    CHECK(hash_of(whole.m, whole.t) == hash_of(third.m, third.t));
    end(&third);
    end(&whole);
    remove(path);
}

/* In the midst of the third epoch, or at the end of the last batch of it. */
static int stop_within_3(const nn_fit_event *e, void *user) { return !e->done && e->epoch == 3 && e->batch == *(size_t *)user; }

static void in_two_within_an_epoch(size_t batch, size_t kept) {
    nn_fit_desc d = {.epochs = 4, .batch = 16, .seed = 5};
    test_case("cut at batch %zu of epoch 3", batch);
    run whole = begin(&d, 1);
    must(nn_trainer_run(whole.t, &b.data, &v.data), whole.m);
    d.checkpoint = path;
    d.watch = stop_within_3;
    d.user = &batch;
    run first = begin(&d, 1), look = begin(&d, 99);
    must(nn_trainer_run(first.t, &b.data, &v.data), first.m);
    CHECK(nn_trainer_history(first.t)->count == 3 && nn_trainer_history(first.t)->stopped == NN_STOP_WATCHER);
    must(nn_trainer_load(look.t, path), look.m);
    CHECK(nn_trainer_history(look.t)->count == kept);
    end(&first), end(&look);
    d.watch = NULL;
    d.resume = 1;
    run second = begin(&d, 99);
    must(nn_trainer_run(second.t, &b.data, &v.data), second.m);
    CHECK(hash_of(whole.m, whole.t) == hash_of(second.m, second.t));
    end(&second), end(&whole);
    remove(path);
}

static void every_optimizer(void) {
    nn_optimizer centered = nn_rmsprop(0.01f);
    centered.centered = 1;
    centered.momentum = 0.9f;
    const nn_optimizer all[] = {nn_sgd(0.1f), nn_momentum(0.1f, 0.9f), nn_nesterov(0.1f, 0.9f), nn_adagrad(0.1f), nn_rmsprop(0.01f),
                                nn_adadelta(1), nn_adam(0.01f), nn_amsgrad(0.01f), nn_adamax(0.01f), nn_nadam(0.01f), nn_lion(0.01f),
                                nn_ftrl(0.1f), nn_adagrad_da(0.1f), nn_proximal_gd(0.1f), nn_proximal_adagrad(0.1f), centered};
    for (size_t i = 0; i < COUNT(all); i++) {
        const nn_fit_desc d = {.optimizer = all[i], .schedule = nn_schedule_cosine(0.1f, 0), .seed = 3};
        in_two(nn_optimizer_name(all[i].kind), &d);
    }
    nn_fit_desc d = {.optimizer = nn_momentum(0.05f, 0.9f), .average = 0.9f, .clip_norm = 1, .accumulate = 4, .patience = 2, .seed = 8};
    d.momentum = nn_schedule_linear(0.5f, 0.99f, 0);
    d.order = NN_ORDER_BALANCED;
    in_two("averages", &d);
    d.optimizer = nn_nesterov(0.05f, 0.9f);
    d.keep = NN_KEEP_BEST;
    in_two("Nesterov and averages", &d);
}

/* The file is a model, too, with the weights that are to be used. */
static void as_model(void) {
    const nn_fit_desc d = {.epochs = 2, .average = 0.9f};
    nn_model *m;
    nn_report report;
    static float y[BLOBS_COUNT * BLOBS_CLASSES], same[BLOBS_COUNT * BLOBS_CLASSES];
    test_case("as a model");
    run r = begin(&d, 1);
    must(nn_trainer_run(r.t, &b.data, NULL), r.m);
    must(nn_trainer_save(r.t, path), r.m);
    must(nn_predict(r.m, y, b.x, BLOBS_COUNT), r.m);
    if (!CHECK(nn_model_load(&m, path, NULL, &report) == NN_OK)) puts(report.sentence);
    must(nn_predict(m, same, b.x, BLOBS_COUNT), m);
    CHECK(memcmp(y, same, sizeof y) == 0);
    nn_model_free(m);
    m = blobs_model(NULL, BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE, 16);
    must(nn_weights_load(m, path, NULL, NULL), m); /* what a trainer remembers is no stranger among the parameters */
    must(nn_predict(m, same, b.x, BLOBS_COUNT), m);
    CHECK(memcmp(y, same, sizeof y) == 0);
    nn_model_free(m);
    end(&r);
}

/* What does not fit leaves everything as it was. */
static void refused(void) {
    const nn_fit_desc adam = {.epochs = 1}, sgd = {.optimizer = nn_sgd(0.1f), .epochs = 1}, average = {.epochs = 1, .average = 0.5f};
    static const struct {
        const char *what, *sentence;
    } cases[] = {{"another optimizer", "\"adam\""}, {"no average", "train.average"}, {"a model alone", "no training"}, {"cut short", "damaged"}};
    test_case("refused");
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_case("refused: %s", cases[i].what);
        run from = begin(&adam, 1), to = begin(i == 0 ? &sgd : i == 1 ? &average : &adam, 2);
        must(nn_trainer_run(from.t, &b.data, NULL), from.m);
        if (i == 2) must(nn_model_save(from.m, path), from.m);
        else must(nn_trainer_save(from.t, path), from.m);
        if (i == 3) CHECK(truncate(path, 3000) == 0);
        const uint64_t before = hash_of(to.m, to.t);
        const nn_status status = nn_trainer_load(to.t, path);
        CHECK(status == NN_ERROR_FORMAT);
        if (!CHECK(strstr(nn_error(to.m), cases[i].sentence))) puts(nn_error(to.m));
        CHECK(hash_of(to.m, to.t) == before);
        end(&from);
        end(&to);
    }
    remove(path);
    run r = begin(&adam, 1);
    CHECK(nn_trainer_load(r.t, path) == NN_ERROR_FILE);
    CHECK(nn_trainer_save(r.t, "/nowhere/at/all") == NN_ERROR_FILE);
    CHECK(nn_trainer_load(NULL, path) == NN_ERROR_NULL && nn_trainer_save(r.t, NULL) == NN_ERROR_NULL);
    end(&r);
}

/* ---- every failing allocation, on both ways ---- */

static void failing(void) {
    scarce memory = {0};
    const nn_allocator few = {scarce_alloc, scarce_free, &memory};
    const nn_fit_desc d = {.epochs = 2, .average = 0.9f, .keep = NN_KEEP_BEST};
    for (int load = 0; load < 2; load++) {
        int done = 0;
        for (size_t n = 0; !done; n++) {
            nn_trainer *t;
            test_case("%s, %zu allocations", load ? "load" : "save", n);
            memory.allowed = SIZE_MAX;
            nn_model *m = blobs_model(&few, BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE, 32);
            must(nn_trainer_new(&t, m, &d), m);
            if (!load) must(nn_trainer_run(t, &b.data, NULL), m);
            const uint64_t before = hash_of(m, t);
            memory.taken = 0;
            memory.allowed = n;
            const nn_status status = load ? nn_trainer_load(t, path) : nn_trainer_save(t, path);
            CHECK(status == NN_OK || status == NN_ERROR_MEMORY);
            CHECK(load && status == NN_OK ? hash_of(m, t) != before : hash_of(m, t) == before);
            done = status == NN_OK;
            memory.allowed = SIZE_MAX;
            nn_trainer_free(t);
            nn_model_free(m);
            CHECK(memory.alive == 0);
        }
    }
    remove(path);
}

int main(void) {
    snprintf(path, sizeof path, "/tmp/nn_test_checkpoint_%ld.nn", (long)getpid());
    blobs_make(&b, 1, 0.8f);
    blobs_make(&v, 2, 0.8f);
    every_optimizer();
    in_two_within_an_epoch(4, 2);
    in_two_within_an_epoch(10, 3);
    as_model();
    refused();
    failing();
    return test_end("test_checkpoint");
}
