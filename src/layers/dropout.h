/* dropout.h - layers that are random in training: dropout and noise */
#ifndef NN_LAYERS_DROPOUT_H
#define NN_LAYERS_DROPOUT_H

#include "../graph/model.h"

/* In training, keeps every value with probability 1 - drop, fresh at each step, and divides those by it; in tests does
 * nothing. On inputs too. The gradient passes through the same mask. */
NN_API nn_node nn_layer_dropout(nn_model *model, nn_node x, float drop);

/* The lectures' form: kept values stay as they are in training, and all are multiplied by 1 - drop in tests. */
NN_API nn_node nn_layer_dropout_scaling_tests(nn_model *model, nn_node x, float drop);

/* Whole channels of a sample are kept or dropped. */
NN_API nn_node nn_layer_dropout_channels(nn_model *model, nn_node x, float drop);

/* Adds normally distributed noise in training. */
NN_API nn_node nn_layer_noise(nn_model *model, nn_node x, float deviation);

#ifdef NN_IMPLEMENTATION

#include "../dropout.h"
#include "../graph/workspace.h"
#include "../maths.h"

/* Forward and back are one: the mask follows from the node's random numbers at this step. */
static void nni_dropout_apply(const nni_call *c, float *y, const float *x) {
    const nni_dropout_options *o = &c->node->options.dropout;
    const float scale = o->scale_at_test ? 1.0f : 1.0f / o->keep;
    nn_random random = nni_call_random(c);
    const nn_shape shape = c->node->shape;
    if (o->spatial) nn_dropout_channels(y, x, c->rows, shape.height * shape.width, shape.channels, o->keep, scale, &random);
    else nn_dropout(y, x, nni_call_size(c), o->keep, scale, &random);
}

static nn_status nni_dropout_forward(nni_call *c) {
    const size_t n = nni_call_size(c);
    if (c->mode == NN_TRAIN) nni_dropout_apply(c, c->y, c->x);
    else if (c->node->options.dropout.scale_at_test) nn_scale(c->y, c->x, n, c->node->options.dropout.keep);
    else if (c->y != c->x) memcpy(c->y, c->x, n * sizeof(float));
    return NN_OK;
}
static nn_status nni_dropout_backward(nni_call *c) {
    if (c->dx[0]) nni_dropout_apply(c, c->dx[0], c->dy);
    return NN_OK;
}
static nn_node nni_dropout_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    nni_node *node = nni_add_node(m, op, x, count);
    if (!node) return nni_no_node();
    if (!(o->dropout.keep > 0.0f && o->dropout.keep <= 1.0f))
        return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "%s: the probability to keep must lie in (0, 1], and %g does not", node->name,
                           (double)o->dropout.keep);
    node->options = *o;
    return nni_added(m, node);
}
static const nni_field nni_dropout_fields[] = {NNI_FIELD(FLOAT, "keep", dropout.keep),
                                               NNI_FIELD(FLAG, "scale_at_test", dropout.scale_at_test),
                                               NNI_FIELD(FLAG, "whole_channels", dropout.spatial), NNI_FIELDS_END};
static const nni_op nni_op_dropout = {"dropout", nni_dropout_forward, nni_dropout_backward, NULL, NULL, NULL,
                                      NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE, 1, nni_dropout_add, nni_dropout_fields};

static nn_node nni_add_dropout(nn_model *m, nn_node x, float drop, int scale_at_test, int spatial) {
    if (!m || m->status != NN_OK) return nni_no_node();
    if (!(drop >= 0.0f && drop < 1.0f))
        return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "nn_layer_dropout: the probability to drop must lie in [0, 1), and %g does not",
                           (double)drop);
    nni_options o = nni_no_options();
    o.dropout.keep = 1.0f - drop;
    o.dropout.scale_at_test = scale_at_test;
    o.dropout.spatial = spatial;
    return nni_layer(m, &nni_op_dropout, &x, 1, &o);
}
NN_API nn_node nn_layer_dropout(nn_model *m, nn_node x, float drop) { return nni_add_dropout(m, x, drop, 0, 0); }
NN_API nn_node nn_layer_dropout_scaling_tests(nn_model *m, nn_node x, float drop) { return nni_add_dropout(m, x, drop, 1, 0); }
NN_API nn_node nn_layer_dropout_channels(nn_model *m, nn_node x, float drop) { return nni_add_dropout(m, x, drop, 0, 1); }

/* ---- noise ---- */

static nn_status nni_noise_forward(nni_call *c) {
    nn_random random = nni_call_random(c);
    if (c->mode == NN_TRAIN) nn_add_normal(c->y, c->x, nni_call_size(c), c->node->options.deviation, &random);
    else if (c->y != c->x) memcpy(c->y, c->x, nni_call_size(c) * sizeof(float));
    return NN_OK;
}
static nn_status nni_noise_backward(nni_call *c) {
    if (c->dx[0] && c->dx[0] != c->dy) memcpy(c->dx[0], c->dy, nni_call_size(c) * sizeof(float));
    return NN_OK;
}
static nn_node nni_noise_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    nni_node *node = nni_add_node(m, op, x, count);
    if (!node) return nni_no_node();
    if (!(o->deviation >= 0.0f))
        return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "%s: a deviation of %g makes no sense", node->name, (double)o->deviation);
    node->options = *o;
    return nni_added(m, node);
}
static const nni_field nni_noise_fields[] = {NNI_FIELD(FLOAT, "deviation", deviation), NNI_FIELDS_END};
static const nni_op nni_op_noise = {"noise", nni_noise_forward, nni_noise_backward, NULL, NULL, NULL, NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE,
                                    1, nni_noise_add, nni_noise_fields};

NN_API nn_node nn_layer_noise(nn_model *m, nn_node x, float deviation) {
    nni_options o = nni_no_options();
    o.deviation = deviation;
    return nni_layer(m, &nni_op_noise, &x, 1, &o);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LAYERS_DROPOUT_H */
