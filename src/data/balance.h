/* balance.h - how many samples each class has, and making that even */
#ifndef NN_BALANCE_H
#define NN_BALANCE_H

#include "dataset.h"

/* Samples of each class: counts[d->classes]. */
NN_API NN_MUST_USE nn_status nn_dataset_class_counts(size_t *counts, const nn_dataset *d);

/* A weight for each class, w[d->classes], that makes all classes count alike in a loss: count / (classes present * samples of
 * it), 0 for a class without samples. The mean over the samples is 1. */
NN_API NN_MUST_USE nn_status nn_dataset_class_weights(float *w, const nn_dataset *d);

typedef enum nn_balance {
    NN_BALANCE_OVER, /* as many of each class as the largest has: its samples several times, none more than once oftener than
                        another */
    NN_BALANCE_UNDER /* as many of each class as the smallest has: some of its samples, none twice */
} nn_balance;

/* A view with as many samples of every class that has any, chosen and shuffled by seed. view may be d. */
NN_API NN_MUST_USE nn_status nn_dataset_balance(nn_dataset *view, const nn_dataset *d, nn_balance how, uint64_t seed);

/* The same with counts[c] samples of class c; a class without samples cannot give any. */
NN_API NN_MUST_USE nn_status nn_dataset_resample(nn_dataset *view, const nn_dataset *d, const size_t *counts, uint64_t seed);

#ifdef NN_IMPLEMENTATION

#include "../random.h"
#include "view.h"

NN_API nn_status nn_dataset_class_counts(size_t *counts, const nn_dataset *d) {
    if (!counts || !d || !d->labels) return NN_ERROR_NULL;
    for (size_t i = 0; i < d->count; i++)
        if (d->labels[nn_dataset_row(d, i)] >= d->classes) return NN_ERROR_LABEL;
    memset(counts, 0, d->classes * sizeof *counts);
    for (size_t i = 0; i < d->count; i++) counts[d->labels[nn_dataset_row(d, i)]]++;
    return NN_OK;
}

NN_API nn_status nn_dataset_class_weights(float *w, const nn_dataset *d) {
    if (!w || !d) return NN_ERROR_NULL;
    size_t *counts = (size_t *)nni_alloc(d->allocator, d->classes, sizeof *counts), present = 0;
    if (!counts) return NN_ERROR_MEMORY;
    const nn_status status = nn_dataset_class_counts(counts, d);
    for (size_t c = 0; status == NN_OK && c < d->classes; c++) present += counts[c] > 0;
    for (size_t c = 0; status == NN_OK && c < d->classes; c++)
        w[c] = counts[c] ? (float)((double)d->count / ((double)present * (double)counts[c])) : 0.0f;
    nni_free(d->allocator, counts);
    return status;
}

/* `want` of the `have` samples in `of`, drawn into y: each want / have times, and some that are drawn once more. */
static void nni_resample_class(size_t *y, size_t want, size_t *of, size_t have, nn_random *random) {
    for (size_t i = 0; i < want; i++) {
        const size_t left = i % have; /* a new round begins when all have had their turn */
        const size_t j = left + (size_t)nn_random_below(have - left, random);
        const size_t chosen = of[j];
        of[j] = of[left];
        of[left] = chosen;
        y[i] = chosen;
    }
}

/* Rows of d by class into `sorted`, the first of class c at begin[c]. */
static void nni_sort_by_class(size_t *sorted, size_t *begin, const size_t *have, const nn_dataset *d) {
    for (size_t c = 0, at = 0; c < d->classes; at += have[c++]) begin[c] = at;
    for (size_t i = 0; i < d->count; i++) sorted[begin[d->labels[nn_dataset_row(d, i)]]++] = nn_dataset_row(d, i);
    for (size_t c = 0; c < d->classes; c++) begin[c] -= have[c];
}

static nn_status nni_resample(nn_dataset *view, const nn_dataset *d, const size_t *want, const size_t *have, size_t *begin,
                              size_t *sorted, uint64_t seed) {
    size_t total = 0, *rows;
    for (size_t c = 0; c < d->classes; c++) {
        if (want[c] && !have[c]) return NN_ERROR_ARGUMENT;
        if (__builtin_add_overflow(total, want[c], &total)) return NN_ERROR_SIZE;
    }
    nn_dataset made;
    const nn_status status = nni_view_new(&made, &rows, d, total);
    if (status != NN_OK) return status;
    nn_random random = {seed, 0, 0};
    nni_sort_by_class(sorted, begin, have, d);
    for (size_t c = 0, at = 0; c < d->classes; at += want[c++])
        if (want[c]) nni_resample_class(rows + at, want[c], sorted + begin[c], have[c], &random);
    for (size_t i = total; i > 1; i--) { /* Fisher and Yates */
        const size_t j = (size_t)nn_random_below(i, &random), row = rows[i - 1];
        rows[i - 1] = rows[j];
        rows[j] = row;
    }
    nni_view_give(view, d, &made);
    return NN_OK;
}

/* As many of each class: those of the largest or smallest that has any. */
static void nni_balance_counts(size_t *want, const size_t *have, size_t classes, nn_balance how) {
    size_t most = 0, least = SIZE_MAX;
    for (size_t c = 0; c < classes; c++) {
        most = nni_max(most, have[c]);
        if (have[c]) least = nni_min(least, have[c]);
    }
    for (size_t c = 0; c < classes; c++) want[c] = !have[c] ? 0 : how == NN_BALANCE_OVER ? most : least;
}

/* counts NULL: as `how` says. */
static nn_status nni_balance(nn_dataset *view, const nn_dataset *d, const size_t *counts, nn_balance how, uint64_t seed) {
    if (!view || !d || !d->labels) return NN_ERROR_NULL;
    if (how != NN_BALANCE_OVER && how != NN_BALANCE_UNDER) return NN_ERROR_ARGUMENT;
    size_t *work = (size_t *)nni_alloc(d->allocator, d->classes, 3 * sizeof *work);
    size_t *sorted = (size_t *)nni_alloc(d->allocator, d->count, sizeof *sorted);
    nn_status status = work && sorted ? nn_dataset_class_counts(work, d) : NN_ERROR_MEMORY;
    if (status == NN_OK) {
        size_t *have = work, *want = work + d->classes, *begin = want + d->classes;
        if (counts) memcpy(want, counts, d->classes * sizeof *want);
        else nni_balance_counts(want, have, d->classes, how);
        const nn_allocator *allocator = d->allocator; /* d may be the view */
        status = nni_resample(view, d, want, have, begin, sorted, seed);
        nni_free(allocator, work);
        nni_free(allocator, sorted);
        return status;
    }
    nni_free(d->allocator, work);
    nni_free(d->allocator, sorted);
    return status;
}

NN_API nn_status nn_dataset_balance(nn_dataset *view, const nn_dataset *d, nn_balance how, uint64_t seed) {
    return nni_balance(view, d, NULL, how, seed);
}
NN_API nn_status nn_dataset_resample(nn_dataset *view, const nn_dataset *d, const size_t *counts, uint64_t seed) {
    return counts ? nni_balance(view, d, counts, NN_BALANCE_OVER, seed) : NN_ERROR_NULL;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_BALANCE_H */
