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
    nni_scaling_run(c->y, c->x, nni_call_size(c) / period, period, nni_weights(c, NNI_SCALER_MEAN),
                    nni_weights(c, NNI_SCALER_SCALE), NULL);
    return NN_OK;
}
static nn_status nni_scaler_backward(nni_call *c) {
    const size_t period = nni_scaler_period(c);
    if (c->dx[0])
        nni_scaling_run(c->dx[0], c->dy, nni_call_size(c) / period, period, NULL, nni_weights(c, NNI_SCALER_SCALE), NULL);
    return NN_OK;
}
static const nni_op nni_op_scaler = {
    "scaler", nni_scaler_forward, nni_scaler_backward, NULL, NULL, NULL, NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE};

/* One that starts with these values; NULL: means of 0 and scales of 1. */
static nn_node nni_add_scaler(nn_model *m, nn_node x, size_t size, const float *mean, const float *scale) {
    nni_node *node = nni_add_node(m, &nni_op_scaler, &x, 1);
    if (!node) return nni_no_node();
    if (size != node->shape.channels && size != nn_shape_size(node->shape))
        return NNI_MISTAKE(m, NN_ERROR_SHAPE, "%s: a scaler of %zu values for inputs of %zu values in %zu channels", node->name,
                           size, nn_shape_size(node->shape), node->shape.channels);
    nni_parameter *p = nni_add_row(m, node, "mean", size, 0.0f);
    if (p) p->trained = 0;
    if (p && mean && !nni_start_with(m, p, mean)) return nni_no_node();
    p = p ? nni_add_row(m, node, "scale", size, 1.0f) : NULL;
    if (p) p->trained = 0;
    if (p && scale && !nni_start_with(m, p, scale)) return nni_no_node();
    return p ? nni_added(m, node) : nni_no_node();
}

NN_API nn_node nn_layer_scale(nn_model *m, nn_node x, const nn_scaler *s) {
    if (m && m->status == NN_OK && (!s || !s->mean)) return NNI_MISTAKE(m, NN_ERROR_NULL, "nn_layer_scale is given no scaler");
    if (m && m->status == NN_OK && nni_node_of(m, x) && !nni_scaler_fits(s, nn_node_shape(m, x)))
        return NNI_MISTAKE(m, NN_ERROR_SHAPE, "a scaler of %zu %s does not fit %s", s->size,
                           s->per_channel ? "channels" : "values", nn_node_name(m, x));
    return nni_add_scaler(m, x, s ? s->size : 0, s ? s->mean : NULL, s ? s->scale : NULL);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LAYERS_SCALER_H */
