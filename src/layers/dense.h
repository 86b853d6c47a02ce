/* dense.h - the fully connected layer: y = x w + b */
#ifndef NN_LAYERS_DENSE_H
#define NN_LAYERS_DENSE_H

#include "../graph/model.h"

/* `units` outputs from all values of a sample (an image is taken as one long vector). Parameters: "weights" [in x units]
 * and "bias" [units]. */
NN_API nn_node nn_layer_dense(nn_model *model, nn_node x, size_t units);

/* The same without a bias: before a batch norm, which would take it away again. */
NN_API nn_node nn_layer_dense_no_bias(nn_model *model, nn_node x, size_t units);

/* The same layer again on another input of the same size: its weights and bias are those of `like`. */
NN_API nn_node nn_layer_dense_shared(nn_model *model, nn_node x, nn_node like);

/* A bias alone: one value a channel is added. Parameter "bias". */
NN_API nn_node nn_layer_bias(nn_model *model, nn_node x);

#ifdef NN_IMPLEMENTATION

#include "../columns.h"
#include "../gemm.h"
#include "../graph/workspace.h"
#include "../maths.h"
#include "input.h"

/* ---- dense ---- */

static inline size_t nni_dense_in(const nn_model *m, const nni_node *node) { return nn_shape_size(nni_input_node(m, node, 0)->shape); }

static nn_status nni_dense_forward(nni_call *c) {
    nn_sgemm_desc d = nni_sgemm_usual;
    d.bias = nni_bias(c);
    d.activation = c->place->epilogue.kind;
    d.slope = c->place->epilogue.slope;
    d.allocator = c->scratch;
    return nn_sgemm(c->y, c->x, nni_weights(c, 0), c->rows, c->node->shape.channels, nni_dense_in(c->m, c->node), 1.0f, 0.0f, &d);
}

static nn_status nni_dense_backward(nni_call *c) {
    const size_t in = nni_dense_in(c->m, c->node), units = c->node->shape.channels;
    int add = 0, add_bias = 0;
    float *dw = nni_weights_gradient(c, 0, &add), *db = nni_weights_gradient(c, 1, &add_bias);
    nn_sgemm_desc by_weights = nni_sgemm_usual, by_input = nni_sgemm_usual;
    by_weights.transpose_a = 1;
    by_input.transpose_b = 1;
    by_weights.allocator = by_input.allocator = c->scratch;
    nn_status status = NN_OK;
    if (dw) status = nn_sgemm(dw, c->x, c->dy, in, units, c->rows, 1.0f, add ? 1.0f : 0.0f, &by_weights);
    if (db) nn_sum_columns(db, c->dy, c->rows, units, add_bias);
    if (c->dx[0] && status == NN_OK)
        status = nn_sgemm(c->dx[0], c->dy, nni_weights(c, 0), c->rows, in, units, 1.0f, 0.0f, &by_input);
    return status;
}

/* Bytes of the arena for a product. */
static size_t nni_sgemm_need(size_t m, size_t n, size_t k, int transpose_a, int transpose_b) {
    nn_sgemm_desc d = nni_sgemm_usual;
    d.transpose_a = transpose_a;
    d.transpose_b = transpose_b;
    size_t times;
    const size_t bytes = nn_sgemm_workspace(m, n, k, &d, &times);
    return bytes + times * nni_arena_need(1);
}

/* For every number of rows up to the batch: fewer may need more, where they take another way. */
static size_t nni_dense_work(const nn_model *m, const nni_node *node, size_t rows) {
    const size_t in = nni_dense_in(m, node), units = node->shape.channels;
    size_t most = 0;
    for (size_t r = 1; r <= rows; r++) {
        most = nni_max(most, nni_sgemm_need(r, units, in, 0, 0));
        if (m->inference) continue;
        most = nni_max(most, nni_max(nni_sgemm_need(in, units, r, 1, 0), nni_sgemm_need(r, in, units, 0, 1)));
    }
    return most;
}

/* The parameters of the layer `like`, an earlier one, take the place of the node's own. */
static void nni_dense_share(nn_model *m, const nni_node *node, uint32_t like) {
    const nni_node *other = like && like < nni_id(m, node) ? &m->nodes[like - 1] : NULL;
    if (!other || other->op != node->op) {
        NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "%s shares the weights of a dense layer before it, and %s is none", node->name,
                    other ? other->name : "what it names");
        return;
    }
    const nni_parameter *mine = &m->parameters[node->parameters_at], *theirs = &m->parameters[other->parameters_at];
    if (mine->rows != theirs->rows)
        NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "%s takes %zu values and cannot share the weights of %s, which takes %zu", node->name, mine->rows,
                    other->name, theirs->rows);
    else if (mine->columns != theirs->columns || node->parameters != other->parameters)
        NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "%s cannot share the parameters of %s: units or bias differ", node->name, other->name);
    else nni_share_parameters(m, node, other->parameters_at);
}

static nn_node nni_dense_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    const size_t units = o->dense.units;
    nni_node *node = nni_add_node(m, op, x, count);
    if (!node || !nni_shape_valid(m, nn_shape_vector(units), "a dense layer")) return nni_no_node();
    node->shape = nn_shape_vector(units);
    node->options = *o;
    nni_add_weights(m, node, nni_dense_in(m, node), units, nni_dense_in(m, node), units);
    if (o->dense.bias && m->status == NN_OK) nni_add_row(m, node, "bias", units, 0.0f);
    if (o->dense.like && m->status == NN_OK) nni_dense_share(m, node, o->dense.like);
    return m->status == NN_OK ? nni_added(m, node) : nni_no_node();
}

static const nni_field nni_dense_fields[] = {NNI_FIELD(SIZE, "units", dense.units), NNI_FIELD(FLAG, "bias", dense.bias),
                                             NNI_FIELD(NODE, "like", dense.like), NNI_FIELDS_END};
static const nni_op nni_op_dense = {"dense", nni_dense_forward, nni_dense_backward, NULL, NULL, nni_dense_work,
                                    NNI_NEEDS_X | NNI_EPILOGUE, 1, nni_dense_add, nni_dense_fields};

static nn_node nni_add_dense(nn_model *m, nn_node x, size_t units, int bias, uint32_t like) {
    nni_options o = nni_no_options();
    o.dense.units = units;
    o.dense.bias = bias;
    o.dense.like = like;
    return nni_layer(m, &nni_op_dense, &x, 1, &o);
}
NN_API nn_node nn_layer_dense_no_bias(nn_model *m, nn_node x, size_t units) { return nni_add_dense(m, x, units, 0, 0); }
NN_API nn_node nn_layer_dense(nn_model *m, nn_node x, size_t units) { return nni_add_dense(m, x, units, 1, 0); }

NN_API nn_node nn_layer_dense_shared(nn_model *m, nn_node x, nn_node like) {
    if (!m || m->status != NN_OK) return nni_no_node();
    if (!nni_node_of(m, like) || m->nodes[like.id - 1].op != &nni_op_dense)
        return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "nn_layer_dense_shared shares with a dense layer, and %s is none", nn_node_name(m, like));
    const nni_dense_options of = m->nodes[like.id - 1].options.dense;
    return nni_add_dense(m, x, of.units, of.bias, like.id);
}

/* ---- bias ---- */

static nn_status nni_bias_forward(nni_call *c) {
    nn_add_row(c->y, c->x, nni_weights(c, 0), c->places, c->n);
    return NN_OK;
}
static nn_status nni_bias_backward(nni_call *c) {
    int add = 0;
    float *db = nni_weights_gradient(c, 0, &add);
    if (db) nn_sum_columns(db, c->dy, c->places, c->n, add);
    if (c->dx[0] && c->dx[0] != c->dy) memcpy(c->dx[0], c->dy, nni_call_size(c) * sizeof(float));
    return NN_OK;
}
static nn_node nni_bias_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    nni_node *node = nni_add_node(m, op, x, count);
    if (node) nni_add_row(m, node, "bias", node->shape.channels, 0.0f);
    return (void)o, nni_added(m, node);
}
static const nni_op nni_op_bias = {"bias", nni_bias_forward, nni_bias_backward, NULL, NULL, NULL, NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE,
                                   1, nni_bias_add, NULL};

NN_API nn_node nn_layer_bias(nn_model *m, nn_node x) { return nni_plain(m, &nni_op_bias, x); }

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LAYERS_DENSE_H */
