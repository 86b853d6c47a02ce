/* gates.h - layers that combine nodes or change single values: what computational graphs are drawn with */
#ifndef NN_LAYERS_GATES_H
#define NN_LAYERS_GATES_H

#include "../graph/model.h"

/* Two nodes of one shape. */
NN_API nn_node nn_layer_add(nn_model *model, nn_node a, nn_node b);
NN_API nn_node nn_layer_sub(nn_model *model, nn_node a, nn_node b);
NN_API nn_node nn_layer_mul(nn_model *model, nn_node a, nn_node b);

/* e^x, its inverse, 1/x, and a*x + b, of every value. */
NN_API nn_node nn_layer_exp(nn_model *model, nn_node x);
NN_API nn_node nn_layer_log(nn_model *model, nn_node x);
NN_API nn_node nn_layer_reciprocal(nn_model *model, nn_node x);
NN_API nn_node nn_layer_linear(nn_model *model, nn_node x, float a, float b);

/* The channels of `count` nodes of one height and width, side by side. */
NN_API nn_node nn_layer_concat(nn_model *model, const nn_node *x, size_t count);

/* The same values under another shape, without a copy; flatten makes a vector of them. */
NN_API nn_node nn_layer_reshape(nn_model *model, nn_node x, nn_shape shape);
NN_API nn_node nn_layer_flatten(nn_model *model, nn_node x);

#ifdef NN_IMPLEMENTATION

#include "../graph/workspace.h"
#include "../maths.h"
#include "input.h"

static void nni_copy(float *y, const float *x, size_t n) {
    if (y != x) memcpy(y, x, n * sizeof *y);
}

/* ---- two inputs ---- */

static nn_status nni_add_forward(nni_call *c) {
    nn_add(c->y, c->x, nni_call_x(c, 1), nni_call_size(c));
    return NN_OK;
}
static nn_status nni_add_backward(nni_call *c) { /* dx[0] may be dy itself: it comes last */
    for (size_t k = c->node->inputs; k-- > 0;)
        if (c->dx[k]) nni_copy(c->dx[k], c->dy, nni_call_size(c));
    return NN_OK;
}
static nn_status nni_sub_forward(nni_call *c) {
    nn_sub(c->y, c->x, nni_call_x(c, 1), nni_call_size(c));
    return NN_OK;
}
static nn_status nni_sub_backward(nni_call *c) {
    if (c->dx[1]) nn_scale(c->dx[1], c->dy, nni_call_size(c), -1.0f);
    if (c->dx[0]) nni_copy(c->dx[0], c->dy, nni_call_size(c));
    return NN_OK;
}
static nn_status nni_mul_forward(nni_call *c) {
    nn_mul(c->y, c->x, nni_call_x(c, 1), nni_call_size(c));
    return NN_OK;
}
static nn_status nni_mul_backward(nni_call *c) {
    if (c->dx[1]) nn_mul(c->dx[1], c->dy, c->x, nni_call_size(c));
    if (c->dx[0]) nn_mul(c->dx[0], c->dy, nni_call_x(c, 1), nni_call_size(c));
    return NN_OK;
}

static const nni_op nni_op_add = {"add", nni_add_forward, nni_add_backward, NULL, NULL, NULL, NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE,
                                  2, nni_plain_add, NULL};
static const nni_op nni_op_sub = {"sub", nni_sub_forward, nni_sub_backward, NULL, NULL, NULL, NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE,
                                  2, nni_plain_add, NULL};
static const nni_op nni_op_mul = {"mul", nni_mul_forward, nni_mul_backward, NULL, NULL, NULL,
                                  NNI_NEEDS_X | NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE, 2, nni_plain_add, NULL};

NN_API nn_node nn_layer_add(nn_model *m, nn_node a, nn_node b) { return nni_plain_pair(m, &nni_op_add, a, b); }
NN_API nn_node nn_layer_sub(nn_model *m, nn_node a, nn_node b) { return nni_plain_pair(m, &nni_op_sub, a, b); }
NN_API nn_node nn_layer_mul(nn_model *m, nn_node a, nn_node b) { return nni_plain_pair(m, &nni_op_mul, a, b); }

/* ---- one input ---- */

static nn_status nni_exp_forward(nni_call *c) {
    nn_exp(c->y, c->x, nni_call_size(c));
    return NN_OK;
}
static nn_status nni_exp_backward(nni_call *c) {
    if (c->dx[0]) nn_exp_backward(c->dx[0], c->dy, c->y, nni_call_size(c));
    return NN_OK;
}
static nn_status nni_log_forward(nni_call *c) {
    nn_log(c->y, c->x, nni_call_size(c));
    return NN_OK;
}
static nn_status nni_log_backward(nni_call *c) {
    if (c->dx[0]) nn_log_backward(c->dx[0], c->dy, c->x, nni_call_size(c));
    return NN_OK;
}
static nn_status nni_reciprocal_forward(nni_call *c) {
    nn_reciprocal(c->y, c->x, nni_call_size(c));
    return NN_OK;
}
static nn_status nni_reciprocal_backward(nni_call *c) {
    if (c->dx[0]) nn_reciprocal_backward(c->dx[0], c->dy, c->y, nni_call_size(c));
    return NN_OK;
}
static nn_status nni_linear_forward(nni_call *c) {
    nn_scale(c->y, c->x, nni_call_size(c), c->node->options.linear.a);
    nn_add_row(c->y, c->y, &c->node->options.linear.b, nni_call_size(c), 1);
    return NN_OK;
}
static nn_status nni_linear_backward(nni_call *c) {
    if (c->dx[0]) nn_scale(c->dx[0], c->dy, nni_call_size(c), c->node->options.linear.a);
    return NN_OK;
}

static nn_node nni_linear_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    nni_node *node = nni_add_node(m, op, x, count);
    if (node) node->options = *o;
    return nni_added(m, node);
}

static const nni_op nni_op_exp = {"exp", nni_exp_forward, nni_exp_backward, NULL, NULL, NULL,
                                  NNI_NEEDS_Y | NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE, 1, nni_plain_add, NULL};
static const nni_op nni_op_log = {"log", nni_log_forward, nni_log_backward, NULL, NULL, NULL,
                                  NNI_NEEDS_X | NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE, 1, nni_plain_add, NULL};
static const nni_op nni_op_reciprocal = {"reciprocal", nni_reciprocal_forward, nni_reciprocal_backward, NULL, NULL, NULL,
                                         NNI_NEEDS_Y | NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE, 1, nni_plain_add, NULL};
static const nni_field nni_linear_fields[] = {NNI_FIELD(FLOAT, "a", linear.a), NNI_FIELD(FLOAT, "b", linear.b), NNI_FIELDS_END};
static const nni_op nni_op_linear = {"linear", nni_linear_forward, nni_linear_backward, NULL, NULL, NULL,
                                     NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE, 1, nni_linear_add, nni_linear_fields};

NN_API nn_node nn_layer_exp(nn_model *m, nn_node x) { return nni_plain(m, &nni_op_exp, x); }
NN_API nn_node nn_layer_log(nn_model *m, nn_node x) { return nni_plain(m, &nni_op_log, x); }
NN_API nn_node nn_layer_reciprocal(nn_model *m, nn_node x) { return nni_plain(m, &nni_op_reciprocal, x); }
NN_API nn_node nn_layer_linear(nn_model *m, nn_node x, float a, float b) {
    nni_options o = nni_no_options();
    o.linear.a = a;
    o.linear.b = b;
    return nni_layer(m, &nni_op_linear, &x, 1, &o);
}

/* ---- concatenation ---- */

/* Copies `width` columns of every row between matrices of other widths. */
static void nni_copy_columns(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) memcpy(y + r * ldy, x + r * ldx, width * sizeof *y);
}

static nn_status nni_concat_forward(nni_call *c) {
    const size_t all = c->node->shape.channels;
    size_t at = 0;
    for (size_t k = 0; k < c->node->inputs; k++) {
        const size_t n = nni_input_node(c->m, c->node, k)->shape.channels;
        nni_copy_columns(c->y + at, all, nni_call_x(c, k), n, c->places, n);
        at += n;
    }
    return NN_OK;
}
static nn_status nni_concat_backward(nni_call *c) {
    const size_t all = c->node->shape.channels;
    size_t at = 0;
    for (size_t k = 0; k < c->node->inputs; k++) {
        const size_t n = nni_input_node(c->m, c->node, k)->shape.channels;
        if (c->dx[k]) nni_copy_columns(c->dx[k], n, c->dy + at, all, c->places, n);
        at += n;
    }
    return NN_OK;
}
static nn_node nni_concat_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    nni_node *node = nni_add_node(m, op, x, count);
    if (!node) return nni_no_node();
    for (size_t k = 1; k < count; k++) {
        const nn_shape first = node->shape, next = nn_node_shape(m, x[k]);
        if (next.height != first.height || next.width != first.width)
            return NNI_MISTAKE(m, NN_ERROR_SHAPE, "%s: %s is %zu x %zu and %s %zu x %zu; only channels may differ", node->name,
                               nn_node_name(m, x[0]), first.height, first.width, nn_node_name(m, x[k]), next.height, next.width);
        node->shape.channels += next.channels;
    }
    if (!nni_shape_valid(m, node->shape, "a concatenation")) return nni_no_node();
    return (void)o, nni_added(m, node);
}
static const nni_op nni_op_concat = {"concat", nni_concat_forward, nni_concat_backward, NULL, NULL, NULL, 0, NNI_MANY,
                                     nni_concat_add, NULL};

NN_API nn_node nn_layer_concat(nn_model *m, const nn_node *x, size_t count) {
    if (!m || m->status != NN_OK) return nni_no_node();
    if (!x || !count) return NNI_MISTAKE(m, x ? NN_ERROR_ARGUMENT : NN_ERROR_NULL, "nn_layer_concat needs at least one node");
    return nni_layer(m, &nni_op_concat, x, count, NULL);
}

/* ---- reshape ---- */

static nn_status nni_reshape_backward(nni_call *c) {
    if (c->dx[0]) nni_copy(c->dx[0], c->dy, nni_call_size(c));
    return NN_OK;
}
static nn_node nni_reshape_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    if (!nni_shape_valid(m, o->shape, op->name)) return nni_no_node();
    nni_node *node = nni_add_node(m, op, x, count);
    if (!node) return nni_no_node();
    const nn_shape from = node->shape;
    node->options = *o;
    if (nn_shape_size(from) != nn_shape_size(o->shape))
        return NNI_MISTAKE(m, NN_ERROR_SHAPE, "%s of %s: %zu x %zu x %zu values cannot become %zu x %zu x %zu", node->name,
                           nn_node_name(m, x[0]), from.height, from.width, from.channels, o->shape.height, o->shape.width,
                           o->shape.channels);
    node->shape = o->shape;
    return nni_added(m, node);
}
static const nni_op nni_op_reshape = {"reshape", NULL, nni_reshape_backward, NULL, NULL, NULL, NNI_ALIAS, 1,
                                      nni_reshape_add, nni_shape_fields};
static const nni_op nni_op_flatten = {"flatten", NULL, nni_reshape_backward, NULL, NULL, NULL, NNI_ALIAS, 1,
                                      nni_reshape_add, nni_shape_fields};

NN_API nn_node nn_layer_reshape(nn_model *m, nn_node x, nn_shape shape) {
    nni_options o = nni_no_options();
    o.shape = shape;
    return nni_layer(m, &nni_op_reshape, &x, 1, &o);
}
NN_API nn_node nn_layer_flatten(nn_model *m, nn_node x) {
    nni_options o = nni_no_options();
    o.shape = nn_shape_vector(nni_max(nn_shape_size(nn_node_shape(m, x)), 1));
    return nni_layer(m, &nni_op_flatten, &x, 1, &o);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LAYERS_GATES_H */
