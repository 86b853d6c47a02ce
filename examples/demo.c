/* demo.c - the whole way in half a minute: digits are learned, tested and looked at, the network is saved, loaded and timed
 *
 * Learns MNIST where NN_DATA names a folder that has it (compile with -DNN_ZLIB and -lz if it is packed), else digits that nn.h draws.
 * Leaves digits.safetensors and digit.pgm in the folder named, or here: try them with examples/predict.c.
 *
 *   cc -O2 -I. -fopenmp examples/demo.c -o demo -lsleef -lm && ./demo [folder]
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

enum { CLASSES = 10, SHOWN = 4, WIDE = 20, HIGH = 10 };

/* Prints as nn_fit goes on, and ends it if half a minute does not do for all epochs. */
static int watch(const nn_fit_event *e, void *start) {
    nn_progress(e, NULL);
    return seconds() - *(double *)start > 25;
}

static nn_model *learn(const nn_dataset *train, const nn_dataset *valid) {
    const size_t hidden[] = {300, 100};
    double start = seconds();
    nn_model *m;
    stop_unless(nn_classifier(&m, train->shape, hidden, 2, CLASSES, 0.1f, 1), "no memory for the network");
    nn_summary_print(m, stdout);
    putchar('\n');
    const nn_fit_desc desc = {.optimizer = nn_adam(3e-3f), .schedule = nn_schedule_one_cycle(0), .batch = 100,
                              .epochs = full_or_quick(8, 2), .watch = watch, .user = &start};
    stop_unless(nn_fit(m, train, valid, &desc), nn_error(m));
    printf("learned in %.1f s\n", seconds() - start);
    return m;
}

static void print_confusion(nn_model *m, const nn_dataset *test) {
    size_t matrix[CLASSES * CLASSES] = {0};
    stop_unless(nn_confusion_of(m, matrix, CLASSES, test), nn_error(m));
    printf("\nwhat they are, and what the network says:\n\n      ");
    for (int j = 0; j < CLASSES; j++) printf("%6d", j);
    printf("   found   right\n");
    for (size_t i = 0; i < CLASSES; i++) {
        printf("%6zu", i);
        for (size_t j = 0; j < CLASSES; j++) {
            if (matrix[i * CLASSES + j]) printf("%6zu", matrix[i * CLASSES + j]);
            else printf("%6s", ".");
        }
        const nn_score s = nn_score_of_class(matrix, CLASSES, i);
        printf("  %5.1f %%  %5.1f %%\n", 100.0 * (double)s.recall, 100.0 * (double)s.precision);
    }
    printf("\n(found: of the digits of a row; right: of those that were said to be of its class)\n");
}

/* A few digits side by side; two pixels, one above the other, are a character. */
static void draw_digits(const nn_dataset *d, const size_t *which, size_t count, const float *p) {
    float pixels[SHOWN][HIGH * WIDE];
    const nn_box middle = {3, 3, 22, 22};
    for (size_t i = 0; i < count; i++) {
        float x[28 * 28];
        const nn_image small = nn_image_floats(pixels[i], nn_shape_image(HIGH, WIDE, 1));
        stop_unless(nn_dataset_gather(x, NULL, NULL, NULL, d, &which[i], 1), NULL);
        stop_unless(nn_image_resized_crop(small, nn_image_floats(x, d->shape), middle, NULL), NULL);
    }
    for (size_t row = 0; row < HIGH; row++) {
        for (size_t i = 0; i < count; i++) {
            printf("  ");
            for (size_t k = 0; k < WIDE; k++) putchar(" .:-=+*#%@"[(int)(9.99f * pixels[i][row * WIDE + k])]);
        }
        putchar('\n');
    }
    for (size_t i = 0; i < count; i++) {
        const float *q = p + which[i] * CLASSES;
        const size_t said = nn_argmax(q, CLASSES), is = d->labels[nn_dataset_row(d, which[i])];
        char text[64];
        if (said == is) snprintf(text, sizeof text, "%zu, %.1f %% sure", said, 100.0 * (double)q[said]);
        else snprintf(text, sizeof text, "%zu, %.0f %% sure; a %zu", said, 100.0 * (double)q[said], is);
        printf("  %-*.*s", WIDE, WIDE, text);
    }
    printf("\n");
}

/* The wrong answers that the network is surest of; returns how many there are, up to SHOWN. */
static size_t worst_mistakes(size_t *which, const nn_dataset *d, const float *p) {
    size_t count = 0;
    for (size_t i = 0; i < d->count; i++) {
        const size_t said = nn_argmax(p + i * CLASSES, CLASSES);
        if (said == d->labels[nn_dataset_row(d, i)]) continue;
        size_t at = count < SHOWN ? count++ : SHOWN;
        for (; at > 0; at--) { /* insertion into a list of SHOWN, the surest first */
            const size_t before = which[at - 1];
            if (nn_max(p + before * CLASSES, CLASSES) >= p[i * CLASSES + said]) break;
            if (at < SHOWN) which[at] = before;
        }
        if (at < SHOWN) which[at] = i;
    }
    return count;
}

static void look(nn_model *m, const nn_dataset *test) {
    const size_t first[SHOWN] = {0, 1, 2, 3};
    size_t worst[SHOWN];
    float *p = malloc(test->count * CLASSES * sizeof *p);
    if (!p) stop_unless(NN_ERROR_MEMORY, NULL);
    stop_unless(nn_predict_dataset(m, p, test), nn_error(m));
    printf("\nsome of them:\n\n");
    draw_digits(test, first, SHOWN, p);
    const size_t mistakes = worst_mistakes(worst, test, p);
    printf(mistakes ? "\nthe worst mistakes:\n\n" : "\nno mistakes\n");
    draw_digits(test, worst, mistakes, p);
    free(p);
}

static void measure(nn_model *m, const nn_dataset *test) {
    float x[28 * 28], p[CLASSES], *all = malloc(test->count * CLASSES * sizeof *all);
    double best = 1e9;
    if (!all) stop_unless(NN_ERROR_MEMORY, NULL);
    for (size_t i = 0; i < full_or_quick(1000, 10); i++) {
        const size_t which = i % test->count;
        stop_unless(nn_dataset_gather(x, NULL, NULL, NULL, test, &which, 1), NULL);
        const double start = seconds();
        stop_unless(nn_predict(m, p, x, 1), nn_error(m));
        const double took = seconds() - start;
        if (took < best) best = took;
    }
    const double start = seconds();
    stop_unless(nn_predict_dataset(m, all, test), nn_error(m));
    printf("one image takes %.1f us; many, %.0f images a second\n", 1e6 * best, (double)test->count / (seconds() - start));
    free(all);
}

static double accuracy(nn_model *m, const nn_dataset *test) {
    nn_evaluation e;
    stop_unless(nn_evaluate(m, test, &e), nn_error(m));
    return 100.0 * (double)e.accuracy;
}

int main(int count, char **arguments) {
    char model[512], image[512];
    snprintf(model, sizeof model, "%s/digits.safetensors", count > 1 ? arguments[1] : ".");
    snprintf(image, sizeof image, "%s/digit.pgm", count > 1 ? arguments[1] : ".");
    stop_unless(nn_isa_status(), NULL);
    nn_threads(2);
    printf("nn.h %s: kernels for %s, exp and log from %s, %zu thread%s\n", NN_VERSION, nn_isa(), nn_maths_backend(),
           nn_threads_in_use(), nn_threads_in_use() == 1 ? "" : "s");

    nn_dataset train, test;
    const char *source = load_digits(&train, full_or_quick(60000, 200), &test, full_or_quick(10000, 40));
    printf("%s: %zu to learn from, %zu to test with\n\n", source, train.count, test.count);
    const nn_dataset learned = nn_dataset_range(&train, 0, train.count * 9 / 10); /* the rest shows how well it goes meanwhile */
    const nn_dataset watched = nn_dataset_range(&train, learned.count, train.count);
    nn_model *m = learn(&learned, &watched);
    print_confusion(m, &test);
    look(m, &test);

    nn_model *loaded;
    nn_report report;
    const double before = accuracy(m, &test);
    stop_unless(nn_model_save(m, model), nn_error(m));
    stop_unless(nn_save_pnm(image, &test, 0, 8, &report), report.sentence);
    stop_unless(nn_model_load(&loaded, model, NULL, &report), report.sentence);
    printf("\ntest accuracy %.2f %%, and %.2f %% after saving and loading %s\n", before, accuracy(loaded, &test), model);
    measure(loaded, &test);
    nn_model_free(m);
    nn_model_free(loaded);
    nn_dataset_free(&train);
    nn_dataset_free(&test);
    return 0;
}
