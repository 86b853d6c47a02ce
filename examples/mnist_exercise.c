/* mnist_exercise.c - the lectures' exercise on MNIST: as it is printed, and with settings that the validation images chose
 *
 * 50,000 images to train with, 10,000 for validation, 10,000 for the test. Pixels are scaled by min-max, from 0..255 to 0..1.
 * A network 784-512-256-10: Xavier's initialisation, ReLU, softmax; cross-entropy + L1; dropout of 10 %; Adam; batches of 64. Training
 * stops when the loss of the validation images has not fallen for ten epochs, and returns to the weights of the best one.
 *
 * As printed, lambda is 0.001 and the rate 0.01. Both are large: L1 drives nearly all weights to zero. The tuned run keeps everything
 * else and takes the pair of lambda and rate that gets the most validation images right, out of a grid. Only then the test images are
 * looked at, once by each of the two networks.
 *
 *   cc -O2 -I. -DNN_ZLIB -fopenmp examples/mnist_exercise.c -o mnist_exercise -lsleef -lz -lm && NN_DATA=data ./mnist_exercise
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

#include <math.h>

/* A training, what it was set to and what became of it. */
typedef struct trial {
    float lambda, rate;
    nn_model *m;
    size_t epochs, best;
    nn_evaluation valid;
} trial;

static nn_model *network(float lambda) {
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, nn_shape_image(28, 28, 1));
    x = nn_layer_dropout(m, nn_layer_relu(m, nn_layer_dense(m, x, 512)), 0.1f);
    x = nn_layer_dropout(m, nn_layer_relu(m, nn_layer_dense(m, x, 256)), 0.1f);
    nn_layer_loss(m, nn_layer_dense(m, x, 10), NN_LOSS_SOFTMAX_CE);
    const nn_build_desc build = {.seed = 1, .init = nn_init_xavier(), .l1 = lambda};
    stop_unless(nn_model_build(m, &build), nn_error(m));
    return m;
}

static void train(trial *t, const nn_dataset *data, const nn_dataset *valid) {
    nn_trainer *trainer;
    t->m = network(t->lambda);
    const nn_fit_desc desc = {.optimizer = nn_adam(t->rate), .epochs = full_or_quick(200, 1), .batch = 64, .seed = 1, .patience = 10};
    stop_unless(nn_trainer_new(&trainer, t->m, &desc), nn_error(t->m));
    stop_unless(nn_trainer_run(trainer, data, valid), nn_error(t->m));
    const nn_history *history = nn_trainer_history(trainer);
    t->epochs = history->count;
    t->best = history->best;
    t->valid = history->epochs[history->best - 1].valid;
    nn_trainer_free(trainer);
}

/* The share of weights that L1 left closer to zero than 0.001: those that do not matter. */
static double share_near_zero(nn_model *m) {
    size_t near = 0, all = 0;
    for (size_t i = 0; i < nn_parameter_count(m); i++) {
        nn_parameter p;
        stop_unless(nn_parameter_at(m, i, &p), nn_error(m));
        if (p.rows == 1) continue; /* a bias */
        all += p.rows * p.columns;
        for (size_t k = 0; k < p.rows * p.columns; k++) near += fabsf(p.values[k]) < 1e-3f;
    }
    return (double)near / (double)all;
}

static void print(const trial *t) {
    printf("  lambda %-7g rate %-7g best epoch %3zu of %3zu   validation loss %.4f, accuracy %.2f %%   weights near 0: %4.1f %%\n",
           (double)t->lambda, (double)t->rate, t->best, t->epochs, (double)t->valid.loss, 100.0 * (double)t->valid.accuracy,
           100 * share_near_zero(t->m));
    fflush(stdout);
}

static void test(const char *what, trial *t, const nn_dataset *data) {
    nn_evaluation result;
    stop_unless(nn_evaluate(t->m, data, &result), nn_error(t->m));
    printf("%-11s lambda %g, rate %g: test accuracy %.2f %%\n", what, (double)t->lambda, (double)t->rate,
           100.0 * (double)result.accuracy);
}

int main(void) {
    static const float lambdas[] = {0, 1e-6f, 1e-5f, 3e-5f}, rates[] = {3e-4f, 1e-3f};
    const size_t sizes[2] = {full_or_quick(50000, 40), full_or_quick(10000, 10)};
    nn_dataset all, test_images, part[2];
    const char *source = load_digits(&all, sizes[0] + sizes[1], &test_images, full_or_quick(10000, 20));
    stop_unless(nn_dataset_split_counts(part, &all, sizes, 2, NULL), NULL);
    nn_threads(2);
    printf("%s: %zu images to train with, %zu for validation, %zu for the test\n\nas printed\n", source, part[0].count, part[1].count,
           test_images.count);
    trial printed = {.lambda = 1e-3f, .rate = 1e-2f}, best = {0};
    train(&printed, &part[0], &part[1]);
    print(&printed);
    puts("\ntuned");
    for (size_t i = 0; i < full_or_quick(sizeof lambdas / sizeof *lambdas, 1); i++) {
        for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
            trial t = {.lambda = lambdas[i], .rate = rates[k]};
            train(&t, &part[0], &part[1]);
            print(&t);
            const int better = !best.m || t.valid.accuracy > best.valid.accuracy;
            nn_model_free(better ? best.m : t.m);
            if (better) best = t;
        }
    }
    putchar('\n');
    test("as printed:", &printed, &test_images);
    test("tuned:", &best, &test_images);
    nn_model_free(printed.m);
    nn_model_free(best.m);
    nn_dataset_free(&part[0]), nn_dataset_free(&part[1]), nn_dataset_free(&all), nn_dataset_free(&test_images);
    return 0;
}
