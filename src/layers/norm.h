/* norm.h - normalising layers: over the batch, over a sample, over groups of channels */
#ifndef NN_LAYERS_NORM_H
#define NN_LAYERS_NORM_H

#include "../graph/model.h"

/* What can be chosen; zero means the usual value. */
typedef struct nn_norm_desc {
    float epsilon;   /* added to the variance inside the root: 1e-5 */
    float momentum;  /* of batch norm's running statistics, the share of the newest batch: 0.1 */
    int no_affine;   /* leave gamma and beta out */
} nn_norm_desc;

/* Each channel over the batch and all places. In training by the batch's own mean and variance, in tests by running averages
 * of them, or by the exact ones of the training set (nn_statistics_begin). Goes behind a dense or convolutional layer and
 * before the activation. Parameters "gamma" (1 at the start), "beta" (0), "mean", "variance" (not trained).
 * A frozen one always takes its running statistics and leaves them alone. */
NN_API nn_node nn_layer_batch_norm(nn_model *model, nn_node x);
NN_API nn_node nn_layer_batch_norm_with(nn_model *model, nn_node x, const nn_norm_desc *desc);

/* Each place of a sample over its channels. Parameters "gamma" and "beta". */
NN_API nn_node nn_layer_layer_norm(nn_model *model, nn_node x);
NN_API nn_node nn_layer_layer_norm_with(nn_model *model, nn_node x, const nn_norm_desc *desc);

/* Each group of channels of a sample over its places; instance norm has a group for every channel. */
NN_API nn_node nn_layer_group_norm(nn_model *model, nn_node x, size_t groups);
NN_API nn_node nn_layer_group_norm_with(nn_model *model, nn_node x, size_t groups, const nn_norm_desc *desc);
NN_API nn_node nn_layer_instance_norm(nn_model *model, nn_node x);

#ifdef NN_IMPLEMENTATION

#include "../batch_norm.h"
#include "../graph/workspace.h"
#include "../group_norm.h"
#include "../layer_norm.h"
#include "../moments.h"

#define NNI_EPSILON_USUAL 1e-5f
#define NNI_MOMENTUM_USUAL 0.1f

static nn_node nni_norm_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o);

static const nni_field nni_norm_fields[] = {NNI_FIELD(FLOAT, "epsilon", norm.epsilon), NNI_FIELD(FLOAT, "momentum", norm.momentum),
                                            NNI_FIELD(SIZE, "groups", norm.groups),    NNI_FIELD(FLAG, "plain", norm.plain),
                                            NNI_FIELD(FLAG, "folded", norm.folded),    NNI_FIELDS_END};

/* ---- batch norm ---- */

enum { NNI_NORM_MEAN, NNI_NORM_VARIANCE, NNI_NORM_GAMMA, NNI_NORM_BETA }; /* its parameters, in order; the last two may be missing */

static nn_status nni_batch_norm_forward(nni_call *c) {
    const float *mean = nni_weights(c, NNI_NORM_MEAN), *variance = nni_weights(c, NNI_NORM_VARIANCE);
    if (c->mode == NN_TRAIN && !c->node->frozen) {
        nn_batch_norm_statistics(c->kept, c->kept + c->n, c->x, c->places, c->n);
        mean = c->kept;
        variance = c->kept + c->n;
    } else if (c->mode == NN_STATISTICS && c->m->collecting == nni_id(c->m, c->node)) {
        nn_moments_add(&c->m->collected, c->x, c->places);
        return NN_OK; /* the pass ends here */
    }
    nn_batch_norm(c->y, c->x, mean, variance, nni_weights(c, NNI_NORM_GAMMA), nni_weights(c, NNI_NORM_BETA), c->places, c->n,
                  c->node->options.norm.epsilon);
    return NN_OK;
}

static nn_status nni_batch_norm_backward(nni_call *c) {
    int add = 0;
    float *dgamma = nni_weights_gradient(c, NNI_NORM_GAMMA, &add), *dbeta = nni_weights_gradient(c, NNI_NORM_BETA, &add);
    const float *gamma = nni_weights(c, NNI_NORM_GAMMA), epsilon = c->node->options.norm.epsilon;
    if (c->node->frozen)
        nn_batch_norm_backward_frozen(c->dx[0], dgamma, dbeta, c->dy, c->x, nni_weights(c, NNI_NORM_MEAN),
                                      nni_weights(c, NNI_NORM_VARIANCE), gamma, c->places, c->n, epsilon, add);
    else
        nn_batch_norm_backward(c->dx[0], dgamma, dbeta, c->dy, c->x, c->kept, c->kept + c->n, gamma, c->places, c->n, epsilon, add);
    return NN_OK;
}

static void nni_batch_norm_settle(nni_call *c) {
    if (c->mode == NN_TRAIN && !c->node->frozen)
        nn_batch_norm_average(nni_weights(c, NNI_NORM_MEAN), nni_weights(c, NNI_NORM_VARIANCE), c->kept, c->kept + c->n, c->places,
                              c->n, c->node->options.norm.momentum);
}

static size_t nni_batch_norm_kept(const nn_model *m, const nni_node *node, size_t rows) {
    return (void)m, (void)rows, 2 * node->shape.channels;
}

static const nni_op nni_op_batch_norm = {"batch_norm", nni_batch_norm_forward, nni_batch_norm_backward, nni_batch_norm_settle,
                                         nni_batch_norm_kept, NULL, NNI_NEEDS_X | NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE,
                                         1, nni_norm_add, nni_norm_fields};

/* ---- layer norm ---- */

static nn_status nni_layer_norm_forward(nni_call *c) {
    float *mean = c->kept, *inverse = c->kept ? c->kept + c->places : NULL;
    nn_layer_norm(c->y, mean, inverse, c->x, nni_weights(c, 0), nni_weights(c, 1), c->places, c->n, c->node->options.norm.epsilon);
    return NN_OK;
}
static nn_status nni_layer_norm_backward(nni_call *c) {
    int add = 0;
    float *dgamma = nni_weights_gradient(c, 0, &add), *dbeta = nni_weights_gradient(c, 1, &add);
    nn_layer_norm_backward(c->dx[0], dgamma, dbeta, c->dy, c->x, c->kept, c->kept + c->places, nni_weights(c, 0), c->places, c->n, add);
    return NN_OK;
}
static size_t nni_layer_norm_kept(const nn_model *m, const nni_node *node, size_t rows) {
    return (void)m, 2 * rows * node->shape.height * node->shape.width;
}
static const nni_op nni_op_layer_norm = {"layer_norm", nni_layer_norm_forward, nni_layer_norm_backward, NULL, nni_layer_norm_kept, NULL,
                                         NNI_NEEDS_X | NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE, 1, nni_norm_add, nni_norm_fields};

/* ---- group norm ---- */

static nn_status nni_group_norm_forward(nni_call *c) {
    const nn_shape shape = c->node->shape;
    const size_t groups = c->node->options.norm.groups;
    float *mean = c->kept, *inverse = c->kept ? c->kept + c->rows * groups : NULL;
    return nn_group_norm(c->y, mean, inverse, c->x, nni_weights(c, 0), nni_weights(c, 1), c->rows, shape.height * shape.width, c->n, groups,
                         c->node->options.norm.epsilon);
}
static nn_status nni_group_norm_backward(nni_call *c) {
    int add = 0;
    const nn_shape shape = c->node->shape;
    const size_t groups = c->node->options.norm.groups;
    float *dgamma = nni_weights_gradient(c, 0, &add), *dbeta = nni_weights_gradient(c, 1, &add);
    return nn_group_norm_backward(c->dx[0], dgamma, dbeta, c->dy, c->x, c->kept, c->kept + c->rows * groups, nni_weights(c, 0), c->rows,
                                  shape.height * shape.width, c->n, groups, add);
}
static size_t nni_group_norm_kept(const nn_model *m, const nni_node *node, size_t rows) {
    return (void)m, 2 * rows * node->options.norm.groups;
}
static const nni_op nni_op_group_norm = {"group_norm", nni_group_norm_forward, nni_group_norm_backward, NULL, nni_group_norm_kept, NULL,
                                         NNI_NEEDS_X | NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE, 1, nni_norm_add, nni_norm_fields};
static const nni_op nni_op_instance_norm = {"instance_norm", nni_group_norm_forward, nni_group_norm_backward, NULL, nni_group_norm_kept,
                                            NULL, NNI_NEEDS_X | NNI_IN_PLACE | NNI_GRADIENT_IN_PLACE, 1, nni_norm_add, nni_norm_fields};

/* ---- adding them ---- */

static nn_node nni_norm_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    const nni_norm_options *d = &o->norm;
    nni_node *node = nni_add_node(m, op, x, count);
    if (!node) return nni_no_node();
    const size_t channels = node->shape.channels;
    if (!(d->epsilon > 0.0f && d->epsilon <= FLT_MAX) || !(d->momentum > 0.0f && d->momentum <= 1.0f))
        return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "%s: epsilon must be positive and momentum in (0, 1], not %g and %g", node->name,
                           (double)d->epsilon, (double)d->momentum);
    if (!d->groups || channels % d->groups)
        return NNI_MISTAKE(m, NN_ERROR_SHAPE, "%s: %zu channels cannot be divided into %zu groups", node->name, channels, d->groups);
    node->options = *o;
    if (op == &nni_op_batch_norm) {
        nni_parameter *mean = nni_add_row(m, node, "mean", channels, 0.0f);
        if (mean) mean->trained = 0;
        nni_parameter *variance = nni_add_row(m, node, "variance", channels, 1.0f);
        if (variance) variance->trained = 0;
    }
    if (!d->plain) {
        nni_add_row(m, node, "gamma", channels, 1.0f);
        nni_add_row(m, node, "beta", channels, 0.0f);
    }
    return nni_added(m, node);
}

static nn_node nni_add_norm(nn_model *m, const nni_op *op, nn_node x, size_t groups, const nn_norm_desc *desc) {
    nni_options o = nni_no_options();
    o.norm.epsilon = desc && desc->epsilon != 0.0f ? desc->epsilon : NNI_EPSILON_USUAL;
    o.norm.momentum = desc && desc->momentum != 0.0f ? desc->momentum : NNI_MOMENTUM_USUAL;
    o.norm.groups = groups;
    o.norm.plain = desc && desc->no_affine;
    return nni_layer(m, op, &x, 1, &o);
}

NN_API nn_node nn_layer_batch_norm_with(nn_model *m, nn_node x, const nn_norm_desc *desc) {
    return nni_add_norm(m, &nni_op_batch_norm, x, 1, desc);
}
NN_API nn_node nn_layer_layer_norm_with(nn_model *m, nn_node x, const nn_norm_desc *desc) {
    return nni_add_norm(m, &nni_op_layer_norm, x, 1, desc);
}
NN_API nn_node nn_layer_group_norm_with(nn_model *m, nn_node x, size_t groups, const nn_norm_desc *desc) {
    return nni_add_norm(m, &nni_op_group_norm, x, groups, desc);
}
NN_API nn_node nn_layer_instance_norm(nn_model *m, nn_node x) {
    return nni_add_norm(m, &nni_op_instance_norm, x, nni_max(nn_node_shape(m, x).channels, 1), NULL);
}
NN_API nn_node nn_layer_batch_norm(nn_model *m, nn_node x) { return nn_layer_batch_norm_with(m, x, NULL); }
NN_API nn_node nn_layer_layer_norm(nn_model *m, nn_node x) { return nn_layer_layer_norm_with(m, x, NULL); }
NN_API nn_node nn_layer_group_norm(nn_model *m, nn_node x, size_t groups) { return nn_layer_group_norm_with(m, x, groups, NULL); }

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LAYERS_NORM_H */
