/* norms.c - four ways to normalise, and what becomes of batch norm when training is over
 *
 * 1. The same small convolutional network learns digits with each norm, in batches of 50 and of 2: a batch of 2 tells batch
 *    norm little of what is usual, while the others look at one sample at a time.
 * 2. In use, batch norm takes averages that it kept, or exact statistics of all the training data in further passes (the
 *    lectures' code 2). Either way it is y = scale x + shift then, and can be folded into the layer before: none is left, and
 *    the answers stay.
 *
 *   cc -O2 -I. examples/norms.c -o norms -lsleef -lm && ./norms
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

#include <math.h>

enum { CLASSES = 10 };

static nn_dataset train, test;
static float *said; /* of the test digits: probabilities */
static uint32_t *labels;

typedef enum norm { NONE, BATCH, LAYER, INSTANCE, GROUP, NORMS } norm;
static const char *const names[NORMS] = {"none", "batch norm", "layer norm", "instance norm", "group norm, 4"};

static nn_node normalise(nn_model *m, nn_node x, norm which) {
    switch (which) {
    case BATCH: return nn_layer_batch_norm(m, x);
    case LAYER: return nn_layer_layer_norm(m, x);
    case INSTANCE: return nn_layer_instance_norm(m, x);
    case GROUP: return nn_layer_group_norm(m, x, 4);
    default: return x;
    }
}

static nn_model *network(norm which, size_t batch) {
    const nn_build_desc build = {.seed = 1, .batch = batch};
    nn_model *m = nn_model_new(NULL);
    nn_node x = nn_layer_input(m, train.shape);
    for (size_t filters = 8; filters <= 16; filters *= 2)
        x = nn_layer_max_pool(m, nn_layer_relu(m, normalise(m, nn_layer_conv2d(m, x, filters, 3), which)), 2, 2);
    nn_layer_loss(m, nn_layer_dense(m, x, CLASSES), NN_LOSS_SOFTMAX_CE);
    stop_unless(nn_model_build(m, &build), nn_error(m));
    return m;
}

static double right(nn_model *m) {
    /* nn_evaluate wants a loss, which a folded network has no more */
    stop_unless(nn_predict_dataset(m, said, &test), nn_error(m));
    return 100 * (double)nn_accuracy(said, labels, test.count, CLASSES);
}

static nn_model *learned(norm which, size_t batch) {
    const nn_fit_desc fit = {.optimizer = nn_sgd(0.05f), .epochs = full_or_quick(4, 1), .batch = batch};
    nn_model *m = network(which, batch);
    stop_unless(nn_fit(m, &train, NULL, &fit), nn_error(m));
    return m;
}

/* One pass over the training data for every batch norm, each of which changes what the next one sees. */
static void exact_statistics(nn_model *m, size_t batch) {
    for (size_t left = nn_statistics_begin(m); left > 0; left = nn_statistics_next(m)) {
        nn_batches b;
        stop_unless(nn_batches_begin(&b, &train, batch, 1), NULL);
        while (nn_batches_next(&b)) {
            stop_unless(nn_feed(m, nn_model_input(m), b.x), nn_error(m));
            stop_unless(nn_forward(m, b.n, NN_STATISTICS), nn_error(m));
        }
        nn_batches_end(&b);
    }
}

static const float *parameter(nn_model *m, const char *name) {
    nn_parameter p;
    stop_unless(nn_parameter_named(m, name, &p), nn_error(m));
    return p.values;
}

static void tell(const char *what, nn_model *m) {
    printf("  %-16s    %6.2f %%, mean %.4f and variance %.4f of the first channel\n", what, right(m),
           (double)*parameter(m, "batch_norm_1.mean"), (double)*parameter(m, "batch_norm_1.variance"));
}

/* gamma (x - mean)/sqrt(variance + epsilon) + beta of one number in the first channel, and the same as scale x + shift. */
static void affine(nn_model *m) {
    enum { CHANNELS = 8 };
    const float *mean = parameter(m, "batch_norm_1.mean"), *variance = parameter(m, "batch_norm_1.variance");
    const float *gamma = parameter(m, "batch_norm_1.gamma"), *beta = parameter(m, "batch_norm_1.beta");
    float scale[CHANNELS], shift[CHANNELS], x[CHANNELS] = {0.5f}, y[CHANNELS];
    nn_batch_norm_affine(scale, shift, mean, variance, gamma, beta, CHANNELS, 1e-5f);
    nn_affine(y, x, scale, shift, 1, CHANNELS);
    const double long_way = (double)gamma[0] * (0.5 - (double)mean[0]) / sqrt((double)variance[0] + 1e-5) + (double)beta[0];
    printf("  0.5 in the first channel becomes %.4f; as %.4f x + %.4f: %.4f\n", long_way, (double)scale[0], (double)shift[0],
           (double)y[0]);
}

int main(void) {
    static const size_t batches[] = {50, 2};
    const char *from = load_digits(&train, full_or_quick(2000, 16), &test, full_or_quick(5000, 10));
    nn_model *m;
    size_t folded;
    said = malloc(test.count * CLASSES * sizeof *said);
    labels = malloc(test.count * sizeof *labels);
    if (!said || !labels) stop_unless(NN_ERROR_MEMORY, NULL);
    stop_unless(nn_dataset_gather(NULL, labels, NULL, NULL, &test, NULL, test.count), NULL);
    printf("%zu %s, %zu others right after %zu epochs\n", train.count, from, test.count, full_or_quick(4, 1));
    printf("                   batches of 50    batches of 2\n");
    for (norm which = NONE; which < NORMS; which++) {
        printf("  %-15s", names[which]);
        for (int i = 0; i < 2; i++) {
            m = learned(which, batches[i]);
            printf(" %13.2f %%", right(m));
            nn_model_free(m);
        }
        putchar('\n');
    }
    printf("\nbatch norm in use\n");
    m = learned(BATCH, 50);
    tell("running averages", m);
    exact_statistics(m, 50);
    tell("exact statistics", m);
    affine(m);
    stop_unless(nn_fold(m, &folded), nn_error(m));
    printf("  %zu folded           %6.2f %%\n", folded, right(m));
    nn_model_free(m);
    free(said), free(labels);
    nn_dataset_free(&train);
    nn_dataset_free(&test);
    return 0;
}
