/* encode.h - classes as numbers: one-hot, binary code, and names */
#ifndef NN_ENCODE_H
#define NN_ENCODE_H

#include "../alloc.h"
#include "../status.h"

/* y[i*classes + j] = (j == labels[i]): n rows. NN_ERROR_LABEL, and nothing written, if a label is not below classes. */
NN_API NN_MUST_USE nn_status nn_one_hot(float *y, const uint32_t *labels, size_t n, size_t classes);

/* The bits that tell `classes` classes apart: the logarithm to the base 2, rounded up; 1 for one class. */
NN_API size_t nn_binary_code_bits(size_t classes);

/* Rows of that many 0 and 1, the highest bit first: of four classes, class 2 is 1, 0. */
NN_API NN_MUST_USE nn_status nn_binary_code(float *y, const uint32_t *labels, size_t n, size_t classes);

/* Back from codes, or from outputs near them: a bit is 1 above 0.5. Codes that no class has become the last class. */
NN_API void nn_binary_decode(uint32_t *labels, const float *y, size_t n, size_t classes);

/* Names and numbers for each other. names[k] is the name of class k; all are different, and sorted: whole numbers by value,
 * before all other names by their bytes. */
typedef struct nn_categories {
    size_t count;
    const char *const *names;
    struct nni_shared *memory;
} nn_categories;

/* The different ones among n texts. */
NN_API NN_MUST_USE nn_status nn_categories_of(nn_categories *c, const char *const *texts, size_t n,
                                              const nn_allocator *allocator);
NN_API void nn_categories_free(nn_categories *c); /* NULL and {0} are fine */

/* The number of a name; c->count if it is not there. */
NN_API size_t nn_categories_find(const nn_categories *c, const char *text);

/* The numbers of n texts. NN_ERROR_LABEL, and nothing written, if one is not there. Back it is c->names[label]. */
NN_API NN_MUST_USE nn_status nn_categories_encode(uint32_t *labels, const nn_categories *c, const char *const *texts, size_t n);

#ifdef NN_IMPLEMENTATION

#include "view.h"

#include <stdlib.h>

static int nni_labels_below(const uint32_t *labels, size_t n, size_t classes) {
    for (size_t i = 0; i < n; i++)
        if (labels[i] >= classes) return 0;
    return 1;
}

/* One row each. */
static void nni_one_hot_row(float *y, size_t label, size_t classes) {
    for (size_t j = 0; j < classes; j++) y[j] = j == label ? 1.0f : 0.0f;
}
static void nni_binary_row(float *y, size_t label, size_t bits) {
    for (size_t j = 0; j < bits; j++) y[j] = label >> (bits - 1 - j) & 1 ? 1.0f : 0.0f;
}

NN_API nn_status nn_one_hot(float *y, const uint32_t *labels, size_t n, size_t classes) {
    if (n && (!y || !labels)) return NN_ERROR_NULL;
    if (!nni_labels_below(labels, n, classes)) return NN_ERROR_LABEL;
    for (size_t i = 0; i < n; i++) nni_one_hot_row(y + i * classes, labels[i], classes);
    return NN_OK;
}

NN_API size_t nn_binary_code_bits(size_t classes) {
    size_t bits = 1;
    while (bits < 8 * sizeof classes && (classes - (classes > 0)) >> bits) bits++;
    return bits;
}

NN_API nn_status nn_binary_code(float *y, const uint32_t *labels, size_t n, size_t classes) {
    const size_t bits = nn_binary_code_bits(classes);
    if (n && (!y || !labels)) return NN_ERROR_NULL;
    if (!nni_labels_below(labels, n, classes)) return NN_ERROR_LABEL;
    for (size_t i = 0; i < n; i++) nni_binary_row(y + i * bits, labels[i], bits);
    return NN_OK;
}

NN_API void nn_binary_decode(uint32_t *labels, const float *y, size_t n, size_t classes) {
    const size_t bits = nn_binary_code_bits(classes);
    for (size_t i = 0; i < n; i++) {
        size_t label = 0;
        for (size_t j = 0; j < bits; j++) label = label << 1 | (size_t)(y[i * bits + j] > 0.5f);
        labels[i] = (uint32_t)(label < classes ? label : classes - (classes > 0));
    }
}

/* ---- names ---- */

/* A whole number without sign or leading zeros, of up to 18 digits; -1: none. */
static int64_t nni_whole(const char *text) {
    int64_t value = 0;
    size_t n = strlen(text);
    if (!n || n > 18 || (n > 1 && *text == '0')) return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return -1;
        value = 10 * value + (*text - '0');
    }
    return value;
}

static int nni_compare_categories(const void *a, const void *b) {
    const char *first = *(const char *const *)a, *second = *(const char *const *)b;
    const int64_t x = nni_whole(first), y = nni_whole(second);
    if (x >= 0 && y >= 0) return (x > y) - (x < y);
    if (x >= 0 || y >= 0) return x >= 0 ? -1 : 1;
    return strcmp(first, second);
}

/* Sorts and leaves out what comes twice: how many are left. */
static size_t nni_sort_categories(const char **names, size_t n) {
    size_t count = 0;
    if (n) qsort(names, n, sizeof *names, nni_compare_categories);
    for (size_t i = 0; i < n; i++)
        if (!i || strcmp(names[i], names[count - 1]) != 0) names[count++] = names[i];
    return count;
}

/* The place of a text among sorted names, or where it would be inserted. */
static size_t nni_find_category(const char *const *names, size_t count, const char *text, int *found) {
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = nni_compare_categories(&text, &names[middle]);
        if (order == 0) {
            *found = 1;
            return middle;
        }
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    *found = 0;
    return low;
}

NN_API nn_status nn_categories_of(nn_categories *c, const char *const *texts, size_t n, const nn_allocator *allocator) {
    if (!c || (n && !texts)) return NN_ERROR_NULL;
    memset(c, 0, sizeof *c);
    const char **sorted = (const char **)nni_alloc(allocator, n, sizeof *sorted);
    nni_shared *memory = sorted ? nni_shared_new(allocator, NULL) : NULL;
    if (memory) {
        if (n) memcpy(sorted, texts, n * sizeof *sorted);
        c->count = nni_sort_categories(sorted, n);
        c->names = (const char *const *)nni_names_copy(memory, sorted, c->count);
        c->memory = memory;
    }
    nni_free(allocator, sorted);
    if (c->names) return NN_OK;
    nn_categories_free(c);
    return NN_ERROR_MEMORY;
}

NN_API void nn_categories_free(nn_categories *c) {
    if (!c) return;
    nni_shared_drop(c->memory);
    memset(c, 0, sizeof *c);
}

NN_API size_t nn_categories_find(const nn_categories *c, const char *text) {
    int found;
    const size_t at = nni_find_category(c->names, c->count, text, &found);
    return found ? at : c->count;
}

NN_API nn_status nn_categories_encode(uint32_t *labels, const nn_categories *c, const char *const *texts, size_t n) {
    if (!c || (n && (!labels || !texts))) return NN_ERROR_NULL;
    for (size_t i = 0; i < n; i++)
        if (nn_categories_find(c, texts[i]) == c->count) return NN_ERROR_LABEL;
    for (size_t i = 0; i < n; i++) labels[i] = (uint32_t)nn_categories_find(c, texts[i]);
    return NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_ENCODE_H */
