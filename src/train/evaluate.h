/* evaluate.h - what a network says about a whole dataset, and how well it does */
#ifndef NN_EVALUATE_H
#define NN_EVALUATE_H

#include "../data/dataset.h"
#include "tally.h"

/* Loss and accuracy in mode NN_TEST, for networks of one input and one loss. Labels serve losses of classes as they are, and a
 * network of one output as targets 0 and 1. */
NN_API NN_MUST_USE nn_status nn_evaluate(nn_model *model, const nn_dataset *data, nn_evaluation *result);

/* y = what nn_predict says about every sample, data->count x outputs. */
NN_API NN_MUST_USE nn_status nn_predict_dataset(nn_model *model, float *y, const nn_dataset *data);

/* Adds every sample to matrix[label*classes + predicted], which starts with zeros; `classes` is what the network tells apart. */
NN_API NN_MUST_USE nn_status nn_confusion_of(nn_model *model, size_t *matrix, size_t classes, const nn_dataset *data);

#ifdef NN_IMPLEMENTATION

#include "../metrics.h"
#include "supply.h"

static nn_status nni_evaluate_ready(nn_model *m, const nn_dataset *data, const char *what) {
    if (!m || !data) return NN_ERROR_NULL;
    if (!m->built) return nni_report(m, NN_ERROR_ORDER, "%s before nn_model_build", what);
    return NN_OK;
}

static nn_status nni_evaluate_supply(nni_supply *s, nn_evaluation *result) {
    nni_tally tally;
    nn_status status = NN_OK;
    memset(&tally, 0, sizeof tally);
    for (size_t first = 0; first < s->count && status == NN_OK; first += s->batch) {
        nni_supply_fill(s, 0, first);
        status = nni_supply_feed(s, 0);
        if (status == NN_OK) status = nn_forward(s->m, s->slots[0].rows, NN_TEST);
        if (status == NN_OK) nni_tally_add(&tally, s, 0);
    }
    if (status == NN_OK) *result = nni_tally_result(&tally);
    return status;
}

NN_API nn_status nn_evaluate(nn_model *m, const nn_dataset *data, nn_evaluation *result) {
    nni_supply s;
    nn_status status = nni_evaluate_ready(m, data, "nn_evaluate");
    if (status == NN_OK && !result) status = nni_report(m, NN_ERROR_NULL, "nn_evaluate needs a place for the result");
    if (status == NN_OK && m->inference)
        status = nni_report(m, NN_ERROR_ORDER, "nn_evaluate computes the loss, which a model built for inference does not");
    if (status == NN_OK) status = nni_supply_new(&s, m, data, NULL, m->batch, 1, "nn_evaluate");
    if (status != NN_OK) return status;
    status = nni_evaluate_supply(&s, result);
    nni_supply_free(&s);
    return status;
}

/* Calls add(user, outputs, first, rows) for every batch that was predicted. */
typedef nn_status (*nni_predicted_fn)(void *user, const float *y, const nn_dataset *data, size_t first, size_t rows);

static nn_status nni_predict_each(nn_model *m, const nn_dataset *data, const char *what, nni_predicted_fn add, void *user) {
    const nn_allocator *allocator = nni_allocator_of(m);
    const size_t in = nn_shape_size(m->nodes[nni_first_input(m)].shape);
    const size_t out = nn_shape_size(m->nodes[nni_prediction_node(m) - 1].shape);
    if (nn_shape_size(data->shape) != in)
        return nni_report(m, NN_ERROR_SHAPE, "%s: a sample has %zu values, and the network takes %zu", what,
                          nn_shape_size(data->shape), in);
    float *x = (float *)nni_alloc(allocator, m->batch * in, sizeof *x), *y = (float *)nni_alloc(allocator, m->batch * out, sizeof *y);
    size_t *which = (size_t *)nni_alloc(allocator, m->batch, sizeof *which);
    nn_status status = x && y && which ? NN_OK : nni_report(m, NN_ERROR_MEMORY, "%s: no memory for batches of %zu samples", what, m->batch);
    for (size_t first = 0; first < data->count && status == NN_OK; first += m->batch) {
        const size_t rows = nni_min(m->batch, data->count - first);
        for (size_t i = 0; i < rows; i++) which[i] = first + i;
        status = nn_dataset_gather(x, NULL, NULL, NULL, data, which, rows);
        if (status != NN_OK) nni_report(m, status, "%s: %s", what, nn_status_message(status));
        if (status == NN_OK) status = nn_predict(m, y, x, rows);
        if (status == NN_OK) status = add(user, y, data, first, rows);
    }
    nni_free(allocator, which);
    nni_free(allocator, y);
    nni_free(allocator, x);
    return status;
}

typedef struct nni_predictions {
    nn_model *m;
    float *y;
    size_t *matrix, classes;
} nni_predictions;

static nn_status nni_keep_predictions(void *user, const float *y, const nn_dataset *data, size_t first, size_t rows) {
    const nni_predictions *p = (const nni_predictions *)user;
    (void)data;
    memcpy(p->y + first * p->classes, y, rows * p->classes * sizeof *y);
    return NN_OK;
}

NN_API nn_status nn_predict_dataset(nn_model *m, float *y, const nn_dataset *data) {
    nni_predictions p;
    nn_status status = nni_evaluate_ready(m, data, "nn_predict_dataset");
    if (status == NN_OK && data->count && !y) status = nni_report(m, NN_ERROR_NULL, "nn_predict_dataset needs a place for the predictions");
    if (status != NN_OK) return status;
    p.m = m;
    p.y = y;
    p.matrix = NULL;
    p.classes = nn_shape_size(m->nodes[nni_prediction_node(m) - 1].shape);
    return nni_predict_each(m, data, "nn_predict_dataset", nni_keep_predictions, &p);
}

static nn_status nni_add_confusion(void *user, const float *y, const nn_dataset *data, size_t first, size_t rows) {
    const nni_predictions *p = (const nni_predictions *)user;
    nn_status status = NN_OK;
    for (size_t i = 0; i < rows && status == NN_OK; i++)
        status = nn_confusion_add(p->matrix, y + i * p->classes, data->labels + nn_dataset_row(data, first + i), 1, p->classes);
    return status == NN_OK ? status : nni_report(p->m, status, "nn_confusion_of: %s", nn_status_message(status));
}

NN_API nn_status nn_confusion_of(nn_model *m, size_t *matrix, size_t classes, const nn_dataset *data) {
    nni_predictions p;
    const nn_status status = nni_evaluate_ready(m, data, "nn_confusion_of");
    if (status != NN_OK) return status;
    if (!matrix || (data->count && !data->labels))
        return nni_report(m, NN_ERROR_NULL, "nn_confusion_of needs a matrix and data with labels");
    p.m = m;
    p.y = NULL;
    p.matrix = matrix;
    p.classes = nn_shape_size(m->nodes[nni_prediction_node(m) - 1].shape);
    if (classes != p.classes)
        return nni_report(m, NN_ERROR_ARGUMENT, "nn_confusion_of: the network tells %zu classes apart, not %zu", p.classes, classes);
    return nni_predict_each(m, data, "nn_confusion_of", nni_add_confusion, &p);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_EVALUATE_H */
