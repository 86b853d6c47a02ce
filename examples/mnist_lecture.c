/* mnist_lecture.c - the lectures' experiment on MNIST: plain gradient descent, and Adam with batch norm, epoch by epoch
 *
 * A network 784-300-100-10 with ReLU and a softmax, mini-batches of 50, Xavier's initialisation, ten epochs. The lectures print the test
 * accuracy after each epoch of one run; here it stands beside the mean and the spread of several seeds.
 *
 * Adam's steps do not become smaller by themselves, so the weights after any one batch are a little off; the third column tests their
 * moving average over some 500 batches instead, with nothing else changed but that batch norm's running statistics reach as far back.
 *
 * Nothing is chosen by the test images. The 60,000 training images are divided into 55,000 to train with and 5,000 to choose rates
 * with: for each column, the one whose mean accuracy over the ten epochs is the highest. Then each seed trains once.
 *
 *   cc -O2 -I. -DNN_ZLIB -fopenmp examples/mnist_lecture.c -o mnist_lecture -lsleef -lz -lm && NN_DATA=data ./mnist_lecture [seeds]
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

#include <math.h>

enum { EPOCHS = 10, BATCH = 50, RATES = 4 };

static size_t epochs = EPOCHS;

static const double descent[EPOCHS] = {0.9128, 0.9291, 0.9398, 0.9450, 0.9513, 0.9543, 0.9556, 0.9593, 0.9625, 0.9645};
static const double adam[EPOCHS] = {0.9686, 0.9749, 0.9771, 0.9803, 0.9808, 0.9815, 0.9822, 0.9829, 0.9833, 0.9799};

typedef struct column {
    const char *title;
    nn_optimizer (*optimizer)(float rate);
    int batch_norm;
    float average;
    float rates[RATES];  /* to choose from */
    const double *deck;  /* what the lectures print */
} column;

static const column columns[] = {
    {"gradient descent, without batch norm", nn_sgd, 0, 0, {0.05f, 0.1f, 0.2f, 0.4f}, descent},
    {"Adam, with batch norm", nn_adam, 1, 0, {5e-4f, 1e-3f, 2e-3f, 4e-3f}, adam},
    {"Adam, with batch norm, and averaged weights", nn_adam, 1, 0.998f, {5e-4f, 1e-3f, 2e-3f, 4e-3f}, adam},
};

static nn_node hidden_layer(nn_model *m, nn_node x, size_t units, const column *c) {
    const nn_norm_desc norm = {.momentum = c->average > 0 ? 0.01f : 0.1f};
    x = c->batch_norm ? nn_layer_batch_norm_with(m, nn_layer_dense_no_bias(m, x, units), &norm) : nn_layer_dense(m, x, units);
    return nn_layer_relu(m, x);
}

static nn_model *network(const column *c, uint64_t seed) {
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, nn_shape_image(28, 28, 1));
    x = hidden_layer(m, x, 300, c);
    x = hidden_layer(m, x, 100, c);
    nn_layer_loss(m, nn_layer_dense(m, x, 10), NN_LOSS_SOFTMAX_CE);
    const nn_build_desc build = {.seed = seed, .init = nn_init_xavier()};
    stop_unless(nn_model_build(m, &build), nn_error(m));
    return m;
}

/* accuracy[e] = that of the network about `seen` after epoch e + 1. */
static void train(double *accuracy, const column *c, float rate, uint64_t seed, const nn_dataset *data, const nn_dataset *seen) {
    nn_model *m = network(c, seed);
    nn_trainer *t;
    const nn_fit_desc desc = {.optimizer = c->optimizer(rate), .epochs = epochs, .batch = BATCH, .seed = seed, .average = c->average};
    stop_unless(nn_trainer_new(&t, m, &desc), nn_error(m));
    stop_unless(nn_trainer_run(t, data, seen), nn_error(m));
    for (size_t e = 0; e < epochs; e++) accuracy[e] = (double)nn_trainer_history(t)->epochs[e].valid.accuracy;
    nn_trainer_free(t);
    nn_model_free(m);
}

/* Of n numbers, each `stride` behind the one before. */
static double mean(const double *x, size_t n, size_t stride) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i * stride];
    return sum / (double)n;
}

static double deviation(const double *x, size_t n, size_t stride) {
    const double middle = mean(x, n, stride);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (x[i * stride] - middle) * (x[i * stride] - middle);
    return n > 1 ? sqrt(sum / (double)(n - 1)) : 0;
}

static double largest(const double *x, size_t n) {
    double most = x[0];
    for (size_t i = 1; i < n; i++) most = x[i] > most ? x[i] : most;
    return most;
}

static float choose_rate(const column *c, const nn_dataset *data, const nn_dataset *valid) {
    double most = 0, accuracy[EPOCHS];
    float best = 0;
    for (size_t i = 0; i < full_or_quick(RATES, 1); i++) {
        train(accuracy, c, c->rates[i], 1000, data, valid);
        const double score = mean(accuracy, epochs, 1);
        printf("  rate %-6g mean accuracy on the validation images %.4f\n", (double)c->rates[i], score);
        if (score > most) most = score, best = c->rates[i];
    }
    return best;
}

static void report(const column *c, float rate, const double *accuracy, size_t seeds) {
    double *best = malloc(seeds * sizeof *best);
    if (!best) stop_unless(NN_ERROR_MEMORY, NULL);
    printf("  test accuracy of %zu seed%s with the rate %g\n", seeds, seeds == 1 ? "" : "s", (double)rate);
    printf("  epoch    lectures      mean   deviation\n");
    for (size_t e = 0; e < epochs; e++) {
        const double *column = accuracy + e;
        printf("  %5zu      %.4f    %.4f      %.4f\n", e + 1, c->deck[e], mean(column, seeds, EPOCHS), deviation(column, seeds, EPOCHS));
    }
    for (size_t s = 0; s < seeds; s++) best[s] = largest(accuracy + s * EPOCHS, epochs);
    printf("   best      %.4f    %.4f      %.4f\n\n", largest(c->deck, EPOCHS), mean(best, seeds, 1), deviation(best, seeds, 1));
    fflush(stdout);
    free(best);
}

int main(int count, char **arguments) {
    const size_t seeds = count > 1 ? strtoul(arguments[1], NULL, 10) : full_or_quick(5, 1);
    const size_t sizes[2] = {full_or_quick(55000, 50), full_or_quick(5000, 20)};
    nn_dataset all, test, part[2];
    double *accuracy = calloc(seeds ? seeds : 1, sizeof(double[EPOCHS]));
    if (!seeds || !accuracy) return fprintf(stderr, "mnist_lecture [seeds]: how many seeds to train, 5 if not said\n"), 1;
    nn_threads(2);
    epochs = full_or_quick(EPOCHS, 2);
    printf("%s\n\n", load_digits(&all, sizes[0] + sizes[1], &test, full_or_quick(10000, 20)));
    stop_unless(nn_dataset_split_counts(part, &all, sizes, 2, NULL), NULL);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        printf("%s\n", columns[i].title);
        const float rate = choose_rate(&columns[i], &part[0], &part[1]);
        for (size_t s = 0; s < seeds; s++) train(accuracy + s * EPOCHS, &columns[i], rate, s + 1, &part[0], &test);
        report(&columns[i], rate, accuracy, seeds);
    }
    free(accuracy);
    for (int i = 0; i < 2; i++) nn_dataset_free(&part[i]);
    nn_dataset_free(&all);
    nn_dataset_free(&test);
    return 0;
}
