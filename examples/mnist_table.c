/* mnist_table.c - the lectures' table of networks for MNIST: all seven rows, each with its own layers and its own loss
 *
 * Of the 60,000 training images 50,000 train (rows 5 and 7: 55,000) and the others validate: the recipe was chosen by them, and so is the
 * epoch whose weights are kept. Each network sees the test images once, when all that is over. All have He's initialisation, batch
 * norm, ReLU, dropout and Adam, with a rate that rises and falls once, and average their weights. With several seeds the
 * networks of a row are asked together, too: the class that they find likeliest on average.
 *
 * Row 7 is the network of Ciresan et al. (2010): every image is bent, turned and scaled anew in every epoch. It takes more than an
 * hour on two cores; a file in the folder of the program holds what is done, and the next start goes on from there with the same bits.
 *
 *   cc -O2 -I. -DNN_ZLIB -fopenmp examples/mnist_table.c -o mnist_table -lsleef -lz -lm
 *   NN_DATA=data ./mnist_table                     rows 1 to 6, three seeds each
 *   NN_DATA=data ./mnist_table --row 7             one seed; --seeds 3, --epochs 100 and --row 5 do what they say
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

#include <math.h>

enum { LAYERS = 5, ROWS = 7, CLASSES = 10 };

typedef struct row {
    size_t hidden[LAYERS];
    nn_loss loss;
    float l1;
    double lectures;  /* accuracy on the test images, in per cent */
    size_t epochs, batch;
    float rate, drop, average;
    size_t validation;
    int distorted;
} row;

static const row rows[ROWS] = {
    {{300}, NN_LOSS_MSE, 0, 95.30, 20, 64, 1e-3f, 0.1f, 0.999f, 10000, 0},
    {{100}, NN_LOSS_MSE, 0, 95.50, 20, 64, 1e-3f, 0, 0.999f, 10000, 0},
    {{300, 100}, NN_LOSS_MSE, 0, 96.95, 20, 64, 1e-3f, 0.1f, 0.999f, 10000, 0},
    {{500, 150}, NN_LOSS_MSE, 0, 97.05, 20, 64, 1e-3f, 0.1f, 0.999f, 10000, 0},
    {{800}, NN_LOSS_SOFTMAX_CE, 0, 98.40, 30, 100, 1e-3f, 0.4f, 0.999f, 5000, 0},
    {{500, 300}, NN_LOSS_SOFTMAX_CE, 1e-6f, 98.47, 30, 100, 1e-3f, 0.3f, 0.999f, 10000, 0},
    {{2500, 2000, 1500, 1000, 500}, NN_LOSS_SOFTMAX_CE, 1e-7f, 99.65, 300, 500, 2e-3f, 0.1f, 0.995f, 5000, 1},
};

/* Of hidden layer i; row 7 takes long for every image, so that it is thinner in a hurry. */
static size_t units(const row *r, size_t i) { return r->hidden[i] / (r->distorted ? full_or_quick(1, 25) : 1); }

/* CLASSES numbers for each image, all 0. */
static float *opinions(const nn_dataset *data) {
    float *y = calloc(data->count * CLASSES, sizeof *y);
    stop_unless(y ? NN_OK : NN_ERROR_MEMORY, NULL);
    return y;
}

/* How often what was said, or the sum of it, is right, in per cent. */
static double accuracy_of(const float *said, const nn_dataset *data) {
    size_t right = 0;
    for (size_t i = 0; i < data->count; i++) right += nn_argmax(said + i * CLASSES, CLASSES) == data->labels[nn_dataset_row(data, i)];
    return 100 * (double)right / (double)data->count;
}

static nn_model *network(const row *r, uint64_t seed) {
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, nn_shape_image(28, 28, 1));
    for (size_t i = 0; i < LAYERS && r->hidden[i]; i++) {
        x = nn_layer_relu(m, nn_layer_batch_norm(m, nn_layer_dense_no_bias(m, x, units(r, i))));
        x = nn_layer_dropout(m, x, r->drop);
    }
    nn_layer_loss(m, nn_layer_dense(m, x, CLASSES), r->loss);
    const nn_build_desc build = {.seed = seed, .init = nn_init_he(), .l1 = r->l1, .batch = r->batch};
    stop_unless(nn_model_build(m, &build), nn_error(m));
    return m;
}

/* Ciresan's distortions, a little wider. */
static nn_augment wide(void) {
    nn_augment a = nn_augment_digits();
    a.elastic_alpha = 38;
    a.elastic_sigma = 5;
    a.scale_from = 0.8f;
    a.scale_to = 1.2f;
    return a;
}

/* Of the long training: how far it is, and when it will be over. */
static int watch(const nn_fit_event *e, void *user) {
    nn_progress(e, user);
    if (!e->done || e->stopped) return 0;
    const double left = (double)(e->epochs - e->epoch) * e->done->seconds;
    printf("  about %d:%02d h left\n", (int)(left / 3600), (int)(left / 60) % 60);
    return 0;
}

/* Trains with what is not for validation, and tests: accuracy in per cent. What the network says about each test image is added to
 * what others have said. */
static double run(const row *r, size_t epochs, uint64_t seed, const nn_dataset *all, const nn_dataset *test, float *said) {
    const size_t held = full_or_quick(r->validation, all->count / 5), sizes[2] = {all->count - held, held};
    const nn_augment distortions = wide();
    nn_dataset part[2];
    nn_trainer *t;
    nn_model *m = network(r, seed);
    float *alone = opinions(test);
    char checkpoint[64];
    snprintf(checkpoint, sizeof checkpoint, "mnist_table_%d_%llu.safetensors", (int)(r - rows) + 1, (unsigned long long)seed);
    nn_fit_desc desc = {.optimizer = nn_adam(r->rate), .schedule = nn_schedule_one_cycle(0),
                        .epochs = epochs ? epochs : r->epochs, .batch = r->batch, .average = r->average, .seed = seed,
                        .monitor = NN_MONITOR_ACCURACY, .keep = NN_KEEP_BEST};
    if (r->distorted) {
        desc.augment = &distortions;
        desc.keep = NN_KEEP_LAST; /* the rate ends at zero: there is no better epoch to go back to */
        desc.checkpoint = checkpoint;
        desc.resume = 1;
        desc.watch = watch;
    }
    stop_unless(nn_dataset_split_counts(part, all, sizes, 2, NULL), NULL);
    stop_unless(nn_trainer_new(&t, m, &desc), nn_error(m));
    stop_unless(nn_trainer_run(t, &part[0], &part[1]), nn_error(m));
    stop_unless(nn_predict_dataset(m, alone, test), nn_error(m));
    nn_add(said, said, alone, test->count * CLASSES);
    const double accuracy = accuracy_of(alone, test);
    const nn_history *h = nn_trainer_history(t);
    printf("  row %d, seed %llu: validation %.2f %%, test %.2f %%\n", (int)(r - rows) + 1, (unsigned long long)seed,
           100.0 * (double)h->epochs[(r->distorted ? h->count : h->best) - 1].valid.accuracy, accuracy);
    fflush(stdout);
    nn_trainer_free(t);
    nn_model_free(m);
    for (int i = 0; i < 2; i++) nn_dataset_free(&part[i]);
    free(alone);
    return accuracy;
}

/* The accuracy of each seed's network, and of all together. */
static void print_row(const row *r, const double *accuracy, double all_seeds, size_t seeds) {
    char layers[64] = "";
    double sum = 0, squares = 0;
    for (size_t i = 0; i < LAYERS && r->hidden[i]; i++)
        snprintf(layers + strlen(layers), sizeof layers - strlen(layers), "%s%zu", i ? "-" : "", units(r, i));
    for (size_t s = 0; s < seeds; s++) sum += accuracy[s];
    const double mean = sum / (double)seeds;
    for (size_t s = 0; s < seeds; s++) squares += (accuracy[s] - mean) * (accuracy[s] - mean);
    printf("%3d  %-24s %-18s %6.2f %%  %6.2f %%", (int)(r - rows) + 1, layers,
           r->loss == NN_LOSS_MSE ? "MSE" : r->l1 > 0 ? "cross-entropy + L1" : "cross-entropy", r->lectures, mean);
    if (seeds > 1) printf("   +- %.2f, %zu seeds, together %.2f %%", sqrt(squares / (double)(seeds - 1)), seeds, all_seeds);
    putchar('\n');
}

static size_t number_behind(const char *option, int count, char **arguments, size_t usual) {
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], option)) continue;
        const size_t n = i + 1 < count ? strtoul(arguments[i + 1], NULL, 10) : 0;
        if (n) return n;
        fprintf(stderr, "mnist_table: %s takes a number above 0\n", option);
        exit(1);
    }
    return usual;
}

/* Whether a row is to be learned: row 7 only where it is asked for. */
static int wanted(size_t i, size_t only) { return only ? i + 1 == only : !rows[i].distorted; }

int main(int count, char **arguments) {
    const size_t only = number_behind("--row", count, arguments, 0);
    const size_t epochs = number_behind("--epochs", count, arguments, full_or_quick(0, 1));
    const size_t seeds = number_behind("--seeds", count, arguments, only == 7 ? 1 : full_or_quick(3, 1));
    nn_dataset all, test;
    double *accuracy = calloc(ROWS * seeds, sizeof *accuracy), all_seeds[ROWS];
    if (only > ROWS || !accuracy) return fprintf(stderr, "mnist_table [--row 1..7] [--seeds N] [--epochs N]\n"), 1;
    nn_threads(2);
    printf("%s\n", load_digits(&all, full_or_quick(60000, 40), &test, full_or_quick(10000, 20)));
    float *said = opinions(&test);
    for (size_t i = 0; i < ROWS; i++) {
        if (!wanted(i, only)) continue;
        memset(said, 0, test.count * CLASSES * sizeof *said);
        for (size_t s = 0; s < seeds; s++) accuracy[i * seeds + s] = run(&rows[i], epochs, s + 1, &all, &test, said);
        all_seeds[i] = accuracy_of(said, &test);
    }
    printf("\nrow  hidden layers            loss               lectures      ours\n");
    for (size_t i = 0; i < ROWS; i++)
        if (wanted(i, only)) print_row(&rows[i], accuracy + i * seeds, all_seeds[i], seeds);
    free(said);
    free(accuracy);
    nn_dataset_free(&all);
    nn_dataset_free(&test);
    return 0;
}
