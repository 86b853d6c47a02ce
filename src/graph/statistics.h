/* statistics.h - exact statistics of a training set for batch norm, and its disappearance into the layers before it */
#ifndef NN_STATISTICS_H
#define NN_STATISTICS_H

#include "model.h"

/* Exact statistics of a whole training set for every batch norm, in place of running averages:
 *
 *   for (size_t left = nn_statistics_begin(m); left > 0; left = nn_statistics_next(m))
 *       for each batch: nn_feed(m, x, ...), nn_forward(m, rows, NN_STATISTICS);
 *
 * One pass over the data for each batch norm, in order, since what enters one depends on the statistics of those before it;
 * every pass ends at the one that collects. Both calls return how many passes are left. */
NN_API size_t nn_statistics_begin(nn_model *model);
NN_API size_t nn_statistics_next(nn_model *model);

/* Folds every batch norm that follows a dense or convolutional layer, where nothing else does, into that layer's weights
 * and bias: predictions stay the same to about 1e-5 and cost less. For models that are used and trained no more: the memory
 * for training is given back. Workspaces made before are no longer valid. `folded`, unless NULL, says how many. */
NN_API NN_MUST_USE nn_status nn_fold(nn_model *model, size_t *folded);

#ifdef NN_IMPLEMENTATION

#include "../batch_norm.h"
#include "../layers/dense.h"
#include "../layers/norm.h"
#include "build.h"

/* ---- statistics ---- */

/* The first batch norm from node `from` on that is at work, or 0. */
static size_t nni_next_batch_norm(const nn_model *m, size_t from) {
    for (size_t i = from; i < m->count; i++)
        if (m->nodes[i].op == &nni_op_batch_norm && !m->nodes[i].options.norm.folded) return i + 1;
    return 0;
}

/* Collects for the batch norm `id`; returns it and how many follow. */
static size_t nni_collect(nn_model *m, size_t id) {
    size_t left = 0;
    m->collecting = id;
    if (!id) return 0;
    nn_moments *moments = &m->collected;
    moments->n = m->nodes[id - 1].shape.channels;
    moments->rows = 0;
    moments->squares = moments->mean + moments->n;
    memset(moments->mean, 0, 2 * moments->n * sizeof *moments->mean);
    for (size_t next = id; next; next = nni_next_batch_norm(m, next)) left++;
    return left;
}

NN_API size_t nn_statistics_begin(nn_model *m) { return m && m->built ? nni_collect(m, nni_next_batch_norm(m, 0)) : 0; }

NN_API size_t nn_statistics_next(nn_model *m) {
    if (!m || !m->collecting) return 0;
    const nni_node *node = &m->nodes[m->collecting - 1];
    if (m->collected.rows)
        nn_moments_get(m->values + nni_root(m, node, NNI_NORM_MEAN)->at, m->values + nni_root(m, node, NNI_NORM_VARIANCE)->at,
                       &m->collected);
    return nni_collect(m, nni_next_batch_norm(m, m->collecting));
}

/* ---- folding ---- */

/* The layer whose output only this batch norm reads, and whose parameters are its own; or NULL. */
static nni_node *nni_foldable(const nn_model *m, const nni_node *norm) {
    nni_node *from = nni_input_node(m, norm, 0);
    size_t users = 0;
    if (!(from->flags & NNI_EPILOGUE) || from->shape.channels != norm->shape.channels) return NULL;
    for (size_t i = 0; i < m->inputs_count; i++) users += m->inputs[i] == nni_id(m, from);
    for (size_t i = 0; i < m->parameters_count; i++) {
        const nni_parameter *p = &m->parameters[i];
        const int mine = p->node == nni_id(m, from);
        if (mine && p->shared != NNI_NONE) return NULL;
        if (p->shared != NNI_NONE && m->parameters[p->shared].node == nni_id(m, from)) return NULL;
    }
    return users == 1 && !(from->flags & NNI_OUTPUT) ? from : NULL;
}

/* Where the bias of a layer is into which a batch norm was folded: one without a bias takes over the memory of the batch norm's
 * beta, or of its mean if it has no beta either. */
static float *nni_folded_bias(const nn_model *m, const nni_node *from, const nni_node *norm) {
    if (from->parameters > 1) return m->values + nni_root(m, from, 1)->at;
    return m->values + nni_root(m, norm, norm->parameters > NNI_NORM_BETA ? NNI_NORM_BETA : NNI_NORM_MEAN)->at;
}

static void nni_fold_weights(nn_model *m, nni_node *from, const nni_node *norm) {
    nni_call c;
    memset(&c, 0, sizeof c);
    c.m = m;
    c.node = norm;
    float *mean = nni_weights(&c, NNI_NORM_MEAN), *variance = nni_weights(&c, NNI_NORM_VARIANCE);
    float *gamma = nni_weights(&c, NNI_NORM_GAMMA), *beta = nni_weights(&c, NNI_NORM_BETA);
    const nni_parameter *w = nni_root(m, from, 0);
    float *bias = nni_folded_bias(m, from, norm), *before = from->parameters > 1 ? bias : NULL;
    nn_batch_norm_fold(m->values + w->at, bias, before, mean, variance, gamma, beta, w->rows, w->columns, norm->options.norm.epsilon);
    from->folded_bias = bias;
}

/* Turns the batch norms that can be folded into aliases of their inputs, or those back; returns how many. */
static size_t nni_mark_folded(nn_model *m, int fold) {
    size_t count = 0;
    for (size_t i = 0; i < m->count; i++) {
        nni_node *norm = &m->nodes[i];
        if (norm->op != &nni_op_batch_norm || (norm->flags & NNI_ALIAS ? 1 : 0) == fold || norm->options.norm.folded) continue;
        if (!nni_foldable(m, norm)) continue;
        norm->flags ^= NNI_ALIAS;
        count++;
    }
    return count;
}

/* A plan and a workspace for the network as it is now, in place of the old ones. */
static nn_status nni_plan_again(nn_model *m) {
    nni_plan plan, old = m->prediction;
    memset(&plan, 0, sizeof plan);
    nn_status status = nni_plan_make(m, &plan, 0, m->batch);
    nn_workspace *w = status == NN_OK ? nni_workspace_new(m, &m->prediction, &plan) : NULL;
    if (!w) {
        nni_free(nni_allocator_of(m), plan.places);
        return status == NN_OK ? nni_no_memory(m, "predictions", plan.floats) : status;
    }
    if (m->run != m->test) nni_workspace_free(nni_allocator_of(m), m->run);
    nni_workspace_free(nni_allocator_of(m), m->test);
    nni_free(nni_allocator_of(m), old.places);
    m->prediction = plan;
    m->run = m->test = w;
    return NN_OK;
}

NN_API nn_status nn_fold(nn_model *m, size_t *folded) {
    if (!m) return NN_ERROR_NULL;
    if (!m->built) return nni_report(m, NN_ERROR_ORDER, "nn_fold before nn_model_build");
    const size_t count = nni_mark_folded(m, 1);
    if (folded) *folded = count;
    const nn_status status = nni_plan_again(m);
    if (status != NN_OK) {
        nni_mark_folded(m, 0);
        return status;
    }
    for (size_t i = 0; i < m->count; i++) {
        nni_node *norm = &m->nodes[i];
        if (norm->op != &nni_op_batch_norm || !(norm->flags & NNI_ALIAS) || norm->options.norm.folded) continue;
        nni_fold_weights(m, nni_input_node(m, norm, 0), norm);
        norm->options.norm.folded = 1;
    }
    nni_free(nni_allocator_of(m), m->gradients);
    nni_free(nni_allocator_of(m), m->training.places);
    m->gradients = NULL;
    m->training.places = NULL;
    m->inference = m->folded = 1;
    return NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_STATISTICS_H */
