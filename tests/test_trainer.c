/* test_trainer.c - steps along gradients: groups of parameters, penalties, clipping, accumulation, averages, what is refused */
#include "blobs.h"

#define TOL_STEP 1e-6 /* a step rounds a few times; weights are near 1 */

static blobs b;

static nn_model *model_of(size_t batch) { return blobs_model(NULL, BLOBS_CLASSES, NN_LOSS_SOFTMAX_CE, batch); }

static nn_node only(const nn_model *m, const char *name) { return nn_model_node(m, name); }

static void feed(nn_model *m, size_t at) {
    CHECK(nn_feed(m, only(m, "input_1"), b.x + at * BLOBS_FEATURES) == NN_OK);
    CHECK(nn_feed_labels(m, only(m, "loss_1"), b.labels + at) == NN_OK);
}

static nn_trainer *trainer_of(nn_model *m, const nn_fit_desc *d) {
    nn_trainer *t;
    if (!CHECK(nn_trainer_new(&t, m, d) == NN_OK)) puts(nn_error(m));
    return t;
}

static float *copy_of(const float *x, size_t n) {
    float *y = (float *)malloc(n * sizeof *y);
    memcpy(y, x, n * sizeof *y);
    return y;
}

/* w - rate*(g + l1 sign(w) + l2 w), then decay, in double, for one parameter. */
static void stepped(const nn_model *m, const char *name, const float *before, const float *gradient, double rate, double l1, double l2, double decay) {
    nn_parameter p;
    CHECK(nn_parameter_named((nn_model *)m, name, &p) == NN_OK);
    const size_t at = (size_t)(p.values - nn_parameters_of(m).values);
    double worst = 0;
    for (size_t i = 0; i < p.rows * p.columns; i++) {
        const double w = (double)before[at + i], g = (double)gradient[at + i] + l1 * ((w > 0) - (w < 0)) + l2 * w;
        worst = fmax(worst, fabs(w * (1 - rate * decay) - rate * g - (double)p.values[i]));
    }
    CHECK(worst < TOL_STEP);
}

/* Rates, penalties and decay of single layers; what is frozen stays. */
static void groups(void) {
    nn_model *m = model_of(16);
    nn_fit_desc d = {.optimizer = nn_sgd(0.1f)};
    d.optimizer.decay = 0.5f;
    test_case("groups");
    CHECK(nn_layer_penalty(m, only(m, "dense_2"), 0.01f, 0.02f) == NN_OK);
    CHECK(nn_layer_rate(m, only(m, "dense_1"), 3) == NN_OK);
    CHECK(nn_parameter_decay(m, "dense_2.bias", 1) == NN_OK);
    nn_trainer *t = trainer_of(m, &d);
    const nn_parameters all = nn_parameters_of(m);
    for (size_t i = 0; i < all.trained; i++) all.values[i] += all.values[i] == 0.0f ? 0.0f : 0.125f;
    float *before = copy_of(all.values, all.total);
    feed(m, 0);
    CHECK(nn_trainer_batch(t, 16) == NN_OK);
    CHECK(nn_trainer_steps(t) == 1 && nn_trainer_rate(t) == 0.1f);
    stepped(m, "dense_1.weights", before, all.gradients, 0.1 * 3, 0, 0, 0.5);
    stepped(m, "dense_1.bias", before, all.gradients, 0.1 * 3, 0, 0, 0);
    stepped(m, "batch_norm_1.gamma", before, all.gradients, 0.1, 0, 0, 0);
    stepped(m, "dense_2.weights", before, all.gradients, 0.1, 0.01, 0.02, 0.5);
    stepped(m, "dense_2.bias", before, all.gradients, 0.1, 0, 0, 0.5);

    test_case("frozen, and a rate of 0");
    CHECK(nn_freeze(m, only(m, "dense_1"), 1) == NN_OK);
    CHECK(nn_layer_rate(m, only(m, "dense_2"), 0) == NN_OK);
    memcpy(before, all.values, all.total * sizeof *before);
    feed(m, 16);
    CHECK(nn_trainer_batch(t, 16) == NN_OK);
    nn_parameter p;
    for (size_t i = 0; i < nn_parameter_count(m); i++) {
        CHECK(nn_parameter_at(m, i, &p) == NN_OK);
        const int same = memcmp(p.values, before + (p.values - all.values), p.rows * p.columns * sizeof(float)) == 0;
        CHECK(same == (strncmp(p.name, "dense", 5) == 0));
    }
    free(before);
    nn_trainer_free(t);
    nn_model_free(m);
}

/* Three passes of 5 make the step of one pass of 15: without batch norm and dropout, whose batches differ. */
static void accumulation(void) {
    float after[2][256];
    size_t n = 0;
    for (int split = 0; split < 2; split++) {
        nn_model *m = nn_model_new(NULL);
        const nn_node in = nn_layer_input(m, nn_shape_vector(BLOBS_FEATURES));
        const nn_node loss = nn_layer_loss(m, nn_layer_dense(m, nn_layer_tanh(m, nn_layer_dense(m, in, 8)), BLOBS_CLASSES), NN_LOSS_SOFTMAX_CE);
        const nn_build_desc build = {.seed = 1, .batch = 15, .l2 = 0.1f};
        CHECK(nn_model_build(m, &build) == NN_OK);
        const nn_fit_desc d = {.optimizer = nn_sgd(0.5f), .accumulate = split ? 3 : 1};
        nn_trainer *t = trainer_of(m, &d);
        for (size_t at = 0; at < 15; at += split ? 5 : 15) {
            CHECK(nn_trainer_steps(t) == 0);
            CHECK(nn_feed(m, in, b.x + at * BLOBS_FEATURES) == NN_OK && nn_feed_labels(m, loss, b.labels + at) == NN_OK);
            CHECK(nn_trainer_batch(t, split ? 5 : 15) == NN_OK);
        }
        CHECK(nn_trainer_steps(t) == 1);
        n = nn_parameters_of(m).trained;
        memcpy(after[split], nn_parameters_of(m).values, n * sizeof(float));
        nn_trainer_free(t);
        nn_model_free(m);
    }
    test_case("accumulation");
    double worst = 0;
    for (size_t i = 0; i < n; i++) worst = fmax(worst, fabs((double)after[0][i] - (double)after[1][i]));
    CHECK(worst < TOL_STEP);
}

static void clipping(void) {
    nn_model *m = model_of(16);
    const nn_fit_desc d = {.optimizer = nn_sgd(1), .clip_norm = 0.01f};
    nn_trainer *t = trainer_of(m, &d);
    const nn_parameters all = nn_parameters_of(m);
    float *before = copy_of(all.values, all.total);
    double moved = 0, norm = 0;
    test_case("clipping by norm");
    feed(m, 0);
    CHECK(nn_trainer_batch(t, 16) == NN_OK);
    for (size_t i = 0; i < all.trained; i++) {
        moved += ((double)all.values[i] - (double)before[i]) * ((double)all.values[i] - (double)before[i]);
        norm += (double)all.gradients[i] * (double)all.gradients[i];
    }
    CHECK(sqrt(norm) > 0.05);
    CHECK(fabs(sqrt(norm) - (double)nn_trainer_gradient_norm(t)) < 1e-5 * sqrt(norm));
    CHECK(fabs(sqrt(moved) - 0.01) < 1e-5);
    free(before);
    nn_trainer_free(t);
    nn_model_free(m);
}

/* The average is what tests see and what is left; training goes on with the weights themselves. */
static void averages(void) {
    nn_model *m = model_of(16);
    const nn_fit_desc d = {.optimizer = nn_sgd(0.1f), .average = 0.75f};
    nn_trainer *t = trainer_of(m, &d);
    const nn_parameters all = nn_parameters_of(m);
    double *average = (double *)malloc(all.trained * sizeof *average);
    double worst = 0;
    test_case("averaged weights");
    for (size_t i = 0; i < all.trained; i++) average[i] = (double)all.values[i];
    for (size_t step = 0; step < 30; step++) {
        feed(m, 16 * (step % 9));
        CHECK(nn_trainer_batch(t, 16) == NN_OK);
        const double past = fmin(0.75, (2.0 + (double)step) / (11.0 + (double)step));
        for (size_t i = 0; i < all.trained; i++) average[i] = past * average[i] + (1 - past) * (double)all.values[i];
        float *own = copy_of(all.values, all.total);
        nn_trainer_test(t, 1);
        for (size_t i = 0; i < all.trained; i++) worst = fmax(worst, fabs(average[i] - (double)all.values[i]));
        nn_trainer_test(t, 0);
        CHECK(memcmp(own, all.values, all.total * sizeof *own) == 0);
        free(own);
    }
    nn_trainer_finish(t);
    for (size_t i = 0; i < all.trained; i++) worst = fmax(worst, fabs(average[i] - (double)all.values[i]));
    CHECK(worst < TOL_STEP);
    free(average);
    nn_trainer_free(t);
    nn_model_free(m);
}

/* Nesterov's momentum on one weight, w^2/2 with the lectures' own recursion: gradient at w + a v. */
static void looking_ahead(void) {
    static const float one[1] = {1}, zero[1] = {0};
    nn_model *m = nn_model_new(NULL);
    const nn_node in = nn_layer_input(m, nn_shape_vector(1));
    const nn_node loss = nn_layer_loss(m, nn_layer_dense_no_bias(m, in, 1), NN_LOSS_MSE);
    const nn_build_desc build = {.seed = 1, .batch = 1};
    CHECK(nn_model_build(m, &build) == NN_OK);
    nn_parameter p;
    CHECK(nn_parameter_named(m, "dense_1.weights", &p) == NN_OK);
    *p.values = 1;
    const nn_fit_desc d = {.optimizer = nn_nesterov(0.1f, 0.9f)};
    nn_trainer *t = trainer_of(m, &d);
    double w = 1, v = 0;
    test_case("Nesterov");
    CHECK(nn_feed(m, in, one) == NN_OK && nn_feed_targets(m, loss, zero) == NN_OK);
    for (int step = 0; step < 20; step++) {
        v = 0.9 * v - 0.1 * (w + 0.9 * v);
        w += v;
        CHECK(nn_trainer_batch(t, 1) == NN_OK);
        CHECK(fabs((double)*p.values - (w + 0.9 * v)) < TOL_STEP);
        nn_trainer_test(t, 1);
        CHECK(fabs((double)*p.values - w) < TOL_STEP);
        nn_trainer_test(t, 0);
    }
    nn_trainer_finish(t);
    CHECK(fabs((double)*p.values - w) < TOL_STEP);
    nn_trainer_free(t);
    nn_model_free(m);
}

/* In a loop of the caller's a schedule counts steps, or what nn_trainer_position says. */
static void schedules(void) {
    nn_model *m = model_of(16);
    const nn_fit_desc d = {.optimizer = nn_sgd(0.5f), .schedule = nn_schedule_steps(0.5f, 2)};
    nn_trainer *t = trainer_of(m, &d);
    static const float want[] = {0.5f, 0.5f, 0.25f, 0.25f, 0.125f};
    test_case("schedule");
    for (size_t i = 0; i < COUNT(want); i++) {
        feed(m, 0);
        CHECK(nn_trainer_batch(t, 16) == NN_OK);
        CHECK(nn_trainer_rate(t) == want[i]);
    }
    nn_trainer_position(t, 1);
    feed(m, 0);
    CHECK(nn_trainer_batch(t, 16) == NN_OK);
    CHECK(nn_trainer_rate(t) == 0.5f);
    nn_trainer_free(t);
    nn_model_free(m);
}

static void refused(void) {
    nn_model *m = model_of(16);
    nn_trainer *t, *second;
    float *before = copy_of(nn_parameters_of(m).values, nn_parameters_of(m).total);
    static float broken[16 * BLOBS_FEATURES];
    static const nn_fit_desc wrong[] = {{.average = 1}, {.average = NAN}, {.clip_norm = -1}, {.min_delta = NAN}, {.batch = 17},
                                        {.order = (nn_order)7}, {.monitor = (nn_monitor)2}, {.keep = (nn_keep)3}};
    test_case("refused");
    for (size_t i = 0; i < COUNT(wrong); i++) CHECK(nn_trainer_new(&t, m, &wrong[i]) == NN_ERROR_ARGUMENT && !t);
    nn_fit_desc d = {.optimizer = nn_adam(NAN)};
    CHECK(nn_trainer_new(&t, m, &d) == NN_ERROR_ARGUMENT && strstr(nn_error(m), "rate"));
    CHECK(nn_trainer_new(&t, NULL, NULL) == NN_ERROR_NULL && nn_trainer_new(NULL, m, NULL) == NN_ERROR_NULL);
    CHECK(nn_layer_rate(m, only(m, "dense_1"), -1) == NN_ERROR_ARGUMENT);
    CHECK(nn_layer_rate(m, (nn_node){99}, 1) == NN_ERROR_ARGUMENT);
    CHECK(nn_parameter_decay(m, "dense_9.bias", 1) == NN_ERROR_ARGUMENT);
    CHECK(nn_trainer_new(&t, m, NULL) == NN_OK);
    CHECK(nn_trainer_new(&second, m, NULL) == NN_ERROR_ORDER && !second);

    test_case("a loss that is no number");
    memcpy(broken, b.x, sizeof broken);
    broken[7] = NAN;
    feed(m, 0);
    CHECK(nn_feed(m, only(m, "input_1"), broken) == NN_OK);
    const uint64_t step = nn_step_of(m);
    CHECK(nn_trainer_batch(t, 16) == NN_ERROR_NOT_FINITE && strstr(nn_error(m), "NaN"));
    CHECK(nn_step_of(m) == step && nn_trainer_steps(t) == 0);
    CHECK(memcmp(before, nn_parameters_of(m).values, nn_parameters_of(m).trained * sizeof *before) == 0);
    nn_trainer_free(t);
    free(before);
    nn_model_free(m);

    test_case("not to be trained");
    m = nn_model_new(NULL);
    nn_layer_loss(m, nn_layer_dense(m, nn_layer_input(m, nn_shape_vector(2)), 2), NN_LOSS_MSE);
    CHECK(nn_trainer_new(&t, m, NULL) == NN_ERROR_ORDER);
    const nn_build_desc inference = {.inference = 1};
    CHECK(nn_model_build(m, &inference) == NN_OK);
    CHECK(nn_trainer_new(&t, m, NULL) == NN_ERROR_ORDER);
    nn_model_free(m);
}

int main(void) {
    blobs_make(&b, 1, 0.8f);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        groups();
        accumulation();
        clipping();
        averages();
        looking_ahead();
        schedules();
    }
    refused();
    return test_end("test_trainer");
}
