/* split.h - a dataset in parts without a sample twice: for training, validation and test, and for cross-validation */
#ifndef NN_SPLIT_H
#define NN_SPLIT_H

#include "dataset.h"

/* How samples are shared out; zero: shuffled by seed 0, classes as chance has it. */
typedef struct nn_split_desc {
    uint64_t seed;
    int stratified; /* each part has its share of each class, to within one or two samples of every class; needs labels */
    int in_order;   /* not shuffled: the first samples are the first part's (stratified: of each class); parts keep the order */
} nn_split_desc;

/* Views of d in n parts, as large as the shares are to each other: {80, 10, 10}, or {0.6, 0.2, 0.2}. Every sample is in one
 * part; sizes are rounded to the nearest, so that they add up. Shares are finite and not negative, some are positive. desc may
 * be NULL. */
NN_API NN_MUST_USE nn_status nn_dataset_split(nn_dataset *parts, const nn_dataset *d, const double *shares, size_t n,
                                              const nn_split_desc *desc);

/* The same in parts of these sizes; what is left over is in none. */
NN_API NN_MUST_USE nn_status nn_dataset_split_counts(nn_dataset *parts, const nn_dataset *d, const size_t *counts, size_t n,
                                                     const nn_split_desc *desc);

/* Fold `fold` of `folds` (from 2 to d->count) for cross-validation: `test` is that fold, `train` all the others. With the same
 * desc the folds are disjoint and make up d; their sizes differ by one at most. */
NN_API NN_MUST_USE nn_status nn_dataset_fold(nn_dataset *train, nn_dataset *test, const nn_dataset *d, size_t fold,
                                             size_t folds, const nn_split_desc *desc);

#ifdef NN_IMPLEMENTATION

#include "../random.h"
#include "view.h"

/* Samples in the order in which they are shared out, and the part of each. */
typedef struct nni_deal {
    size_t *order, *part; /* part: of order[i] */
    size_t count;
} nni_deal;

static void nni_deal_free(nni_deal *deal, const nn_allocator *allocator) {
    nni_free(allocator, deal->order);
    nni_free(allocator, deal->part);
}

/* Who is next: the part that lacks most of its share of the first `dealt` samples. So the parts are filled evenly all along,
 * and at the end each has what it should: one above its share could not lack most. The differences are exact. */
static size_t nni_deal_next(const size_t *wanted, const size_t *got, size_t parts, size_t dealt, size_t count) {
    __extension__ typedef __int128 nni_int128;
    size_t best = 0;
    nni_int128 most = 0;
    for (size_t k = 0; k < parts; k++) {
        const nni_int128 lacks = (nni_int128)wanted[k] * dealt - (nni_int128)got[k] * count;
        if (k == 0 || lacks > most) {
            most = lacks;
            best = k;
        }
    }
    return best;
}

/* Each class by itself in the present order, evenly into all parts, one class after the other. at: classes + 1 places. */
static void nni_deal_classes(nni_deal *deal, const nn_dataset *d, const size_t *wanted, size_t *got, size_t parts, size_t *at,
                             size_t *sorted) {
    memset(at, 0, (d->classes + 1) * sizeof *at);
    for (size_t i = 0; i < deal->count; i++) at[d->labels[nn_dataset_row(d, i)] + 1]++;
    for (size_t c = 0; c < d->classes; c++) at[c + 1] += at[c];
    for (size_t i = 0; i < deal->count; i++) sorted[at[d->labels[nn_dataset_row(d, deal->order[i])]]++] = i;
    memset(got, 0, parts * sizeof *got);
    for (size_t i = 0; i < deal->count; i++) {
        const size_t k = nni_deal_next(wanted, got, parts, i + 1, deal->count);
        got[k]++;
        deal->part[sorted[i]] = k;
    }
}

/* The stretches of the order, one after the other. */
static void nni_deal_stretches(nni_deal *deal, const size_t *wanted, size_t parts) {
    for (size_t k = 0, i = 0; k < parts; k++)
        for (size_t j = 0; j < wanted[k]; j++) deal->part[i++] = k;
}

/* wanted: sizes of the parts, which add up to d->count. */
static nn_status nni_deal_new(nni_deal *deal, const nn_dataset *d, const size_t *wanted, size_t parts,
                              const nn_split_desc *desc) {
    static const nn_split_desc usual = {0, 0, 0};
    if (!desc) desc = &usual;
    if (desc->stratified && !d->labels) return NN_ERROR_NULL;
    for (size_t i = 0; desc->stratified && i < d->count; i++)
        if (d->labels[nn_dataset_row(d, i)] >= d->classes) return NN_ERROR_LABEL;
    deal->count = d->count;
    deal->order = (size_t *)nni_alloc(d->allocator, d->count, sizeof(size_t));
    deal->part = (size_t *)nni_alloc(d->allocator, d->count, sizeof(size_t));
    size_t *at = desc->stratified ? (size_t *)nni_alloc(d->allocator, d->classes + 1, sizeof(size_t)) : NULL;
    size_t *got = desc->stratified ? (size_t *)nni_alloc(d->allocator, parts, sizeof(size_t)) : NULL;
    size_t *sorted = desc->stratified ? (size_t *)nni_alloc(d->allocator, d->count, sizeof(size_t)) : NULL;
    const int room = deal->order && deal->part && (!desc->stratified || (at && got && sorted));
    if (room) {
        nn_random random = {desc->seed, 0, 0};
        if (desc->in_order)
            for (size_t i = 0; i < d->count; i++) deal->order[i] = i;
        else nn_random_permutation(deal->order, d->count, &random);
        if (desc->stratified) nni_deal_classes(deal, d, wanted, got, parts, at, sorted);
        else nni_deal_stretches(deal, wanted, parts);
    } else nni_deal_free(deal, d->allocator);
    nni_free(d->allocator, at);
    nni_free(d->allocator, got);
    nni_free(d->allocator, sorted);
    return room ? NN_OK : NN_ERROR_MEMORY;
}

/* The samples of part k, or with `others` all but those. */
static nn_status nni_deal_view(nn_dataset *view, const nn_dataset *d, const nni_deal *deal, size_t k, size_t count,
                               int others) {
    size_t *rows, n = 0;
    const nn_status status = nni_view_new(view, &rows, d, count);
    for (size_t i = 0; status == NN_OK && i < deal->count; i++)
        if ((deal->part[i] == k) != others) rows[n++] = nn_dataset_row(d, deal->order[i]);
    return status;
}

/* counts has n + 1 elements, which add up to d->count: the last is what is left over. */
static nn_status nni_split(nn_dataset *parts, const nn_dataset *d, const size_t *counts, size_t n, const nn_split_desc *desc) {
    nni_deal deal;
    nn_status status = nni_deal_new(&deal, d, counts, n + 1, desc);
    if (status != NN_OK) return status;
    size_t made = 0;
    while (made < n && status == NN_OK) {
        status = nni_deal_view(&parts[made], d, &deal, made, counts[made], 0);
        if (status == NN_OK) made++;
    }
    if (status != NN_OK) {
        while (made) nn_dataset_free(&parts[--made]);
        memset(parts, 0, n * sizeof *parts);
    }
    nni_deal_free(&deal, d->allocator);
    return status;
}

NN_API nn_status nn_dataset_split_counts(nn_dataset *parts, const nn_dataset *d, const size_t *counts, size_t n,
                                         const nn_split_desc *desc) {
    if (!parts || !d || !counts) return NN_ERROR_NULL;
    size_t left = d->count;
    for (size_t k = 0; k < n; k++) {
        if (counts[k] > left) return NN_ERROR_ARGUMENT;
        left -= counts[k];
    }
    size_t *sizes = (size_t *)nni_alloc(d->allocator, n + 1, sizeof *sizes);
    if (!sizes) return NN_ERROR_MEMORY;
    memcpy(sizes, counts, n * sizeof *sizes);
    sizes[n] = left;
    const nn_status status = nni_split(parts, d, sizes, n, desc);
    nni_free(d->allocator, sizes);
    return status;
}

NN_API nn_status nn_dataset_split(nn_dataset *parts, const nn_dataset *d, const double *shares, size_t n,
                                  const nn_split_desc *desc) {
    if (!parts || !d || !shares) return NN_ERROR_NULL;
    double sum = 0, before = 0;
    for (size_t k = 0; k < n; k++) {
        if (!(shares[k] >= 0)) return NN_ERROR_ARGUMENT;
        sum += shares[k];
    }
    if (!(sum > 0 && sum - sum == 0)) return NN_ERROR_ARGUMENT;
    size_t *sizes = (size_t *)nni_alloc(d->allocator, n, sizeof *sizes);
    if (!sizes) return NN_ERROR_MEMORY;
    for (size_t k = 0, from = 0; k < n; k++) { /* the ends are rounded, and the sizes lie between them */
        before += shares[k];
        const size_t end = k + 1 < n ? nni_min((size_t)(before / sum * (double)d->count + 0.5), d->count) : d->count;
        sizes[k] = end - from;
        from = end;
    }
    const nn_status status = nn_dataset_split_counts(parts, d, sizes, n, desc);
    nni_free(d->allocator, sizes);
    return status;
}

NN_API nn_status nn_dataset_fold(nn_dataset *train, nn_dataset *test, const nn_dataset *d, size_t fold, size_t folds,
                                 const nn_split_desc *desc) {
    if (!train || !test || !d) return NN_ERROR_NULL;
    if (folds < 2 || folds > d->count || fold >= folds) return NN_ERROR_ARGUMENT;
    size_t *sizes = (size_t *)nni_alloc(d->allocator, folds, sizeof *sizes);
    if (!sizes) return NN_ERROR_MEMORY;
    for (size_t k = 0; k < folds; k++) sizes[k] = d->count / folds + (k < d->count % folds);
    nni_deal deal;
    nn_status status = nni_deal_new(&deal, d, sizes, folds, desc);
    if (status == NN_OK) {
        nn_dataset first, second;
        status = nni_deal_view(&first, d, &deal, fold, d->count - sizes[fold], 1);
        if (status == NN_OK) {
            status = nni_deal_view(&second, d, &deal, fold, sizes[fold], 0);
            if (status == NN_OK) {
                *train = first;
                *test = second;
            } else nn_dataset_free(&first);
        }
        nni_deal_free(&deal, d->allocator);
    }
    nni_free(d->allocator, sizes);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_SPLIT_H */
