/* view.h - parts of a dataset in any order, without a copy of the samples; and datasets joined, with one */
#ifndef NN_VIEW_H
#define NN_VIEW_H

#include "dataset.h"

/* In all of these `view` may be d itself, which it then replaces. Where they fail, view is as it was. A view holds d's memory
 * (not d), and costs a size_t a sample. */

/* The samples which[0..n), in that order, as often as they are named. */
NN_API NN_MUST_USE nn_status nn_dataset_select(nn_dataset *view, const nn_dataset *d, const size_t *which, size_t n);

/* `count` samples from `first` on, or as many as there are. Costs nothing and cannot fail; free it like all others. */
NN_API nn_dataset nn_dataset_range(const nn_dataset *d, size_t first, size_t count);

/* All samples in an order that follows from the seed. */
NN_API NN_MUST_USE nn_status nn_dataset_shuffle(nn_dataset *view, const nn_dataset *d, uint64_t seed);

/* The samples that `keep` says yes to, in their order. */
NN_API NN_MUST_USE nn_status nn_dataset_filter(nn_dataset *view, const nn_dataset *d,
                                               int (*keep)(const nn_dataset *d, size_t i, void *user), void *user);

/* The samples of one class, in their order. */
NN_API NN_MUST_USE nn_status nn_dataset_of_class(nn_dataset *view, const nn_dataset *d, uint32_t label);

/* One after another, copied. They must have the same shape and the same kinds of things: floats or bytes, labels of as many
 * classes, targets of one size; weights that one lacks are 1. Names are those of the first. `to` may be one of them. With n = 1
 * it is a copy that lies in memory in the order of its samples, which batches are gathered from faster. */
NN_API NN_MUST_USE nn_status nn_dataset_join(nn_dataset *to, const nn_dataset *const *parts, size_t n);

#ifdef NN_IMPLEMENTATION

#include "../random.h"

/* A view of n samples whose rows the caller then writes into *rows; the memory is above d's. */
static nn_status nni_view_new(nn_dataset *view, size_t **rows, const nn_dataset *d, size_t n) {
    nni_shared *memory = nni_shared_new(d->allocator, d->memory);
    if (!memory) return NN_ERROR_MEMORY;
    *rows = (size_t *)nni_shared_take(memory, n, sizeof **rows);
    if (!*rows) {
        nni_shared_drop(memory);
        return NN_ERROR_MEMORY;
    }
    *view = *d;
    view->count = n;
    view->rows = *rows;
    view->memory = memory;
    return NN_OK;
}

/* The result of a call that `to` asked for, where `to` may be one of the inputs. */
static void nni_view_give(nn_dataset *to, const nn_dataset *from, const nn_dataset *made) {
    nn_dataset old = *from;
    if (to == from) nni_shared_drop(old.memory);
    *to = *made;
}

NN_API nn_status nn_dataset_select(nn_dataset *view, const nn_dataset *d, const size_t *which, size_t n) {
    if (!view || !d || (n && !which)) return NN_ERROR_NULL;
    for (size_t i = 0; i < n; i++)
        if (which[i] >= d->count) return NN_ERROR_ARGUMENT;
    nn_dataset made;
    size_t *rows;
    const nn_status status = nni_view_new(&made, &rows, d, n);
    if (status != NN_OK) return status;
    for (size_t i = 0; i < n; i++) rows[i] = nn_dataset_row(d, which[i]);
    nni_view_give(view, d, &made);
    return NN_OK;
}

NN_API nn_dataset nn_dataset_range(const nn_dataset *d, size_t first, size_t count) {
    nn_dataset part = nn_dataset_share(d);
    first = nni_min(first, d->count);
    part.count = nni_min(count, d->count - first);
    const size_t size = nn_shape_size(d->shape);
    if (d->rows) part.rows += first;
    else {
        if (d->floats) part.floats += first * size;
        if (d->bytes) part.bytes += first * size;
        if (d->labels) part.labels += first;
        if (d->targets) part.targets += first * d->target_size;
        if (d->weights) part.weights += first;
    }
    return part;
}

NN_API nn_status nn_dataset_shuffle(nn_dataset *view, const nn_dataset *d, uint64_t seed) {
    if (!view || !d) return NN_ERROR_NULL;
    nn_dataset made;
    size_t *rows;
    const nn_status status = nni_view_new(&made, &rows, d, d->count);
    if (status != NN_OK) return status;
    nn_random random = {seed, 0, 0};
    nn_random_permutation(rows, d->count, &random);
    for (size_t i = 0; i < d->count; i++) rows[i] = nn_dataset_row(d, rows[i]);
    nni_view_give(view, d, &made);
    return NN_OK;
}

NN_API nn_status nn_dataset_filter(nn_dataset *view, const nn_dataset *d,
                                   int (*keep)(const nn_dataset *d, size_t i, void *user), void *user) {
    if (!view || !d || !keep) return NN_ERROR_NULL;
    nn_dataset made;
    size_t *rows, n = 0;
    const nn_status status = nni_view_new(&made, &rows, d, d->count);
    if (status != NN_OK) return status;
    for (size_t i = 0; i < d->count; i++)
        if (keep(d, i, user)) rows[n++] = nn_dataset_row(d, i);
    made.count = n;
    nni_view_give(view, d, &made);
    return NN_OK;
}

static int nni_is_of_class(const nn_dataset *d, size_t i, void *user) {
    return d->labels[nn_dataset_row(d, i)] == *(const uint32_t *)user;
}

NN_API nn_status nn_dataset_of_class(nn_dataset *view, const nn_dataset *d, uint32_t label) {
    if (!d || !d->labels) return NN_ERROR_NULL;
    if (label >= d->classes) return NN_ERROR_LABEL;
    return nn_dataset_filter(view, d, nni_is_of_class, &label);
}

/* ---- joining ---- */

static nn_status nni_join_check(const nn_dataset *const *parts, size_t n, size_t *count, int *weighted) {
    *count = 0;
    *weighted = 0;
    for (size_t k = 0; k < n; k++) {
        const nn_dataset *a = parts[0], *b = parts[k];
        if (!b || (!b->floats && !b->bytes)) return NN_ERROR_NULL;
        if (!nn_shape_equal(a->shape, b->shape) || !a->floats != !b->floats || !a->labels != !b->labels ||
            a->classes != b->classes || !a->targets != !b->targets || a->target_size != b->target_size)
            return NN_ERROR_SHAPE;
        if (__builtin_add_overflow(*count, b->count, count)) return NN_ERROR_SIZE;
        *weighted |= b->weights != NULL;
    }
    return NN_OK;
}

/* The bytes of a list of names and of the texts. */
static char **nni_names_copy(nni_shared *memory, const char *const *names, size_t n) {
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += strlen(names[i]) + 1;
    char **copy = (char **)nni_shared_take(memory, n + 1, sizeof *copy), *text = (char *)nni_shared_take(memory, bytes, 1);
    if (!copy || !text) return NULL;
    for (size_t i = 0; i < n; i++) {
        const size_t length = strlen(names[i]) + 1;
        copy[i] = (char *)memcpy(text, names[i], length);
        text += length;
    }
    copy[n] = NULL;
    return copy;
}

static int nni_join_names(nn_dataset *made, nni_shared *memory, const nn_dataset *from) {
    if (from->class_names &&
        !(made->class_names = (const char *const *)nni_names_copy(memory, from->class_names, from->classes)))
        return 0;
    if (from->target_names &&
        !(made->target_names = (const char *const *)nni_names_copy(memory, from->target_names, from->target_size)))
        return 0;
    return !from->feature_names ||
           (made->feature_names = (const char *const *)nni_names_copy(memory, from->feature_names, nn_shape_size(from->shape)));
}

/* The arrays of a joined dataset. */
typedef struct nni_join {
    float *floats;
    uint8_t *bytes;
    uint32_t *labels;
    float *targets, *weights;
} nni_join;

static int nni_join_take(nni_join *j, nni_shared *memory, const nn_dataset *like, size_t count, int weighted) {
    size_t values, targets;
    memset(j, 0, sizeof *j);
    if (!nni_mul_size(count, nn_shape_size(like->shape), &values) || !nni_mul_size(count, like->target_size, &targets))
        return 0;
    if (like->floats && !(j->floats = (float *)nni_shared_take(memory, values, sizeof(float)))) return 0;
    if (like->bytes && !(j->bytes = (uint8_t *)nni_shared_take(memory, values, 1))) return 0;
    if (like->labels && !(j->labels = (uint32_t *)nni_shared_take(memory, count, sizeof *j->labels))) return 0;
    if (like->targets && !(j->targets = (float *)nni_shared_take(memory, targets, sizeof(float)))) return 0;
    return !weighted || (j->weights = (float *)nni_shared_take(memory, count, sizeof(float)));
}

/* The samples of d at the front of j, which moves behind them. What j has no place for is left out. */
static void nni_join_copy(nni_join *j, const nn_dataset *d) {
    const size_t size = nn_shape_size(d->shape);
    for (size_t i = 0; i < d->count; i++) {
        const size_t row = nn_dataset_row(d, i);
        if (j->floats) j->floats = (float *)memcpy(j->floats, d->floats + row * size, size * sizeof(float)) + size;
        if (j->bytes) j->bytes = (uint8_t *)memcpy(j->bytes, d->bytes + row * size, size) + size;
        if (j->labels) *j->labels++ = d->labels[row];
        if (j->targets)
            j->targets =
                (float *)memcpy(j->targets, d->targets + row * d->target_size, d->target_size * sizeof(float)) + d->target_size;
        if (j->weights) *j->weights++ = d->weights ? d->weights[row] : 1.0f;
    }
}

NN_API nn_status nn_dataset_join(nn_dataset *to, const nn_dataset *const *parts, size_t n) {
    size_t count;
    int weighted;
    if (!to || (n && !parts)) return NN_ERROR_NULL;
    if (!n) return NN_ERROR_ARGUMENT;
    const nn_status status = nni_join_check(parts, n, &count, &weighted);
    if (status != NN_OK) return status;
    nni_shared *memory = nni_shared_new(parts[0]->allocator, NULL);
    if (!memory) return NN_ERROR_MEMORY;
    nn_dataset made = *parts[0];
    nni_join j;
    if (!nni_join_take(&j, memory, parts[0], count, weighted) || !nni_join_names(&made, memory, parts[0])) {
        nni_shared_drop(memory);
        return NN_ERROR_MEMORY;
    }
    made.count = count;
    made.floats = j.floats;
    made.bytes = j.bytes;
    made.labels = j.labels;
    made.targets = j.targets;
    made.weights = j.weights;
    made.rows = NULL;
    made.memory = memory;
    const nn_dataset *replaced = NULL;
    for (size_t k = 0; k < n; k++) {
        nni_join_copy(&j, parts[k]);
        if (parts[k] == to) replaced = parts[k];
    }
    if (replaced) nn_dataset_free(to);
    *to = made;
    return NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_VIEW_H */
