/* run.h - passes over a network, forward and back */
#ifndef NN_RUN_H
#define NN_RUN_H

#include "model.h"

/* What a pass works on. Arrays are not copied: they must stay until the pass (with labels and targets: also the pass back)
 * is over. Samples lie one after another, `rows` of them in nn_forward. */
NN_API NN_MUST_USE nn_status nn_feed(nn_model *model, nn_node input, const float *x);
NN_API NN_MUST_USE nn_status nn_feed_targets(nn_model *model, nn_node loss, const float *targets); /* of the input's shape */
NN_API NN_MUST_USE nn_status nn_feed_labels(nn_model *model, nn_node loss, const uint32_t *labels); /* one a place */
NN_API NN_MUST_USE nn_status nn_feed_weights(nn_model *model, nn_node loss, const float *weights);  /* one a place; NULL: 1 */
NN_API NN_MUST_USE nn_status nn_feed_gradient(nn_model *model, nn_node output, const float *dy); /* of a node that feeds none */

/* Computes all nodes for `rows` samples, at most the batch of the build, and every loss that was fed targets or labels (none in a
 * build for inference or a folded model). On failure nothing has changed but activations. */
NN_API NN_MUST_USE nn_status nn_forward(nn_model *model, size_t rows, nn_mode mode);

/* The gradients of the sum of all losses and penalties, after nn_forward in mode NN_TRAIN: of all parameters, and of nodes
 * where nn_want_gradient asked. With `accumulate` they are added to those of earlier passes (not so the penalties' part,
 * which a sum of passes needs once). */
NN_API NN_MUST_USE nn_status nn_backward(nn_model *model, int accumulate);

/* After nn_forward: a loss's value for that batch; all losses plus the penalties; the penalties alone. */
NN_API float nn_loss_value(const nn_model *model, nn_node loss);
NN_API float nn_total_loss(const nn_model *model);
NN_API float nn_penalties(const nn_model *model);

/* What the last pass left at a node: rows x shape, or NULL where its memory has gone to others. Values are there for the last
 * nodes, those that losses compare, and where nn_want_value asked; gradients, after nn_backward, where nn_want_gradient asked.
 * A build with `keep` set has all. */
NN_API const float *nn_activation_of(const nn_model *model, nn_node node);
NN_API const float *nn_gradient_of(const nn_model *model, nn_node node);

/* y = what the network says about x, in mode NN_TEST: for the first input and the first loss (what it compares with the
 * targets: probabilities for NN_LOSS_SOFTMAX_CE, although it takes logits), or the last node. Any number of rows; more than
 * the batch go in parts. */
NN_API NN_MUST_USE nn_status nn_predict(nn_model *model, float *y, const float *x, size_t rows);

/* Where nn_predict takes x and gives y, for a model from a file, say: nn_node_shape says how large they are. {0} for an empty model. */
NN_API nn_node nn_model_input(const nn_model *model);
NN_API nn_node nn_model_output(const nn_model *model);

/* Memory of its own for predictions, so that many threads can use one model that nobody changes meanwhile. */
typedef struct nn_workspace nn_workspace;
NN_API nn_workspace *nn_workspace_new(const nn_model *model); /* NULL: no memory, or the model is not built */
NN_API void nn_workspace_free(const nn_model *model, nn_workspace *workspace);
NN_API NN_MUST_USE nn_status nn_predict_in(const nn_model *model, nn_workspace *workspace, float *y, const float *x, size_t rows);

/* Passes in mode NN_TRAIN so far, which dropout and noise draw their numbers by; set it to repeat or to resume. */
NN_API uint64_t nn_step_of(const nn_model *model);
NN_API void nn_step_set(nn_model *model, uint64_t step);

#ifdef NN_IMPLEMENTATION

#include "../maths.h"
#include "../regularize.h"
#include "parameter.h"
#include "workspace.h"

/* ---- feeding ---- */

/* The feed of a node that has all of `flags`, or NULL and the reason. */
static nni_feed *nni_feed_of(nn_model *m, nn_node node, unsigned flags, const char *what, nn_status *status) {
    *status = NN_ERROR_NULL;
    if (!m) return NULL;
    const nni_node *n = nni_node_of(m, node);
    if (!m->built) *status = nni_report(m, NN_ERROR_ORDER, "%s before nn_model_build", what);
    else if (!n) *status = nni_report(m, NN_ERROR_ARGUMENT, "%s is given a node that this model does not have", what);
    else if ((n->flags & flags) != flags)
        *status = nni_report(m, NN_ERROR_ARGUMENT, "%s is for %s, and %s is none", what, flags & NNI_INPUT ? "inputs" : "losses", n->name);
    else {
        *status = NN_OK;
        return &m->run->feeds[node.id - 1];
    }
    return NULL;
}

NN_API nn_status nn_feed(nn_model *m, nn_node input, const float *x) {
    nn_status status;
    nni_feed *feed = nni_feed_of(m, input, NNI_INPUT, "nn_feed", &status);
    if (feed) feed->values = x;
    return status;
}
NN_API nn_status nn_feed_targets(nn_model *m, nn_node loss, const float *targets) {
    nn_status status;
    nni_feed *feed = nni_feed_of(m, loss, NNI_LOSS, "nn_feed_targets", &status);
    if (feed) feed->values = targets, feed->labels = NULL;
    return status;
}
NN_API nn_status nn_feed_labels(nn_model *m, nn_node loss, const uint32_t *labels) {
    nn_status status;
    nni_feed *feed = nni_feed_of(m, loss, NNI_LOSS, "nn_feed_labels", &status);
    if (feed) feed->labels = labels, feed->values = NULL;
    return status;
}
NN_API nn_status nn_feed_weights(nn_model *m, nn_node loss, const float *weights) {
    nn_status status;
    nni_feed *feed = nni_feed_of(m, loss, NNI_LOSS, "nn_feed_weights", &status);
    if (feed) feed->weights = weights;
    return status;
}
NN_API nn_status nn_feed_gradient(nn_model *m, nn_node output, const float *dy) {
    nn_status status;
    nni_feed *feed = nni_feed_of(m, output, 0, "nn_feed_gradient", &status);
    if (!feed) return status;
    if (!nni_is_end(m, &m->nodes[output.id - 1]))
        return nni_report(m, NN_ERROR_ARGUMENT, "nn_feed_gradient is for nodes that feed no other, and %s does", nn_node_name(m, output));
    feed->gradient = dy;
    return NN_OK;
}

/* ---- forward ---- */

static nni_call nni_call_of(nn_workspace *w, const nn_model *m, size_t i) {
    nni_call c;
    memset(&c, 0, sizeof c);
    c.w = w;
    c.m = (nn_model *)m; /* predictions change nothing in it: only NN_TRAIN and NN_STATISTICS do, which own it */
    c.node = &m->nodes[i];
    c.place = &w->plan->places[i];
    c.rows = w->rows;
    c.mode = w->mode;
    c.dx = w->dx;
    c.scratch = &w->scratch;
    if (c.node->inputs) {
        const nn_shape shape = nni_input_node(m, c.node, 0)->shape;
        c.places = c.rows * shape.height * shape.width;
        c.n = shape.channels;
        c.x = nni_call_x(&c, 0);
    }
    if (!(c.node->flags & (NNI_INPUT | NNI_LOSS))) c.y = (float *)nni_value(w, (uint32_t)i + 1);
    if (c.place->kept != NNI_NONE) c.kept = w->block + c.place->kept;
    return c;
}

/* Whether the node has nothing to do in this pass. */
static int nni_forward_skips(const nn_workspace *w, size_t i) {
    const nni_node *node = &w->model->nodes[i];
    const nni_feed *feed = &w->feeds[i];
    if (node->flags & NNI_LOSS) return w->plan == &w->model->prediction || (!feed->values && !feed->labels);
    if ((node->flags & NNI_PREDICTION) && w->mode == NN_TRAIN) return 1;
    return (node->flags & (NNI_INPUT | NNI_ALIAS)) || w->plan->places[i].fused;
}

static nn_status nni_forward_pass(nn_workspace *w, const nn_model *m, size_t stop) {
    for (size_t i = 0; i < stop; i++) {
        if (nni_forward_skips(w, i)) continue;
        nni_call call = nni_call_of(w, m, i);
        const nn_status status = call.node->op->forward(&call);
        if (status != NN_OK) return status;
    }
    return NN_OK;
}

static nn_status nni_forward_check(nn_model *m, size_t rows, nn_mode mode) {
    if (!m) return NN_ERROR_NULL;
    const nn_status isa = nn_isa_status();
    if (isa != NN_OK) return nni_report(m, isa, "%s", nn_status_message(isa));
    if (!m->built) return nni_report(m, NN_ERROR_ORDER, "nn_forward before nn_model_build");
    if (m->inference && mode == NN_TRAIN)
        return nni_report(m, NN_ERROR_ORDER, "nn_forward in mode NN_TRAIN, but the model was built for inference only");
    if (rows == 0 || rows > m->batch)
        return nni_report(m, NN_ERROR_ARGUMENT, "nn_forward of %zu rows: the model was built for batches of 1 to %zu", rows, m->batch);
    if (mode == NN_STATISTICS && !m->collecting)
        return nni_report(m, NN_ERROR_ORDER, "nn_forward in mode NN_STATISTICS, but nn_statistics_begin found nothing to collect");
    for (size_t i = 0; i < m->count; i++)
        if ((m->nodes[i].flags & NNI_INPUT) && !m->run->feeds[i].values)
            return nni_report(m, NN_ERROR_NULL, "%s was not fed", m->nodes[i].name);
    return NN_OK;
}

/* A pass may fail at its last node: what outlives it is changed only when all is well. */
static void nni_forward_settle(nn_workspace *w, nn_model *m, size_t stop) {
    for (size_t i = 0; i < stop; i++)
        if (m->nodes[i].op->settle) {
            nni_call call = nni_call_of(w, m, i);
            m->nodes[i].op->settle(&call);
        }
}

NN_API nn_status nn_forward(nn_model *m, size_t rows, nn_mode mode) {
    nn_status status = nni_forward_check(m, rows, mode);
    if (status != NN_OK) return status;
    nn_workspace *w = m->run;
    const size_t stop = mode == NN_STATISTICS ? m->collecting : m->count;
    w->rows = rows;
    w->mode = mode;
    w->ready = 0;
    for (size_t i = 0; i < m->count; i++) { /* a loss that was not fed is 0, and gradients of an earlier pass are gone */
        w->feeds[i].loss = 0.0f;
        w->feeds[i].has_gradient = 0;
    }
    if (mode == NN_TRAIN) m->step++; /* the pass back draws the same numbers again */
    status = nni_forward_pass(w, m, stop);
    if (status == NN_OK) {
        if (mode != NN_TEST) nni_forward_settle(w, m, stop);
        w->ready = mode == NN_TRAIN;
    } else if (mode == NN_TRAIN) {
        m->step--;
    }
    return status;
}

/* ---- back ---- */

/* Where the gradients of the node's inputs go: nowhere if not wanted, on top of the node's own, straight to their place, or
 * aside to be added if another node has written there. */
static void nni_backward_aim(nni_call *c) {
    const nn_workspace *w = c->w;
    float *aside = w->block + w->plan->sum;
    for (size_t k = 0; k < c->node->inputs; k++) {
        const nni_node *from = nni_input_node(c->m, c->node, k);
        nni_feed *feed = &c->w->feeds[from - c->m->nodes];
        c->dx[k] = NULL;
        if (!from->backward) continue;
        c->dx[k] = nni_gradient(w, nni_input(c->m, c->node, k));
        if (feed->has_gradient) {
            c->dx[k] = aside;
            aside += nni_round_up(nni_floats(w, from), 16);
        }
        feed->has_gradient = 1;
    }
}

static void nni_backward_add(const nni_call *c) {
    for (size_t k = 0; k < c->node->inputs; k++) {
        float *sum = nni_gradient(c->w, nni_input(c->m, c->node, k));
        if (c->dx[k] && c->dx[k] != sum) nn_add(sum, sum, c->dx[k], nni_floats(c->w, nni_input_node(c->m, c->node, k)));
    }
}

static nn_status nni_backward_node(nn_workspace *w, nn_model *m, size_t i, int accumulate) {
    nni_call call = nni_call_of(w, m, i);
    call.accumulate = accumulate;
    call.dy = nni_gradient(w, (uint32_t)i + 1);
    nni_backward_aim(&call);
    const nn_status status = call.node->op->backward(&call);
    if (status == NN_OK) nni_backward_add(&call);
    return status;
}

/* Where gradients come from: losses that were computed, and outputs that were fed one. */
static void nni_backward_begin(nn_workspace *w, const nn_model *m) {
    for (size_t i = 0; i < m->count; i++) {
        const nni_node *node = &m->nodes[i];
        nni_feed *feed = &w->feeds[i];
        feed->has_gradient = 0;
        if (!node->backward) continue;
        if (node->flags & NNI_LOSS) feed->has_gradient = feed->values || feed->labels;
        else if (feed->gradient) {
            memcpy(nni_gradient(w, (uint32_t)i + 1), feed->gradient, nni_floats(w, node) * sizeof(float));
            feed->has_gradient = 1;
        }
    }
    for (size_t p = 0; p < m->parameters_count; p++) m->parameters[p].written = 0;
}

/* Parameters that no gradient reached, then the penalties, unless they are part of a trainer's steps. */
static void nni_backward_end(nn_model *m, int accumulate) {
    for (size_t i = 0; i < m->parameters_count; i++) {
        const nni_parameter *p = &m->parameters[i];
        float *dw = m->gradients + p->at;
        const size_t n = p->rows * p->columns;
        if (!p->trained || p->shared != NNI_NONE || accumulate) continue;
        if (!p->written) memset(dw, 0, n * sizeof *dw);
        if (!p->frozen && !m->trainer && (p->l1 != 0.0f || p->l2 != 0.0f)) nn_penalty_backward(dw, m->values + p->at, n, p->l1, p->l2);
    }
}

NN_API nn_status nn_backward(nn_model *m, int accumulate) {
    if (!m) return NN_ERROR_NULL;
    nn_workspace *w = m->run;
    if (!w || !w->ready) return nni_report(m, NN_ERROR_ORDER, "nn_backward without nn_forward in mode NN_TRAIN before it");
    w->ready = 0; /* gradients are computed in the memory of activations */
    nni_backward_begin(w, m);
    for (size_t i = m->count; i-- > 0;) {
        if (!m->nodes[i].backward || !w->feeds[i].has_gradient || !m->nodes[i].op->backward) continue;
        const nn_status status = nni_backward_node(w, m, i, accumulate);
        if (status != NN_OK) return status;
    }
    nni_backward_end(m, accumulate);
    return NN_OK;
}

/* ---- results ---- */

NN_API float nn_loss_value(const nn_model *m, nn_node loss) {
    const nni_node *node = nni_node_of(m, loss);
    return node && m->built && (node->flags & NNI_LOSS) ? m->run->feeds[loss.id - 1].loss : 0.0f;
}

NN_API float nn_penalties(const nn_model *m) {
    double sum = 0.0;
    for (size_t i = 0; m && m->built && i < m->parameters_count; i++) {
        const nni_parameter *p = &m->parameters[i];
        if (p->shared == NNI_NONE && !p->frozen && (p->l1 != 0.0f || p->l2 != 0.0f))
            sum += (double)nn_penalty(m->values + p->at, p->rows * p->columns, p->l1, p->l2);
    }
    return (float)sum;
}

/* sum and all losses, without penalties. */
static double nni_add_losses(double sum, const nn_model *m) {
    for (size_t i = 0; m && m->built && i < m->count; i++)
        if (m->nodes[i].flags & NNI_LOSS) sum += (double)m->run->feeds[i].loss;
    return sum;
}

NN_API float nn_total_loss(const nn_model *m) { return (float)nni_add_losses((double)nn_penalties(m), m); }

NN_API const float *nn_activation_of(const nn_model *m, nn_node node) {
    const nni_node *n = nni_node_of(m, node);
    if (!n || !m->built || !m->run->rows || (n->flags & NNI_LOSS)) return NULL;
    return (n->flags & NNI_INPUT) || m->run->plan->places[node.id - 1].readable ? nni_value(m->run, node.id) : NULL;
}
NN_API const float *nn_gradient_of(const nn_model *m, nn_node node) {
    const nni_node *n = nni_node_of(m, node);
    if (!n || !m->built || !(n->wanted || m->keep) || !m->run->feeds[node.id - 1].has_gradient) return NULL;
    return nni_gradient(m->run, node.id);
}

NN_API uint64_t nn_step_of(const nn_model *m) { return m ? m->step : 0; }
NN_API void nn_step_set(nn_model *m, uint64_t step) {
    if (m) m->step = step;
}

/* ---- prediction ---- */

/* The node whose value nn_predict gives. */
static uint32_t nni_prediction_node(const nn_model *m) {
    for (uint32_t i = 0; i < m->count; i++) {
        const nni_node *node = &m->nodes[i];
        if (node->flags & NNI_LOSS)
            return node->options.loss.prediction ? node->options.loss.prediction : nni_input(m, node, 0);
    }
    return (uint32_t)m->count;
}

static uint32_t nni_first_input(const nn_model *m) {
    uint32_t i = 0;
    while (!(m->nodes[i].flags & NNI_INPUT)) i++;
    return i;
}

NN_API nn_node nn_model_input(const nn_model *m) {
    nn_node node = nni_no_node();
    if (m && m->count) node.id = nni_first_input(m) + 1;
    return node;
}

NN_API nn_node nn_model_output(const nn_model *m) {
    nn_node node = nni_no_node();
    if (m && m->count) node.id = nni_prediction_node(m);
    return node;
}

static size_t nni_count_inputs(const nn_model *m) {
    size_t inputs = 0;
    for (size_t i = 0; i < m->count; i++) inputs += (m->nodes[i].flags & NNI_INPUT) != 0;
    return inputs;
}

NN_API nn_workspace *nn_workspace_new(const nn_model *m) {
    return m && m->built ? nni_workspace_new(m, &m->prediction, &m->prediction) : NULL;
}
NN_API void nn_workspace_free(const nn_model *m, nn_workspace *w) {
    if (m) nni_workspace_free(nni_allocator_of(m), w);
}

NN_API nn_status nn_predict_in(const nn_model *m, nn_workspace *w, float *y, const float *x, size_t rows) {
    if (!m || !w || (rows && (!x || !y))) return NN_ERROR_NULL;
    const nn_status isa = nn_isa_status();
    if (isa != NN_OK) return isa;
    if (nni_count_inputs(m) != 1) return NN_ERROR_ARGUMENT;
    const uint32_t input = nni_first_input(m), output = nni_prediction_node(m);
    const size_t in = nn_shape_size(m->nodes[input].shape), out = nn_shape_size(m->nodes[output - 1].shape);
    const float *const fed = w->feeds[input].values; /* a build for inference has one workspace for this and for nn_forward */
    nn_status status = NN_OK;
    w->mode = NN_TEST;
    w->ready = 0;
    for (size_t done = 0; done < rows && status == NN_OK; done += w->rows) {
        w->rows = nni_min(m->batch, rows - done);
        w->feeds[input].values = x + done * in;
        status = nni_forward_pass(w, m, m->count);
        if (status == NN_OK) memcpy(y + done * out, nni_value(w, output), w->rows * out * sizeof *y);
    }
    w->feeds[input].values = fed;
    return status;
}

NN_API nn_status nn_predict(nn_model *m, float *y, const float *x, size_t rows) {
    if (!m) return NN_ERROR_NULL;
    if (!m->built) return nni_report(m, NN_ERROR_ORDER, "nn_predict before nn_model_build");
    const size_t inputs = nni_count_inputs(m);
    if (inputs != 1)
        return nni_report(m, NN_ERROR_ARGUMENT, "nn_predict is for models of one input, and this has %zu: use nn_feed and nn_forward",
                          inputs);
    const nn_status status = nn_predict_in(m, m->test, y, x, rows);
    return status == NN_OK ? status : nni_report(m, status, "nn_predict: %s", nn_status_message(status));
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_RUN_H */
