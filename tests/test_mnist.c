/* test_mnist.c - deck 001's experiment on MNIST, through the public calls: skipped where the data are not found
 *
 * They are looked for in the folder that NN_DATA names, in ../shared/data, and in a folder mnist of each.
 */
#include "test.h"

static nn_dataset train, check;

static int load(void) {
    const char *const folders[] = {getenv("NN_DATA"), "../shared/data"};
    for (size_t i = 0; i < 2 * COUNT(folders); i++) {
        char folder[4096];
        nn_report report;
        if (!folders[i / 2]) continue;
        snprintf(folder, sizeof folder, "%s%s", folders[i / 2], i % 2 ? "/mnist" : "");
        if (nn_load_mnist(&train, &check, folder, NULL, &report) == NN_OK) return 1;
        printf("no MNIST: %s\n", report.sentence);
    }
    return 0;
}

static int is_reached(const nn_fit_event *e, void *best) {
    return e->done && (double)e->done->valid.accuracy >= *(const double *)best;
}

/* Up to ten epochs of mini-batches of 50, weights by Xavier: test accuracy after the first, and the best, with which it is over. */
static void run(const char *what, int norm, nn_optimizer optimizer, nn_schedule schedule, double first, double best) {
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, nn_shape_image(28, 28, 1));
    static const size_t units[] = {300, 100};
    for (size_t i = 0; i < COUNT(units); i++) {
        x = nn_layer_dense(m, x, units[i]);
        if (norm) x = nn_layer_batch_norm(m, x);
        x = nn_layer_relu(m, x);
    }
    nn_layer_loss(m, nn_layer_dense(m, x, 10), NN_LOSS_SOFTMAX_CE);
    const nn_build_desc build = {.seed = 1, .batch = 50, .init = nn_init_xavier()};
    const nn_fit_desc d = {.optimizer = optimizer, .schedule = schedule, .watch = is_reached, .user = &best};
    nn_trainer *t;
    test_case("%s", what);
    CHECK(nn_model_build(m, &build) == NN_OK);
    CHECK(nn_trainer_new(&t, m, &d) == NN_OK);
    CHECK(nn_trainer_run(t, &train, &check) == NN_OK);
    const nn_history *h = nn_trainer_history(t);
    float top = 0;
    for (size_t i = 0; i < h->count; i++) top = fmaxf(top, h->epochs[i].valid.accuracy);
    printf("%s: %.4f after the first epoch, %.4f after %zu\n", what, (double)h->epochs[0].valid.accuracy, (double)top, h->count);
    CHECK((double)h->epochs[0].valid.accuracy >= first);
    CHECK((double)top >= best);
    nn_trainer_free(t);
    nn_model_free(m);
}

int main(void) {
    if (test_quick()) {
        puts("MNIST is left to the tests of full size");
        test.skipped++;
    } else if (!load()) {
        test.skipped++;
    } else {
        CHECK(train.count == 60000 && check.count == 10000 && train.classes == 10);
        run("gradient descent", 0, nn_sgd(0.025f), nn_schedule_constant(), 0.9128, 0.9645);
        run("Adam and batch norm", 1, nn_adam(1e-3f), nn_schedule_cosine(0.02f, 0), 0.9686, 0.983);
        nn_dataset_free(&train);
        nn_dataset_free(&check);
    }
    return test_end("test_mnist");
}
