/* common.h - what several examples share: files of results, pictures drawn by gnuplot, digits to learn from
 *
 * Digits are MNIST's where the environment names a folder with them, NN_DATA=data for data/mnist (compile with -DNN_ZLIB and
 * -lz if they are packed), else drawn by nn.h. NN_QUICK=1 makes every example short: enough to see that it works, not for its figures.
 */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* From some moment on. */
static inline double seconds(void) {
#ifdef TIME_UTC
    struct timespec now;
    return timespec_get(&now, TIME_UTC) ? (double)now.tv_sec + 1e-9 * (double)now.tv_nsec : 0;
#else
    return (double)clock() / CLOCKS_PER_SEC; /* Windows: the time that has passed, not the processor's */
#endif
}

/* The first of two numbers, or the second in a hurry. */
static inline size_t full_or_quick(size_t full, size_t quick) { return getenv("NN_QUICK") ? quick : full; }

static inline void stop_unless(nn_status status, const char *sentence) {
    if (status == NN_OK) return;
    fprintf(stderr, "%s\n", sentence ? sentence : nn_status_message(status));
    exit(1);
}

/* A new file folder/name.ending. */
static inline FILE *create(const char *folder, const char *name, const char *ending) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, ending);
    FILE *file = fopen(path, "w");
    if (!file) perror(path), exit(1);
    return file;
}

/* Writes folder/name.gp, which makes a picture name.png of the data beside it, and lets gnuplot draw it if there is one. */
static inline void draw(const char *folder, const char *name, int width, int height, const char *script) {
    char command[600];
    FILE *gp = create(folder, name, ".gp");
    fprintf(gp, "if (strstrt(GPVAL_TERMINALS, 'pngcairo')) {\n  set terminal pngcairo size %d,%d font 'sans,10'\n} else {\n"
            "  set terminal png size %d,%d\n}\nset output '%s.png'\nset encoding utf8\n%s", width, height, width, height, name, script);
    fclose(gp);
    fflush(stdout);
    snprintf(command, sizeof command, "cd \"%s\" && gnuplot %s.gp", folder, name);
    if (system(command) == 0) printf("drew %s/%s.png\n", folder, name);
    else printf("to draw %s.png, install gnuplot and run: %s\n", name, command);
}

static inline nn_dataset first_of(nn_dataset *all, size_t count) {
    const nn_dataset part = nn_dataset_range(all, 0, count);
    nn_dataset_free(all);
    return part;
}

/* So many digits to train with, and others to test with; says where they are from. */
static inline const char *load_digits(nn_dataset *train, size_t trained, nn_dataset *test, size_t tested) {
    const char *data = getenv("NN_DATA");
    char folder[512];
    nn_report report;
    snprintf(folder, sizeof folder, "%s/mnist", data ? data : "");
    if (data && nn_load_mnist(train, test, folder, NULL, &report) == NN_OK) {
        *train = first_of(train, trained);
        *test = first_of(test, tested);
        return "MNIST";
    }
    if (data) fprintf(stderr, "%s: drawing digits instead\n", report.sentence);
    stop_unless(nn_make_digits(train, 0, trained, 1, NULL), NULL);
    stop_unless(nn_make_digits(test, trained, tested, 1, NULL), NULL);
    return "digits drawn by nn.h";
}

#endif /* EXAMPLES_COMMON_H */
