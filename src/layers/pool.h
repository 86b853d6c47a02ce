/* pool.h - pooling layers */
#ifndef NN_LAYERS_POOL_H
#define NN_LAYERS_POOL_H

#include "../graph/model.h"
#include "../pool.h"

/* The largest, or the mean, of kernel x kernel places of each channel, every `stride` places (0: kernel); a border that does not
 * fill a window is left out. */
NN_API nn_node nn_layer_max_pool(nn_model *model, nn_node x, size_t kernel, size_t stride);
NN_API nn_node nn_layer_average_pool(nn_model *model, nn_node x, size_t kernel, size_t stride);

/* With other options: what concerns the image is not looked at. */
NN_API nn_node nn_layer_max_pool_with(nn_model *model, nn_node x, const nn_pool2d_desc *desc);
NN_API nn_node nn_layer_average_pool_with(nn_model *model, nn_node x, const nn_pool2d_desc *desc);

/* The mean of each channel over the whole image: a vector. */
NN_API nn_node nn_layer_global_average_pool(nn_model *model, nn_node x);

#ifdef NN_IMPLEMENTATION

#include "../graph/workspace.h"
#include "input.h"

static nn_pool2d_desc nni_pool_desc(const nni_call *c) {
    nn_pool2d_desc d = c->node->options.pool;
    d.images = c->rows;
    return d;
}

static nn_status nni_max_pool_forward(nni_call *c) {
    const nn_pool2d_desc d = nni_pool_desc(c);
    return nn_max_pool2d(c->y, (uint32_t *)(void *)c->kept, c->x, &d);
}
static nn_status nni_max_pool_backward(nni_call *c) {
    const nn_pool2d_desc d = nni_pool_desc(c);
    return c->dx[0] ? nn_max_pool2d_backward(c->dx[0], c->dy, (const uint32_t *)(const void *)c->kept, &d) : NN_OK;
}
static size_t nni_max_pool_kept(const nn_model *m, const nni_node *node, size_t rows) {
    return (void)m, rows * nn_shape_size(node->shape); /* of each maximum, where it was */
}

static nn_status nni_average_pool_forward(nni_call *c) {
    const nn_pool2d_desc d = nni_pool_desc(c);
    return nn_average_pool2d(c->y, c->x, &d);
}
static nn_status nni_average_pool_backward(nni_call *c) {
    const nn_pool2d_desc d = nni_pool_desc(c);
    return c->dx[0] ? nn_average_pool2d_backward(c->dx[0], c->dy, &d) : NN_OK;
}

static nn_status nni_global_pool_forward(nni_call *c) {
    nn_global_average_pool(c->y, c->x, c->rows, c->places / c->rows, c->n);
    return NN_OK;
}
static nn_status nni_global_pool_backward(nni_call *c) {
    if (c->dx[0]) nn_global_average_pool_backward(c->dx[0], c->dy, c->rows, c->places / c->rows, c->n);
    return NN_OK;
}

static nn_node nni_pool_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    nni_node *node = nni_add_node(m, op, x, count);
    if (!node) return nni_no_node();
    node->options = *o;
    const nn_shape in = node->shape;
    nn_pool2d_desc *d = &node->options.pool;
    d->images = 1;
    d->height = in.height;
    d->width = in.width;
    d->channels = in.channels;
    size_t height, width;
    const nn_status status = nn_pool2d_output(&height, &width, d);
    if (status != NN_OK)
        return NNI_MISTAKE(m, status == NN_ERROR_ARGUMENT ? NN_ERROR_SHAPE : status,
                           "%s: windows of %zu x %zu do not go with %s, %zu x %zu x %zu padded by %zu, %zu, %zu, %zu", node->name,
                           d->kernel_height, d->kernel_width, nn_node_name(m, x[0]), in.height, in.width, in.channels, d->pad_top,
                           d->pad_bottom, d->pad_left, d->pad_right);
    node->shape = nn_shape_image(height, width, in.channels);
    return nni_added(m, node);
}
static nn_node nni_global_pool_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    nni_node *node = nni_add_node(m, op, x, count);
    if (node) node->shape = nn_shape_vector(node->shape.channels);
    return (void)o, nni_added(m, node);
}

static const nni_field nni_pool_fields[] = {
    NNI_FIELD(SIZE, "kernel_height", pool.kernel_height), NNI_FIELD(SIZE, "kernel_width", pool.kernel_width),
    NNI_FIELD(SIZE, "stride_y", pool.stride_y),           NNI_FIELD(SIZE, "stride_x", pool.stride_x),
    NNI_FIELD(SIZE, "dilation_y", pool.dilation_y),       NNI_FIELD(SIZE, "dilation_x", pool.dilation_x),
    NNI_FIELD(SIZE, "pad_top", pool.pad_top),             NNI_FIELD(SIZE, "pad_bottom", pool.pad_bottom),
    NNI_FIELD(SIZE, "pad_left", pool.pad_left),           NNI_FIELD(SIZE, "pad_right", pool.pad_right),
    NNI_FIELD(FLAG, "ceil_mode", pool.ceil_mode),         NNI_FIELD(FLAG, "count_padding", pool.count_padding),
    NNI_FIELDS_END};
static const nni_op nni_op_max_pool = {"max_pool", nni_max_pool_forward, nni_max_pool_backward, NULL, nni_max_pool_kept, NULL, 0,
                                       1, nni_pool_add, nni_pool_fields};
static const nni_op nni_op_average_pool = {"average_pool", nni_average_pool_forward, nni_average_pool_backward, NULL, NULL, NULL, 0,
                                           1, nni_pool_add, nni_pool_fields};
static const nni_op nni_op_global_average_pool = {"global_average_pool", nni_global_pool_forward, nni_global_pool_backward,
                                                  NULL, NULL, NULL, 0, 1, nni_global_pool_add, NULL};

static nn_node nni_add_pool(nn_model *m, const nni_op *op, nn_node x, const nn_pool2d_desc *desc) {
    if (!m || m->status != NN_OK) return nni_no_node();
    if (!desc) return NNI_MISTAKE(m, NN_ERROR_NULL, "a %s needs a desc", op->name);
    nni_options o = nni_no_options();
    o.pool = *desc;
    o.pool.ceil_mode = desc->ceil_mode != 0;
    o.pool.count_padding = desc->count_padding != 0;
    return nni_layer(m, op, &x, 1, &o);
}

static nn_pool2d_desc nni_pool_square(size_t kernel, size_t stride) {
    nn_pool2d_desc d;
    memset(&d, 0, sizeof d);
    d.kernel_height = d.kernel_width = kernel;
    d.stride_y = d.stride_x = stride;
    return d;
}

NN_API nn_node nn_layer_max_pool_with(nn_model *m, nn_node x, const nn_pool2d_desc *desc) {
    return nni_add_pool(m, &nni_op_max_pool, x, desc);
}
NN_API nn_node nn_layer_average_pool_with(nn_model *m, nn_node x, const nn_pool2d_desc *desc) {
    return nni_add_pool(m, &nni_op_average_pool, x, desc);
}
NN_API nn_node nn_layer_max_pool(nn_model *m, nn_node x, size_t kernel, size_t stride) {
    const nn_pool2d_desc d = nni_pool_square(kernel, stride);
    return nn_layer_max_pool_with(m, x, &d);
}
NN_API nn_node nn_layer_average_pool(nn_model *m, nn_node x, size_t kernel, size_t stride) {
    const nn_pool2d_desc d = nni_pool_square(kernel, stride);
    return nn_layer_average_pool_with(m, x, &d);
}
NN_API nn_node nn_layer_global_average_pool(nn_model *m, nn_node x) { return nni_plain(m, &nni_op_global_average_pool, x); }

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LAYERS_POOL_H */
