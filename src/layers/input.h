/* input.h - where data enters a network */
#ifndef NN_LAYERS_INPUT_H
#define NN_LAYERS_INPUT_H

#include "../graph/model.h"

/* Samples of this shape, fed by nn_feed. */
NN_API nn_node nn_layer_input(nn_model *model, nn_shape shape);

/* Keeps the gradient of a node for nn_gradient_of, and computes it even if no parameter needs it: of an input, say. */
NN_API nn_node nn_want_gradient(nn_model *model, nn_node node);

/* Keeps the value of a node for nn_activation_of, where the plan of memory would give its place to another. */
NN_API nn_node nn_want_value(nn_model *model, nn_node node);

#ifdef NN_IMPLEMENTATION

/* Whether a sample of that shape can exist; an error if not. */
static int nni_shape_valid(nn_model *m, nn_shape shape, const char *what) {
    size_t places, floats;
    if (!m || m->status != NN_OK) return 0;
    if (!shape.height || !shape.width || !shape.channels)
        NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "%s of shape %zu x %zu x %zu: no side may be 0", what, shape.height, shape.width, shape.channels);
    else if (!nni_mul_size(shape.height, shape.width, &places) || !nni_mul_size(places, shape.channels, &floats) ||
             floats > PTRDIFF_MAX / 8)
        NNI_MISTAKE(m, NN_ERROR_SIZE, "%s of shape %zu x %zu x %zu is too large", what, shape.height, shape.width, shape.channels);
    return m->status == NN_OK;
}

static nn_node nni_input_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    if (!nni_shape_valid(m, o->shape, "an input")) return nni_no_node();
    nni_node *node = nni_add_node(m, op, x, count);
    if (!node) return nni_no_node();
    node->shape = node->options.shape = o->shape;
    return nni_added(m, node);
}

static const nni_field nni_shape_fields[] = {NNI_FIELD(SIZE, "height", shape.height), NNI_FIELD(SIZE, "width", shape.width),
                                             NNI_FIELD(SIZE, "channels", shape.channels), NNI_FIELDS_END};
static const nni_op nni_op_input = {"input", NULL, NULL, NULL, NULL, NULL, NNI_INPUT, 0, nni_input_add, nni_shape_fields};

NN_API nn_node nn_layer_input(nn_model *m, nn_shape shape) {
    nni_options o = nni_no_options();
    o.shape = shape;
    return nni_layer(m, &nni_op_input, NULL, 0, &o);
}

/* The node to be kept in some way, before the build; or NULL and an error. */
static nni_node *nni_wanted_node(nn_model *m, nn_node node, const char *what) {
    if (!m || m->status != NN_OK) return NULL;
    if (m->built) return NNI_MISTAKE(m, NN_ERROR_ORDER, "%s after nn_model_build", what), (nni_node *)NULL;
    if (nni_node_of(m, node)) return &m->nodes[node.id - 1];
    return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "%s is given a node that this model does not have", what), (nni_node *)NULL;
}

NN_API nn_node nn_want_gradient(nn_model *m, nn_node node) {
    nni_node *n = nni_wanted_node(m, node, "nn_want_gradient");
    if (n) n->wanted = 1;
    return nni_added(m, n);
}
NN_API nn_node nn_want_value(nn_model *m, nn_node node) {
    nni_node *n = nni_wanted_node(m, node, "nn_want_value");
    if (n) n->flags |= NNI_OUTPUT;
    return nni_added(m, n);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LAYERS_INPUT_H */
