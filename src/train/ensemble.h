/* ensemble.h - several opinions instead of one: of models, of snapshots of one model, of views of one sample */
#ifndef NN_ENSEMBLE_H
#define NN_ENSEMBLE_H

#include "../graph/run.h"

/* y = the mean of what `count` models say about x, rows of it: of probabilities, for networks that end in them. The models take inputs
 * and give outputs of the same sizes, and may differ otherwise. */
NN_API NN_MUST_USE nn_status nn_predict_ensemble(nn_model *const *models, size_t count, float *y, const float *x, size_t rows);

/* Several ways to look at one sample: make(view, x, index, user) writes view number `index` of the sample x, which has
 * `size` floats; the view has as many as the network takes. The ten crops of an image, say. */
typedef struct nn_views {
    size_t count, size;
    void (*make)(float *view, const float *x, size_t index, void *user);
    void *user;
} nn_views;

/* y = the mean of what the model says about all views of each of `rows` samples. */
NN_API NN_MUST_USE nn_status nn_predict_views(nn_model *model, float *y, const float *x, size_t rows, const nn_views *views);

/* Weights of one model at several times of its training, from a watcher of nn_fit say:
 *
 *   nn_snapshots s = {0};
 *   nn_snapshots_add(&s, m); ...
 *   nn_snapshots_predict(&s, m, y, x, rows);
 *   nn_snapshots_free(&s, m); */
typedef struct nn_snapshots {
    float **values; /* one block of parameters each */
    size_t count, room;
} nn_snapshots;

NN_API NN_MUST_USE nn_status nn_snapshots_add(nn_snapshots *snapshots, nn_model *model);
NN_API void nn_snapshots_free(nn_snapshots *snapshots, const nn_model *model);

/* The model gets the weights of snapshot `index`. */
NN_API NN_MUST_USE nn_status nn_snapshots_use(const nn_snapshots *snapshots, nn_model *model, size_t index);

/* y = the mean of what all snapshots say; the model keeps its weights. */
NN_API NN_MUST_USE nn_status nn_snapshots_predict(const nn_snapshots *snapshots, nn_model *model, float *y, const float *x, size_t rows);

#ifdef NN_IMPLEMENTATION

#include "../graph/build.h"
#include "../maths.h"

static size_t nni_outputs(const nn_model *m) { return nn_shape_size(m->nodes[nni_prediction_node(m) - 1].shape); }
static size_t nni_inputs(const nn_model *m) { return nn_shape_size(m->nodes[nni_first_input(m)].shape); }

/* Opinions are added in order, in floats, and divided by their number at the end. */
static void nni_opinion_add(float *y, const float *opinion, size_t n, size_t index, size_t count) {
    if (index == 0) memcpy(y, opinion, n * sizeof *y);
    else nn_add(y, y, opinion, n);
    if (index + 1 == count) nn_scale(y, y, n, 1.0f / (float)count);
}

static nn_status nni_ensemble_check(nn_model *const *models, size_t count) {
    for (size_t i = 0; i < count; i++) {
        nn_model *m = models[i];
        if (!m) return NN_ERROR_NULL;
        if (!m->built) return nni_report(m, NN_ERROR_ORDER, "nn_predict_ensemble before nn_model_build");
        if (nni_outputs(m) != nni_outputs(models[0]) || nni_inputs(m) != nni_inputs(models[0]))
            return nni_report(m, NN_ERROR_SHAPE, "model %zu of the ensemble takes %zu values and gives %zu, the first %zu and %zu",
                              i + 1, nni_inputs(m), nni_outputs(m), nni_inputs(models[0]), nni_outputs(models[0]));
    }
    return NN_OK;
}

NN_API nn_status nn_predict_ensemble(nn_model *const *models, size_t count, float *y, const float *x, size_t rows) {
    if (!models || !count || (rows && (!x || !y))) return NN_ERROR_NULL;
    nn_status status = nni_ensemble_check(models, count);
    if (status != NN_OK) return status;
    const size_t in = nni_inputs(models[0]), out = nni_outputs(models[0]), part = models[0]->batch;
    const nn_allocator *allocator = nni_allocator_of(models[0]);
    float *opinion = (float *)nni_alloc(allocator, part * out, sizeof *opinion);
    if (!opinion) return nni_no_memory(models[0], "opinions", part * out);
    for (size_t done = 0; done < rows && status == NN_OK; done += part) {
        const size_t some = nni_min(part, rows - done);
        for (size_t i = 0; i < count && status == NN_OK; i++) {
            status = nn_predict(models[i], opinion, x + done * in, some);
            if (status == NN_OK) nni_opinion_add(y + done * out, opinion, some * out, i, count);
        }
    }
    nni_free(allocator, opinion);
    return status;
}

NN_API nn_status nn_predict_views(nn_model *m, float *y, const float *x, size_t rows, const nn_views *views) {
    if (!m || !views || !views->make || (rows && (!x || !y))) return NN_ERROR_NULL;
    if (!m->built) return nni_report(m, NN_ERROR_ORDER, "nn_predict_views before nn_model_build");
    if (!views->count) return nni_report(m, NN_ERROR_ARGUMENT, "nn_predict_views needs at least one view");
    const size_t in = nni_inputs(m), out = nni_outputs(m), part = m->batch;
    const nn_allocator *allocator = nni_allocator_of(m);
    float *seen = (float *)nni_alloc(allocator, part * in, sizeof *seen);
    float *opinion = (float *)nni_alloc(allocator, part * out, sizeof *opinion);
    nn_status status = seen && opinion ? NN_OK : nni_no_memory(m, "views", part * (in + out));
    for (size_t done = 0; done < rows && status == NN_OK; done += part) {
        const size_t some = nni_min(part, rows - done);
        for (size_t v = 0; v < views->count && status == NN_OK; v++) {
            for (size_t r = 0; r < some; r++) views->make(seen + r * in, x + (done + r) * views->size, v, views->user);
            status = nn_predict(m, opinion, seen, some);
            if (status == NN_OK) nni_opinion_add(y + done * out, opinion, some * out, v, views->count);
        }
    }
    nni_free(allocator, opinion);
    nni_free(allocator, seen);
    return status;
}

/* ---- snapshots ---- */

NN_API nn_status nn_snapshots_add(nn_snapshots *s, nn_model *m) {
    if (!s || !m) return NN_ERROR_NULL;
    if (!m->built) return nni_report(m, NN_ERROR_ORDER, "nn_snapshots_add before nn_model_build");
    const nn_allocator *allocator = nni_allocator_of(m);
    void *blocks = s->values;
    if (!nni_grow(allocator, &blocks, s->count, &s->room, sizeof *s->values)) return nni_no_memory(m, "a snapshot", m->total);
    s->values = (float **)blocks;
    float *values = (float *)nni_alloc(allocator, nni_max(m->total, 1), sizeof *values);
    if (!values) return nni_no_memory(m, "a snapshot", m->total);
    memcpy(values, m->values, m->total * sizeof *values);
    s->values[s->count++] = values;
    return NN_OK;
}

NN_API void nn_snapshots_free(nn_snapshots *s, const nn_model *m) {
    if (!s || !m) return;
    for (size_t i = 0; i < s->count; i++) nni_free(nni_allocator_of(m), s->values[i]);
    nni_free(nni_allocator_of(m), s->values);
    memset(s, 0, sizeof *s);
}

NN_API nn_status nn_snapshots_use(const nn_snapshots *s, nn_model *m, size_t index) {
    if (!s || !m) return NN_ERROR_NULL;
    if (index >= s->count) return nni_report(m, NN_ERROR_ARGUMENT, "there is no snapshot %zu of %zu", index, s->count);
    memcpy(m->values, s->values[index], m->total * sizeof *m->values);
    return NN_OK;
}

NN_API nn_status nn_snapshots_predict(const nn_snapshots *s, nn_model *m, float *y, const float *x, size_t rows) {
    if (!s || !m || (rows && (!x || !y))) return NN_ERROR_NULL;
    if (!s->count) return nni_report(m, NN_ERROR_ARGUMENT, "there are no snapshots to ask");
    const size_t n = rows * nni_outputs(m);
    float *const own = m->values, *opinion = (float *)nni_alloc(nni_allocator_of(m), n, sizeof *opinion);
    if (!opinion) return nni_no_memory(m, "opinions", n);
    nn_status status = NN_OK;
    for (size_t i = 0; i < s->count && status == NN_OK; i++) {
        m->values = s->values[i]; /* no copies: a snapshot is laid out as the model's own block */
        status = nn_predict(m, opinion, x, rows);
        if (status == NN_OK) nni_opinion_add(y, opinion, n, i, s->count);
    }
    m->values = own;
    nni_free(nni_allocator_of(m), opinion);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_ENSEMBLE_H */
