/* conv.h - convolutional layers */
#ifndef NN_LAYERS_CONV_H
#define NN_LAYERS_CONV_H

#include "../conv.h"
#include "../graph/model.h"

/* `filters` filters of kernel x kernel places, at every place of the image, which keeps its size (kernel/2 zeros around it; an
 * even kernel has one less below and to the right). Parameters: "weights" [kernel*kernel*channels x filters] and "bias". */
NN_API nn_node nn_layer_conv2d(nn_model *model, nn_node x, size_t filters, size_t kernel);

/* With stride, padding, dilation, groups, other kernels: filters and kernel sizes of desc must be given, what concerns the
 * image, the activation and the allocator is not looked at. bias 0: none, before a batch norm. */
NN_API nn_node nn_layer_conv2d_with(nn_model *model, nn_node x, const nn_conv2d_desc *desc, int bias);

/* Each channel by itself with one kernel x kernel filter; the image keeps its size. */
NN_API nn_node nn_layer_depthwise(nn_model *model, nn_node x, size_t kernel);

#ifdef NN_IMPLEMENTATION

#include "../columns.h"
#include "../graph/workspace.h"
#include "input.h"

/* The layer's options for this many images. */
static nn_conv2d_desc nni_conv_desc(const nni_node *node, size_t images) {
    nn_conv2d_desc d = node->options.conv.desc;
    d.images = images;
    return d;
}

static nn_status nni_conv_forward(nni_call *c) {
    nn_conv2d_desc d = nni_conv_desc(c->node, c->rows);
    d.activation = c->place->epilogue.kind;
    d.slope = c->place->epilogue.slope;
    d.allocator = c->scratch;
    return nn_conv2d(c->y, c->x, nni_weights(c, 0), nni_bias(c), &d);
}

static nn_status nni_conv_backward(nni_call *c) {
    nn_conv2d_desc d = nni_conv_desc(c->node, c->rows);
    const nn_shape shape = c->node->shape;
    int add = 0, add_bias = 0;
    float *dw = nni_weights_gradient(c, 0, &add), *db = nni_weights_gradient(c, 1, &add_bias);
    nn_status status = NN_OK;
    d.allocator = c->scratch;
    if (dw) status = nn_conv2d_backward_weights(dw, c->x, c->dy, add, &d);
    if (db) nn_sum_columns(db, c->dy, c->rows * shape.height * shape.width, shape.channels, add_bias);
    if (c->dx[0] && status == NN_OK) status = nn_conv2d_backward_input(c->dx[0], c->dy, nni_weights(c, 0), &d);
    return status;
}

static size_t nni_conv2d_work(const nn_model *m, const nni_node *node, size_t rows) {
    const nn_conv2d_desc d = nni_conv_desc(node, rows);
    return (void)m, nni_arena_need(nn_conv2d_workspace(&d));
}

/* What concerns the image, and what the plan decides, is not the caller's. */
static nn_node nni_conv_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    nni_node *node = nni_add_node(m, op, x, count);
    if (!node) return nni_no_node();
    node->options = *o;
    const nn_shape in = node->shape;
    nn_conv2d_desc *d = &node->options.conv.desc;
    d->images = 1;
    d->height = in.height;
    d->width = in.width;
    d->channels = in.channels;
    d->activation = NN_IDENTITY;
    d->allocator = NULL;
    size_t height, width;
    const nn_status status = nn_conv2d_output(&height, &width, d);
    if (status != NN_OK)
        return NNI_MISTAKE(m, status == NN_ERROR_ARGUMENT ? NN_ERROR_SHAPE : status,
                           "%s: %zu filters of %zu x %zu in %zu groups do not go with %s, %zu x %zu x %zu padded by %zu, %zu, %zu, %zu",
                           node->name, d->filters, d->kernel_height, d->kernel_width, d->groups ? d->groups : 1, nn_node_name(m, x[0]),
                           in.height, in.width, in.channels, d->pad_top, d->pad_bottom, d->pad_left, d->pad_right);
    node->shape = nn_shape_image(height, width, d->filters);
    if (!nni_shape_valid(m, node->shape, "a convolution")) return nni_no_node();
    const size_t groups = d->groups ? d->groups : 1, taps = d->kernel_height * d->kernel_width;
    nni_add_weights(m, node, taps * (in.channels / groups), d->filters, taps * (in.channels / groups), taps * (d->filters / groups));
    if (o->conv.bias) nni_add_row(m, node, "bias", node->shape.channels, 0.0f);
    return nni_added(m, node);
}

static const nni_field nni_conv_fields[] = {
    NNI_FIELD(SIZE, "filters", conv.desc.filters),       NNI_FIELD(SIZE, "kernel_height", conv.desc.kernel_height),
    NNI_FIELD(SIZE, "kernel_width", conv.desc.kernel_width), NNI_FIELD(SIZE, "stride_y", conv.desc.stride_y),
    NNI_FIELD(SIZE, "stride_x", conv.desc.stride_x),     NNI_FIELD(SIZE, "dilation_y", conv.desc.dilation_y),
    NNI_FIELD(SIZE, "dilation_x", conv.desc.dilation_x), NNI_FIELD(SIZE, "pad_top", conv.desc.pad_top),
    NNI_FIELD(SIZE, "pad_bottom", conv.desc.pad_bottom), NNI_FIELD(SIZE, "pad_left", conv.desc.pad_left),
    NNI_FIELD(SIZE, "pad_right", conv.desc.pad_right),   NNI_FIELD(SIZE, "groups", conv.desc.groups),
    NNI_FIELD(FLAG, "bias", conv.bias),                  NNI_FIELDS_END};
static const nni_op nni_op_conv2d = {"conv2d", nni_conv_forward, nni_conv_backward, NULL, NULL, nni_conv2d_work,
                                     NNI_NEEDS_X | NNI_EPILOGUE, 1, nni_conv_add, nni_conv_fields};

NN_API nn_node nn_layer_conv2d_with(nn_model *m, nn_node x, const nn_conv2d_desc *desc, int bias) {
    if (!m || m->status != NN_OK) return nni_no_node();
    if (!desc) return NNI_MISTAKE(m, NN_ERROR_NULL, "nn_layer_conv2d_with needs a desc");
    nni_options o = nni_no_options();
    o.conv.desc = *desc;
    o.conv.bias = bias != 0;
    return nni_layer(m, &nni_op_conv2d, &x, 1, &o);
}

static nn_conv2d_desc nni_conv_same(size_t filters, size_t kernel) {
    nn_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.filters = filters;
    d.kernel_height = d.kernel_width = kernel;
    d.pad_top = d.pad_left = kernel / 2;
    d.pad_bottom = d.pad_right = kernel ? (kernel - 1) / 2 : 0;
    return d;
}

NN_API nn_node nn_layer_conv2d(nn_model *m, nn_node x, size_t filters, size_t kernel) {
    const nn_conv2d_desc d = nni_conv_same(filters, kernel);
    return nn_layer_conv2d_with(m, x, &d, 1);
}

NN_API nn_node nn_layer_depthwise(nn_model *m, nn_node x, size_t kernel) {
    const size_t channels = nn_node_shape(m, x).channels;
    nn_conv2d_desc d = nni_conv_same(channels, kernel);
    d.groups = channels;
    return nn_layer_conv2d_with(m, x, &d, 1);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LAYERS_CONV_H */
