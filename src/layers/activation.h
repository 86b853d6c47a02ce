/* activation.h - non-linear layers */
#ifndef NN_LAYERS_ACTIVATION_H
#define NN_LAYERS_ACTIVATION_H

#include "../activation.h"
#include "../graph/model.h"

/* An activation of every value. `slope` is the a of NN_LEAKY_RELU (usually 0.01) and NN_ELU (usually 1). Behind a dense or
 * convolutional layer it costs nothing: that layer applies it as it writes. */
NN_API nn_node nn_layer_activation(nn_model *model, nn_node x, nn_activation activation, float slope);

/* nn_layer_relu(m, x), nn_layer_tanh(m, x) and so on: one for each activation, with the usual slope. */
#define NN_LAYER_ACTIVATION(name, function, ...) NN_API nn_node nn_layer_##function(nn_model *model, nn_node x);
NN_ACTIVATION_LIST(NN_LAYER_ACTIVATION)
#undef NN_LAYER_ACTIVATION

/* ReLU with a slope below 0 that is learned, one a channel, from 0.25 on. Parameter "slope". */
NN_API nn_node nn_layer_prelu(nn_model *model, nn_node x);

/* Over the channels of each place. Before a loss it may be left out: see nn_layer_loss. */
NN_API nn_node nn_layer_softmax(nn_model *model, nn_node x);
NN_API nn_node nn_layer_log_softmax(nn_model *model, nn_node x);

#ifdef NN_IMPLEMENTATION

#include "../graph/workspace.h"
#include "../maths.h"
#include "../prelu.h"
#include "../softmax.h"

/* ---- by name ---- */

static nn_status nni_activation_forward(nni_call *c) {
    nn_activate(c->y, c->x, nni_call_size(c), c->node->options.activation.kind, c->node->options.activation.slope);
    return NN_OK;
}
static nn_status nni_activation_backward(nni_call *c) {
    const nni_activation_options *a = &c->node->options.activation;
    const float *v = nn_activation_keeps_input(a->kind) ? c->x : c->y;
    if (c->dx[0]) nn_activate_backward(c->dx[0], c->dy, v, nni_call_size(c), a->kind, a->slope);
    return NN_OK;
}

static nn_node nni_activation_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o);

static const nni_field nni_activation_fields[] = {NNI_FIELD(FLOAT, "slope", activation.slope), NNI_FIELDS_END};

/* A kind for each function, after which its nodes are named: "relu_1". */
static const nni_op nni_ops_activation[] = {
#define NNI_OP_ACTIVATION(name, function, ...) \
    {#function, nni_activation_forward, nni_activation_backward, NULL, NULL, NULL, \
     NNI_NEEDS_Y | NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE | NNI_ACTIVATION, 1, nni_activation_add, nni_activation_fields},
    NN_ACTIVATION_LIST(NNI_OP_ACTIVATION)
#undef NNI_OP_ACTIVATION
};

static nn_node nni_activation_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    const nn_activation kind = (nn_activation)(op - nni_ops_activation);
    const float slope = o->activation.slope;
    if ((kind == NN_LEAKY_RELU || kind == NN_ELU) && !(slope > 0.0f && slope <= FLT_MAX))
        return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "the slope of a %s must be positive, not %g", op->name, (double)slope);
    nni_node *node = nni_add_node(m, op, x, count);
    if (!node) return nni_no_node();
    node->options.activation.kind = kind;
    node->options.activation.slope = slope;
    if (nn_activation_keeps_input(kind)) node->flags = (node->flags & ~(unsigned)NNI_NEEDS_Y) | NNI_NEEDS_X;
    return nni_added(m, node);
}

NN_API nn_node nn_layer_activation(nn_model *m, nn_node x, nn_activation activation, float slope) {
    if (!m || m->status != NN_OK) return nni_no_node();
    if ((unsigned)activation >= NN_ACTIVATION_COUNT)
        return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "nn_layer_activation: %d is not an activation", (int)activation);
    nni_options o = nni_no_options();
    o.activation.slope = slope;
    return nni_layer(m, &nni_ops_activation[activation], &x, 1, &o);
}

#define NNI_LAYER_ACTIVATION(name, function, ...)                                  \
    NN_API nn_node nn_layer_##function(nn_model *m, nn_node x) {                   \
        return nn_layer_activation(m, x, name, name == NN_LEAKY_RELU ? 0.01f : 1.0f); \
    }
NN_ACTIVATION_LIST(NNI_LAYER_ACTIVATION)
#undef NNI_LAYER_ACTIVATION

/* ---- PReLU ---- */

static nn_status nni_prelu_forward(nni_call *c) {
    nn_prelu(c->y, c->x, nni_weights(c, 0), c->places, c->n, 0);
    return NN_OK;
}
static nn_status nni_prelu_backward(nni_call *c) {
    int add = 0;
    float *dslope = nni_weights_gradient(c, 0, &add);
    nn_prelu_backward(c->dx[0], dslope, c->dy, c->x, nni_weights(c, 0), c->places, c->n, 0, add);
    return NN_OK;
}
static nn_node nni_prelu_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    nni_node *node = nni_add_node(m, op, x, count);
    if (node) nni_add_row(m, node, "slope", node->shape.channels, 0.25f);
    return (void)o, nni_added(m, node);
}
static const nni_op nni_op_prelu = {"prelu", nni_prelu_forward, nni_prelu_backward, NULL, NULL, NULL,
                                    NNI_NEEDS_X | NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE, 1, nni_prelu_add, NULL};

NN_API nn_node nn_layer_prelu(nn_model *m, nn_node x) { return nni_plain(m, &nni_op_prelu, x); }

/* ---- softmax ---- */

static nn_status nni_softmax_forward(nni_call *c) {
    nn_softmax(c->y, c->x, c->places, c->n);
    return NN_OK;
}
static nn_status nni_softmax_backward(nni_call *c) {
    if (c->dx[0]) nn_softmax_backward(c->dx[0], c->dy, c->y, c->places, c->n);
    return NN_OK;
}
static nn_status nni_log_softmax_forward(nni_call *c) {
    nn_log_softmax(c->y, c->x, c->places, c->n);
    return NN_OK;
}
static nn_status nni_log_softmax_backward(nni_call *c) {
    if (c->dx[0]) nn_log_softmax_backward(c->dx[0], c->dy, c->y, c->places, c->n);
    return NN_OK;
}
static const nni_op nni_op_softmax = {"softmax", nni_softmax_forward, nni_softmax_backward, NULL, NULL, NULL,
                                      NNI_NEEDS_Y | NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE, 1, nni_plain_add, NULL};
static const nni_op nni_op_log_softmax = {"log_softmax", nni_log_softmax_forward, nni_log_softmax_backward, NULL, NULL, NULL,
                                          NNI_NEEDS_Y | NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE, 1, nni_plain_add, NULL};

NN_API nn_node nn_layer_softmax(nn_model *m, nn_node x) { return nni_plain(m, &nni_op_softmax, x); }
NN_API nn_node nn_layer_log_softmax(nn_model *m, nn_node x) { return nni_plain(m, &nni_op_log_softmax, x); }

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LAYERS_ACTIVATION_H */
