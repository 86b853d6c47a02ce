/* parameter.h - what a network has learned: access by name, penalties, constraints, freezing */
#ifndef NN_PARAMETER_H
#define NN_PARAMETER_H

#include "model.h"

/* A parameter of a built model. `name` is its node's name, a dot and its kind: "dense_1.weights". values and gradients are the
 * model's own memory: read and write them freely. nn_norm(p.gradients, p.rows * p.columns) is the norm of a gradient. */
typedef struct nn_parameter {
    char name[NN_NAME_MOST + 32];
    nn_node node;
    size_t rows, columns; /* row-major; a bias has one row */
    float *values;
    float *gradients;     /* NULL where there is none: running statistics */
} nn_parameter;

NN_API size_t nn_parameter_count(const nn_model *model);
NN_API NN_MUST_USE nn_status nn_parameter_at(const nn_model *model, size_t index, nn_parameter *parameter);
NN_API NN_MUST_USE nn_status nn_parameter_named(nn_model *model, const char *name, nn_parameter *parameter);

/* All parameters as one array, 64-byte aligned, and their gradients as another with the same order: first `decaying` floats of
 * weights, then biases and the like up to `trained`, then what has no gradient up to `total`. Gaps between parameters are
 * zero and stay so. An optimizer, a norm, a file needs one pass. */
typedef struct nn_parameters {
    float *values, *gradients;
    size_t decaying, trained, total;
} nn_parameters;
NN_API nn_parameters nn_parameters_of(const nn_model *model); /* zeros before nn_model_build */

/* Numbers learned: of all parameters with a gradient, shared ones once, without the gaps. */
NN_API size_t nn_learned_count(const nn_model *model);

/* How the weights of a layer start, instead of as nn_model_build says. Before the build. */
NN_API nn_node nn_layer_init(nn_model *model, nn_node node, nn_init init);

/* Penalties l1*sum|w| + l2/2*sum(w^2) of a layer's weights, instead of those of nn_model_build; at any time. */
NN_API NN_MUST_USE nn_status nn_layer_penalty(nn_model *model, nn_node node, float l1, float l2);

/* The same for one parameter of a built model, biases too. */
NN_API NN_MUST_USE nn_status nn_parameter_penalty(nn_model *model, const char *name, float l1, float l2);

/* No column of a layer's weights, which is what enters one unit, may have a norm above this; 0: no limit. nn_constrain puts
 * the limits into force, after each step of an optimizer. */
NN_API NN_MUST_USE nn_status nn_layer_max_norm(nn_model *model, nn_node node, float norm);
NN_API void nn_constrain(nn_model *model);

/* Freezes a layer: its parameters get no gradient, batch norm keeps its running statistics, and the backward pass ends
 * where nothing before needs it. `frozen` 0 thaws it. */
NN_API NN_MUST_USE nn_status nn_freeze(nn_model *model, nn_node node, int frozen);

#ifdef NN_IMPLEMENTATION

#include "../regularize.h"
#include "workspace.h"

#include <float.h>

NN_API size_t nn_parameter_count(const nn_model *m) { return m ? m->parameters_count : 0; }

NN_API nn_status nn_parameter_at(const nn_model *m, size_t index, nn_parameter *parameter) {
    if (!m || !parameter) return NN_ERROR_NULL;
    if (!m->built) return NN_ERROR_ORDER;
    if (index >= m->parameters_count) return NN_ERROR_ARGUMENT;
    const nni_parameter *p = &m->parameters[index];
    snprintf(parameter->name, sizeof parameter->name, "%s.%s", m->nodes[p->node - 1].name, p->kind);
    parameter->node.id = p->node;
    parameter->rows = p->rows;
    parameter->columns = p->columns;
    parameter->values = m->values + p->at;
    parameter->gradients = p->trained && m->gradients ? m->gradients + p->at : NULL;
    return NN_OK;
}

/* The index of a parameter, or NNI_NONE. */
static size_t nni_parameter_find(const nn_model *m, const char *name) {
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < m->parameters_count; i++) {
        const nni_parameter *p = &m->parameters[i];
        const char *node = m->nodes[p->node - 1].name;
        if (strlen(node) == (size_t)(dot - name) && memcmp(node, name, strlen(node)) == 0 && strcmp(p->kind, dot + 1) == 0) return i;
    }
    return NNI_NONE;
}

static nn_status nni_parameter_missing(nn_model *m, const char *name) {
    return nni_report(m, NN_ERROR_ARGUMENT, "no parameter is named \"%s\"", name);
}

NN_API nn_status nn_parameter_named(nn_model *m, const char *name, nn_parameter *parameter) {
    if (!m || !name || !parameter) return NN_ERROR_NULL;
    const size_t i = nni_parameter_find(m, name);
    if (i == NNI_NONE) return nni_parameter_missing(m, name);
    return m->built ? nn_parameter_at(m, i, parameter) : nni_report(m, NN_ERROR_ORDER, "nn_parameter_named before nn_model_build");
}

NN_API nn_parameters nn_parameters_of(const nn_model *m) {
    nn_parameters all = {NULL, NULL, 0, 0, 0};
    if (!m || !m->built) return all;
    all.values = m->values;
    all.gradients = m->gradients;
    all.decaying = m->decaying;
    all.trained = m->trained;
    all.total = m->total;
    return all;
}

NN_API size_t nn_learned_count(const nn_model *m) {
    size_t count = 0;
    for (size_t i = 0; m && i < m->parameters_count; i++) {
        const nni_parameter *p = &m->parameters[i];
        if (p->trained && p->shared == NNI_NONE) count += p->rows * p->columns;
    }
    return count;
}

/* ---- settings ---- */

/* A node that has weights; or NULL, and the reason. */
static nni_parameter *nni_weights_of(nn_model *m, nn_node node, const char *what, nn_status *status) {
    const nni_node *n = nni_node_of(m, node);
    *status = NN_ERROR_NULL;
    if (!m) return NULL;
    for (size_t k = 0; n && k < n->parameters; k++)
        if (m->parameters[n->parameters_at + k].decays) {
            *status = NN_OK;
            return &m->parameters[n->parameters_at + k];
        }
    *status = nni_report(m, NN_ERROR_ARGUMENT, "%s: %s has no weights", what, n ? n->name : "what is not a node of this model");
    return NULL;
}

NN_API nn_node nn_layer_init(nn_model *m, nn_node node, nn_init init) {
    nn_status status;
    if (!m || m->status != NN_OK) return nni_no_node();
    if (m->built) return NNI_MISTAKE(m, NN_ERROR_ORDER, "nn_layer_init after nn_model_build");
    nni_parameter *p = nni_weights_of(m, node, "nn_layer_init", &status);
    if (!p) return (void)(m->status = status), nni_no_node();
    p->init = init;
    p->initialised_apart = 1;
    return node;
}

static nn_status nni_set_penalty(nn_model *m, nni_parameter *p, float l1, float l2) {
    if (!(l1 >= 0.0f && l1 <= FLT_MAX && l2 >= 0.0f && l2 <= FLT_MAX))
        return nni_report(m, NN_ERROR_ARGUMENT, "penalties must be finite and not negative: l1 is %g, l2 %g", (double)l1, (double)l2);
    p->l1 = l1;
    p->l2 = l2;
    p->penalised_apart = 1;
    return NN_OK;
}

NN_API nn_status nn_layer_penalty(nn_model *m, nn_node node, float l1, float l2) {
    nn_status status;
    nni_parameter *p = nni_weights_of(m, node, "nn_layer_penalty", &status);
    return p ? nni_set_penalty(m, p, l1, l2) : status;
}

NN_API nn_status nn_parameter_penalty(nn_model *m, const char *name, float l1, float l2) {
    if (!m || !name) return NN_ERROR_NULL;
    const size_t i = nni_parameter_find(m, name);
    if (i == NNI_NONE) return nni_parameter_missing(m, name);
    if (!m->parameters[i].trained) return nni_report(m, NN_ERROR_ARGUMENT, "%s is not trained: it takes no penalty", name);
    return nni_set_penalty(m, &m->parameters[i], l1, l2);
}

NN_API nn_status nn_layer_max_norm(nn_model *m, nn_node node, float norm) {
    nn_status status;
    nni_parameter *p = nni_weights_of(m, node, "nn_layer_max_norm", &status);
    if (!p) return status;
    if (!(norm >= 0.0f)) return nni_report(m, NN_ERROR_ARGUMENT, "a norm of at most %g makes no sense", (double)norm);
    p->max_norm = norm;
    return NN_OK;
}

NN_API void nn_constrain(nn_model *m) {
    for (size_t i = 0; m && m->built && i < m->parameters_count; i++) {
        const nni_parameter *p = &m->parameters[i];
        if (p->max_norm > 0.0f && !p->frozen && p->shared == NNI_NONE)
            nn_max_norm(m->values + p->at, p->rows, p->columns, p->max_norm);
    }
}

/* ---- where gradients flow ---- */

static int nni_is_used(const nn_model *m, const nni_node *node) {
    const uint32_t id = nni_id(m, node);
    for (size_t i = 0; i < m->inputs_count; i++)
        if (m->inputs[i] == id) return 1;
    return 0;
}

/* Whether the caller may feed the node a gradient. */
static int nni_is_end(const nn_model *m, const nni_node *node) {
    return !(node->flags & (NNI_LOSS | NNI_PREDICTION | NNI_INPUT)) && !nni_is_used(m, node);
}

static int nni_trains(const nn_model *m, const nni_node *node, int thawed) {
    for (size_t k = 0; k < node->parameters; k++)
        if (m->parameters[node->parameters_at + k].trained && (thawed || !node->frozen)) return 1;
    return node->wanted;
}

/* Sets node->backward: something at or before the node needs the gradient, and one can come from behind it. `thawed`: as if
 * no layer were frozen. */
static void nni_find_gradients(nn_model *m, int thawed) {
    for (size_t i = 0; i < m->count; i++) { /* needed, in order */
        nni_node *node = &m->nodes[i];
        node->backward = nni_trains(m, node, thawed);
        for (size_t k = 0; k < node->inputs; k++) node->backward |= nni_input_node(m, node, k)->backward;
    }
    for (size_t i = m->count; i-- > 0;) { /* and given, in reverse */
        nni_node *node = &m->nodes[i];
        int given = (node->flags & NNI_LOSS) || nni_is_end(m, node);
        for (size_t u = i + 1; u < m->count && !given; u++)
            for (size_t k = 0; k < m->nodes[u].inputs; k++) given |= nni_input(m, &m->nodes[u], k) == i + 1 && m->nodes[u].backward;
        node->backward = node->backward && given;
    }
}

NN_API nn_status nn_freeze(nn_model *m, nn_node node, int frozen) {
    if (!m) return NN_ERROR_NULL;
    nni_node *n = nni_node_of(m, node) ? &m->nodes[node.id - 1] : NULL;
    if (!n) return nni_report(m, NN_ERROR_ARGUMENT, "nn_freeze is given a node that this model does not have");
    n->frozen = frozen != 0;
    for (size_t k = 0; k < n->parameters; k++) {
        nni_parameter *p = &m->parameters[n->parameters_at + k];
        p->frozen = n->frozen;
        if (p->shared != NNI_NONE) m->parameters[p->shared].frozen = n->frozen;
    }
    if (m->built) {
        nni_find_gradients(m, 0);
        if (m->run) m->run->ready = 0;
    }
    return NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_PARAMETER_H */
