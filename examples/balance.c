/* balance.c - classes of which there are few samples
 *
 * A network learns digits of which 0 to 4 are twenty times as frequent as 5 to 9: as they are; with samples of the rare ones
 * repeated; the same with all of them bent and turned anew each time; with fewer of the frequent ones; and with a loss in which
 * a rare sample weighs more. What counts is the recall of each class, the share of its digits that is found, among others of
 * which all are equally frequent.
 *
 *   cc -O2 -I. examples/balance.c -o balance -lsleef -lm && ./balance
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

enum { CLASSES = 10, RARE = 5 };

/* The training digits, with so many of each frequent and each rare class. */
static nn_dataset skewed(const nn_dataset *all, size_t frequent, size_t rare) {
    size_t counts[CLASSES], have[CLASSES];
    nn_dataset d;
    stop_unless(nn_dataset_class_counts(have, all), NULL);
    for (size_t c = 0; c < CLASSES; c++) {
        counts[c] = c < CLASSES - RARE ? frequent : rare;
        if (counts[c] > have[c]) counts[c] = have[c]; /* no sample twice */
    }
    stop_unless(nn_dataset_resample(&d, all, counts, 1), NULL);
    return d;
}

typedef enum way { AS_IT_IS, REPEATED, AUGMENTED, FEWER, WEIGHTED, WAYS } way;
static const char *const names[WAYS] = {"as they are", "rare ones repeated", "the same, distorted", "fewer frequent ones",
                                        "weights in the loss"};

static void learn(way which, const nn_dataset *train, const nn_dataset *test) {
    const nn_augment augment = nn_augment_digits();
    const nn_build_desc build = {.seed = 1, .batch = 50};
    float weights[CLASSES];
    size_t matrix[CLASSES * CLASSES] = {0};
    nn_fit_desc fit = {.optimizer = nn_adam(1e-3f), .schedule = nn_schedule_cosine(0, 0), .batch = 50};
    nn_loss_desc loss = {.loss = NN_LOSS_SOFTMAX_CE};
    nn_dataset d = nn_dataset_share(train);
    if (which == REPEATED || which == AUGMENTED) fit.order = NN_ORDER_BALANCED;
    if (which == AUGMENTED) fit.augment = &augment;
    if (which == FEWER) stop_unless(nn_dataset_balance(&d, &d, NN_BALANCE_UNDER, 1), NULL);
    if (which == WEIGHTED) {
        stop_unless(nn_dataset_class_weights(weights, train), NULL);
        loss.class_weights = weights;
    }
    fit.epochs = full_or_quick(20, 1);
    nn_model *m = nn_model_new(NULL);
    const nn_node hidden = nn_layer_relu(m, nn_layer_dense(m, nn_layer_input(m, train->shape), 100));
    nn_layer_loss_with(m, nn_layer_dense(m, hidden, CLASSES), &loss);
    stop_unless(nn_model_build(m, &build), nn_error(m));
    stop_unless(nn_fit(m, &d, NULL, &fit), nn_error(m));
    stop_unless(nn_confusion_of(m, matrix, CLASSES, test), nn_error(m));
    printf("  %-20s", names[which]);
    for (size_t c = 0; c < CLASSES; c++) printf(" %4.0f", 100 * (double)nn_score_of_class(matrix, CLASSES, c).recall);
    printf("   %5.1f\n", 100 * (double)nn_score_macro(matrix, CLASSES).recall);
    nn_model_free(m);
    nn_dataset_free(&d);
}

int main(void) {
    nn_dataset all, test;
    const char *from = load_digits(&all, full_or_quick(10000, 300), &test, full_or_quick(5000, 50));
    nn_dataset train = skewed(&all, full_or_quick(800, 20), full_or_quick(40, 2));
    size_t counts[CLASSES];
    stop_unless(nn_dataset_class_counts(counts, &train), NULL);
    printf("%zu %s: %zu of each from 0 to 4, %zu of each from 5 to 9\n", train.count, from, counts[0], counts[CLASSES - 1]);
    printf("  recall, %%               0    1    2    3    4    5    6    7    8    9    mean\n");
    for (way which = AS_IT_IS; which < WAYS; which++) learn(which, &train, &test);
    nn_dataset_free(&train);
    nn_dataset_free(&all);
    nn_dataset_free(&test);
    return 0;
}
