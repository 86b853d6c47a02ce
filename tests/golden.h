/* golden.h - values that others computed: named arrays from tests/golden/AREA.torch.txt, which tests/torch/AREA.py writes with
 * PyTorch, or any other file of that form
 *
 *   golden_open("norm");
 *   size_t n;
 *   const float *y = golden("batch_norm.y", &n);
 *   CHECK(golden_close(mine, "batch_norm.y", 1e-5));
 */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "test.h"

#define TOL_TORCH 1e-5 /* of the largest element of the array: both sides round every step to floats */

typedef struct golden_array {
    char name[64];
    size_t n;
    float *values;
} golden_array;

static golden_array golden_arrays[1024];
static size_t golden_count;

/* Reads a file, its path from the folder of the project, where the tests run. */
static inline void golden_open_file(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) {
        printf("cannot open %s: the tests run in the folder of the project\n", path);
        abort();
    }
    golden_count = 0;
    golden_array *a = golden_arrays;
    for (; fscanf(file, "%63s %zu", a->name, &a->n) == 2; a++, golden_count++) {
        if (golden_count == COUNT(golden_arrays) || !(a->values = (float *)malloc(a->n * sizeof(float) + 1))) abort();
        for (size_t i = 0; i < a->n; i++)
            if (fscanf(file, "%f", &a->values[i]) != 1) abort();
    }
    if (!feof(file)) abort();
    fclose(file);
}

static inline void golden_open(const char *area) {
    char path[256];
    snprintf(path, sizeof path, "tests/golden/%s.torch.txt", area);
    golden_open_file(path);
}

static inline const float *golden(const char *name, size_t *n) {
    for (size_t i = 0; i < golden_count; i++)
        if (strcmp(golden_arrays[i].name, name) == 0) {
            if (n) *n = golden_arrays[i].n;
            return golden_arrays[i].values;
        }
    printf("no golden array is named %s\n", name);
    abort();
}

/* Whether every element of mine differs from the golden one by at most tolerance * the largest of the array (or 1e-6). */
static inline int golden_close(const float *mine, const char *name, double tolerance) {
    size_t n, worst = 0;
    const float *theirs = golden(name, &n);
    double top = 1e-6, error = 0;
    for (size_t i = 0; i < n; i++) top = fmax(top, fabs((double)theirs[i]));
    for (size_t i = 0; i < n; i++) {
        const double e = fabs((double)mine[i] - (double)theirs[i]) / top;
        if (!(e <= error)) error = e, worst = i;
    }
    if (n && !(error <= tolerance))
        printf("%s[%zu]: %.9g, golden %.9g\n", name, worst, (double)mine[worst], (double)theirs[worst]);
    return error <= tolerance;
}

#endif /* GOLDEN_H */
