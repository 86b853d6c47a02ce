/* scaler.h - preprocessing as a layer: saved with a model, and done in every prediction */
#ifndef NN_LAYERS_SCALER_H
#define NN_LAYERS_SCALER_H

#include "../data/scaler.h"
#include "../graph/model.h"

/* y = (x - mean)*scale as nn_scaler_apply does it, the same bits: the first layer of a network that is fed raw values.
 * Parameters "mean" and "scale", which are not trained; their values are copied. The gradient passes through. The scaler must
 * be one of x's channels, or of all its values. */
NN_API nn_node nn_layer_scale(nn_model *model, nn_node x, const nn_scaler *scaler);

#ifdef NN_IMPLEMENTATION

#include "../graph/workspace.h"

enum { NNI_SCALER_MEAN, NNI_SCALER_SCALE }; /* its parameters, in order */

/* How often its factors repeat: after the channels, or after a sample. */
static size_t nni_scaler_period(const nni_call *c) { return c->m->parameters[c->node->parameters_at].columns; }

static nn_status nni_scaler_forward(nni_call *c) {
    const size_t period = nni_scaler_period(c);
    nni_scaling_run(c->y, c->x, nni_call_size(c) / period, period, nni_weights(c, NNI_SCALER_MEAN), nni_weights(c, NNI_SCALER_SCALE), NULL);
    return NN_OK;
}
static nn_status nni_scaler_backward(nni_call *c) {
    const size_t period = nni_scaler_period(c);
    if (c->dx[0]) nni_scaling_run(c->dx[0], c->dy, nni_call_size(c) / period, period, NULL, nni_weights(c, NNI_SCALER_SCALE), NULL);
    return NN_OK;
}

/* One of its two rows of factors. */
static int nni_scaler_row(nn_model *m, nni_node *node, const char *kind, float constant, const float *start) {
    nni_parameter *p = nni_add_row(m, node, kind, node->options.scaler.size, constant);
    if (p) p->trained = 0;
    return p && (!start || nni_start_with(m, p, start));
}

static nn_node nni_scaler_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    const nni_scaler_options *s = &o->scaler;
    nni_node *node = nni_add_node(m, op, x, count);
    if (!node) return nni_no_node();
    if (s->size != node->shape.channels && s->size != nn_shape_size(node->shape))
        return NNI_MISTAKE(m, NN_ERROR_SHAPE, "%s: a scaler of %zu values for inputs of %zu values in %zu channels", node->name, s->size,
                           nn_shape_size(node->shape), node->shape.channels);
    node->options.scaler.size = s->size;
    if (!nni_scaler_row(m, node, "mean", 0.0f, s->mean) || !nni_scaler_row(m, node, "scale", 1.0f, s->scale)) return nni_no_node();
    return nni_added(m, node);
}

static const nni_field nni_scaler_fields[] = {NNI_FIELD(SIZE, "size", scaler.size), NNI_FIELDS_END};
static const nni_op nni_op_scaler = {"scaler", nni_scaler_forward, nni_scaler_backward, NULL, NULL, NULL,
                                     NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE, 1, nni_scaler_add, nni_scaler_fields};

NN_API nn_node nn_layer_scale(nn_model *m, nn_node x, const nn_scaler *s) {
    nni_options o = nni_no_options();
    if (!m || m->status != NN_OK) return nni_no_node();
    if (!s || !s->mean) return NNI_MISTAKE(m, NN_ERROR_NULL, "nn_layer_scale is given no scaler");
    if (nni_node_of(m, x) && !nni_scaler_fits(s, nn_node_shape(m, x)))
        return NNI_MISTAKE(m, NN_ERROR_SHAPE, "a scaler of %zu %s does not fit %s", s->size, s->per_channel ? "channels" : "values",
                           nn_node_name(m, x));
    o.scaler.size = s->size;
    o.scaler.mean = s->mean;
    o.scaler.scale = s->scale;
    return nni_layer(m, &nni_op_scaler, &x, 1, &o);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LAYERS_SCALER_H */
