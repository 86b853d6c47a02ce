/* loss.h - where a network is compared with what it should say */
#ifndef NN_LAYERS_LOSS_H
#define NN_LAYERS_LOSS_H

#include "../graph/model.h"
#include "../loss.h"

/* Compares x with the targets or labels fed to the node that this returns. NN_LOSS_SOFTMAX_CE takes the outputs of the last
 * dense layer as they are; nn_predict then gives probabilities all the same. A softmax or sigmoid layer before the loss is
 * recognised: NN_LOSS_CE behind a softmax is computed as NN_LOSS_SOFTMAX_CE, so nothing is lost by writing it out. */
NN_API nn_node nn_layer_loss(nn_model *model, nn_node x, nn_loss loss);

/* With smoothing, class weights, reduction, ... of a desc, whose targets, labels and sample weights are left NULL: they are
 * fed. class_weights must outlive the model; scale is the loss's part in the total of several. */
NN_API nn_node nn_layer_loss_with(nn_model *model, nn_node x, const nn_loss_desc *desc);

/* A loss of the caller's: computes *value and, unless dx is NULL, the gradient, for `rows` rows of n floats. */
typedef nn_status (*nn_custom_loss)(float *value, float *dx, const float *x, const float *targets, size_t rows, size_t n, void *user);
NN_API nn_node nn_layer_custom_loss(nn_model *model, nn_node x, nn_custom_loss loss, void *user);

#ifdef NN_IMPLEMENTATION

#include "../graph/workspace.h"
#include "activation.h"

/* The gradient is computed with the value, while x is in the cache; the backward pass finds it in the node's own memory. */
static nn_status nni_loss_forward(nni_call *c) {
    const nni_loss_options *o = &c->node->options.loss;
    nni_feed *feed = &c->w->feeds[c->node - c->m->nodes];
    float *dx = c->mode == NN_TRAIN && c->node->backward ? nni_gradient(c->w, nni_id(c->m, c->node)) : NULL;
    nn_status status;
    if (o->custom) {
        status = o->custom(&feed->loss, dx, c->x, feed->values, c->places, c->n, o->user);
    } else {
        nn_loss_desc desc = o->desc;
        desc.targets = feed->values;
        desc.labels = feed->labels;
        desc.sample_weights = feed->weights;
        status = nn_loss_run(&feed->loss, NULL, dx, c->x, c->places, c->n, &desc);
    }
    if (status != NN_OK) return nni_report(c->m, status, "%s: %s", c->node->name, nn_status_message(status));
    return NN_OK;
}

static nn_status nni_loss_backward(nni_call *c) {
    if (c->dx[0] && c->dx[0] != c->dy) memcpy(c->dx[0], c->dy, nni_call_size(c) * sizeof(float));
    return NN_OK;
}

static const nni_op nni_op_loss = {"loss", nni_loss_forward, nni_loss_backward, NULL, NULL, NULL, NNI_LOSS | NNI_GRADIENT_IN_PLACE};

/* The loss of logits that is `loss` of an activation's output, or NN_LOSS_COUNT. */
static nn_loss nni_loss_of_logits(const nni_node *node, nn_loss loss) {
    if (node->op == &nni_op_softmax && loss == NN_LOSS_CE) return NN_LOSS_SOFTMAX_CE;
    if (node->op == &nni_op_softmax && loss == NN_LOSS_BCE) return NN_LOSS_SOFTMAX_BCE;
    if (node->op == &nni_op_softmax && loss == NN_LOSS_MSE) return NN_LOSS_SOFTMAX_MSE;
    if ((node->flags & NNI_ACTIVATION) && node->options.activation.kind == NN_SIGMOID && loss == NN_LOSS_BCE) return NN_LOSS_SIGMOID_BCE;
    return NN_LOSS_COUNT;
}

/* The node that turns logits into what the loss compares, made here if the caller wrote the loss of logits. */
static nn_node nni_loss_prediction(nn_model *m, nn_node x, nn_loss loss) {
    nn_node made = nni_no_node();
    if (loss == NN_LOSS_SOFTMAX_CE || loss == NN_LOSS_SOFTMAX_BCE || loss == NN_LOSS_SOFTMAX_MSE) made = nn_layer_softmax(m, x);
    if (loss == NN_LOSS_SIGMOID_BCE) made = nn_layer_sigmoid(m, x);
    return made;
}

static nn_node nni_add_loss(nn_model *m, nn_node x, const nni_loss_options *options) {
    nni_loss_options o = *options;
    const nni_node *from = nni_node_of(m, x);
    if (from && !o.custom && m->status == NN_OK) {
        const nn_loss fused = nni_loss_of_logits(from, o.desc.loss);
        nn_node prediction = nni_no_node();
        if (fused != NN_LOSS_COUNT) {
            prediction = x;
            x.id = nni_input(m, from, 0);
            o.desc.loss = fused;
        } else {
            prediction = nni_loss_prediction(m, x, o.desc.loss);
        }
        o.prediction = prediction.id;
    }
    nni_node *node = nni_add_node(m, &nni_op_loss, &x, 1);
    if (!node) return nni_no_node();
    node->options.loss = o;
    m->nodes[(o.prediction ? o.prediction : x.id) - 1].flags |= o.prediction ? NNI_OUTPUT | NNI_PREDICTION : NNI_OUTPUT;
    return nni_added(m, node);
}

NN_API nn_node nn_layer_loss_with(nn_model *m, nn_node x, const nn_loss_desc *desc) {
    if (!m || m->status != NN_OK) return nni_no_node();
    if (!desc) return NNI_MISTAKE(m, NN_ERROR_NULL, "nn_layer_loss_with needs a desc");
    if ((unsigned)desc->loss >= NN_LOSS_COUNT) return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "%d is not a loss", (int)desc->loss);
    nni_loss_options o;
    memset(&o, 0, sizeof o);
    o.desc = *desc;
    return nni_add_loss(m, x, &o);
}

NN_API nn_node nn_layer_loss(nn_model *m, nn_node x, nn_loss loss) {
    nn_loss_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.loss = loss;
    return nn_layer_loss_with(m, x, &desc);
}

NN_API nn_node nn_layer_custom_loss(nn_model *m, nn_node x, nn_custom_loss loss, void *user) {
    if (!m || m->status != NN_OK) return nni_no_node();
    if (!loss) return NNI_MISTAKE(m, NN_ERROR_NULL, "nn_layer_custom_loss needs a function");
    nni_loss_options o;
    memset(&o, 0, sizeof o);
    o.custom = loss;
    o.user = user;
    return nni_add_loss(m, x, &o);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LAYERS_LOSS_H */
