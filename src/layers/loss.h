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
 * fed. class_weights, one a channel of x, are copied; scale is the loss's part in the total of several. */
NN_API nn_node nn_layer_loss_with(nn_model *model, nn_node x, const nn_loss_desc *desc);

/* A loss of the caller's: computes *value and, unless dx is NULL, the gradient, for `rows` rows of n floats. */
typedef nn_status (*nn_custom_loss)(float *value, float *dx, const float *x, const float *targets, size_t rows, size_t n, void *user);
NN_API nn_node nn_layer_custom_loss(nn_model *model, nn_node x, nn_custom_loss loss, void *user);

/* Another function for such a loss, at any time: a file cannot hold one, so a model that was loaded needs it before it is trained. */
NN_API NN_MUST_USE nn_status nn_custom_loss_set(nn_model *model, nn_node node, nn_custom_loss loss, void *user);

#ifdef NN_IMPLEMENTATION

#include "../graph/workspace.h"
#include "activation.h"

/* The gradient is computed with the value, while x is in the cache; the backward pass finds it in the node's own memory. */
static nn_status nni_loss_forward(nni_call *c) {
    const nni_loss_options *o = &c->node->options.loss;
    nni_feed *feed = &c->w->feeds[c->node - c->m->nodes];
    float *dx = c->mode == NN_TRAIN && c->node->backward ? nni_gradient(c->w, nni_id(c->m, c->node)) : NULL;
    nn_status status;
    if (o->is_custom && !o->custom)
        return nni_report(c->m, NN_ERROR_ORDER,
                          "%s is a loss of the caller's, whose function a file cannot hold: nn_custom_loss_set gives it",
                          c->node->name);
    if (o->is_custom) {
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

/* A copy of the weights of x's channels, which the model keeps. */
static const float *nni_copy_class_weights(nn_model *m, const float *weights, size_t n) {
    float *copy = (float *)nni_alloc(nni_allocator_of(m), n, sizeof *copy);
    if (copy) memcpy(copy, weights, n * sizeof *copy);
    else NNI_MISTAKE(m, NN_ERROR_MEMORY, "no memory for the class weights of a loss");
    return copy;
}

static nn_node nni_loss_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    const uint32_t prediction = o->loss.prediction;
    nni_node *node = nni_add_node(m, op, x, count);
    if (!node) return nni_no_node();
    const nni_node *shown = prediction && prediction < nni_id(m, node) ? &m->nodes[prediction - 1] : NULL;
    if (prediction && (!shown || (shown->flags & (NNI_LOSS | NNI_INPUT)) || !nn_shape_equal(shown->shape, node->shape)))
        return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "%s names a prediction that is none", node->name);
    node->options = *o;
    node->options.loss.desc.class_weights =
        o->loss.desc.class_weights ? nni_copy_class_weights(m, o->loss.desc.class_weights, node->shape.channels) : NULL;
    if (m->status != NN_OK) return nni_no_node();
    m->nodes[(prediction ? prediction : x->id) - 1].flags |= prediction ? NNI_OUTPUT | NNI_PREDICTION : NNI_OUTPUT;
    return nni_added(m, node);
}

static const char *const nni_loss_names[] = {
#define NNI_LOSS_WORD(name, function) #function,
    NN_LOSS_LIST(NNI_LOSS_WORD)
#undef NNI_LOSS_WORD
    NULL};
static const nni_field nni_loss_fields[] = {
    {"loss", NNI_FIELD_CHOICE, offsetof(nni_options, loss.desc.loss), nni_loss_names},
    NNI_FIELD(FLAG, "custom", loss.is_custom),
    NNI_FIELD(NODE, "prediction", loss.prediction),
    NNI_FIELD(FLOAT, "label_smoothing", loss.desc.label_smoothing),
    NNI_FIELD(FLAG, "sum", loss.desc.reduction),
    NNI_FIELD(FLOAT, "scale", loss.desc.scale),
    NNI_FIELD(FLOAT, "margin", loss.desc.margin),
    NNI_FIELD(FLOAT, "delta", loss.desc.delta),
    NNI_FIELD(FLAG, "bits", loss.desc.bits),
    NNI_FIELD(FLAG, "gradient_bits", loss.desc.gradient_bits),
    NNI_FIELDS_END};
static const nni_op nni_op_loss = {"loss", nni_loss_forward, nni_loss_backward, NULL, NULL, NULL, NNI_LOSS | NNI_GRADIENT_IN_PLACE,
                                   1, nni_loss_add, nni_loss_fields};

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

/* Finds what the loss compares with the targets, and adds it. */
static nn_node nni_add_loss(nn_model *m, nn_node x, const nn_loss_desc *desc) {
    nni_options o = nni_no_options();
    o.loss.desc = *desc;
    const nni_node *from = nni_node_of(m, x);
    const nn_loss fused = from ? nni_loss_of_logits(from, desc->loss) : NN_LOSS_COUNT;
    if (fused != NN_LOSS_COUNT) {
        o.loss.prediction = x.id;
        o.loss.desc.loss = fused;
        x.id = nni_input(m, from, 0);
    } else if (from) {
        o.loss.prediction = nni_loss_prediction(m, x, desc->loss).id;
    }
    return nni_layer(m, &nni_op_loss, &x, 1, &o);
}

NN_API nn_node nn_layer_loss_with(nn_model *m, nn_node x, const nn_loss_desc *desc) {
    if (!m || m->status != NN_OK) return nni_no_node();
    if (!desc) return NNI_MISTAKE(m, NN_ERROR_NULL, "nn_layer_loss_with needs a desc");
    if ((unsigned)desc->loss >= NN_LOSS_COUNT) return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "%d is not a loss", (int)desc->loss);
    return nni_add_loss(m, x, desc);
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
    nni_options o = nni_no_options();
    o.loss.is_custom = 1;
    o.loss.custom = loss;
    o.loss.user = user;
    return nni_layer(m, &nni_op_loss, &x, 1, &o);
}

NN_API nn_status nn_custom_loss_set(nn_model *m, nn_node node, nn_custom_loss loss, void *user) {
    if (!m || !loss) return NN_ERROR_NULL;
    nni_node *n = nni_node_of(m, node) ? &m->nodes[node.id - 1] : NULL;
    if (!n || n->op != &nni_op_loss || !n->options.loss.is_custom)
        return nni_report(m, NN_ERROR_ARGUMENT, "nn_custom_loss_set is for losses of the caller's, and %s is none",
                          n ? n->name : "what is not a node of this model");
    n->options.loss.custom = loss;
    n->options.loss.user = user;
    return NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LAYERS_LOSS_H */
