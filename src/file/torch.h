/* torch.h - how PyTorch names and lays out what nn.h calls parameters
 *
 * PyTorch has images as channels x height x width, nn.h as height x width x channels, and outputs come first there and last here. A
 * dense layer is a convolution whose kernel covers the image that it takes, so one rule does for both: there
 * [o][c][y][x], here [y][x][c][o].
 */
#ifndef NN_FILE_TORCH_H
#define NN_FILE_TORCH_H

#include "../graph/model.h"

#ifdef NN_IMPLEMENTATION

#include "../layers/conv.h"
#include "../layers/dense.h"
#include "../layers/gates.h"
#include "archive.h"

/* What PyTorch calls a kind of parameter. */
static const char *nni_torch_kind(const char *kind) {
    static const char *const names[][2] = {{"weights", "weight"}, {"bias", "bias"}, {"gamma", "weight"}, {"beta", "bias"},
                                           {"mean", "running_mean"}, {"variance", "running_var"}, {"slope", "weight"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], kind) == 0) return names[i][1];
    return kind;
}

/* The image that the values of a node are the places of: its own shape, or of a vector the image that was flattened. */
static nn_shape nni_torch_image(const nn_model *m, const nni_node *node) {
    for (;;) {
        const nn_shape shape = node->shape;
        if (shape.height * shape.width > 1 || !node->inputs || node->op == &nni_op_dense || node->op == &nni_op_conv2d) return shape;
        const nni_node *from = nni_input_node(m, node, 0);
        const int same = nn_shape_equal(shape, from->shape) || ((node->flags & NNI_ALIAS) && nn_shape_size(from->shape) == shape.channels);
        if (!same) return shape;
        node = from;
    }
}

/* Kernel (or image) and outputs of a parameter, as in the formula above. */
typedef struct nni_torch_layout {
    nn_shape in;
    size_t out;
} nni_torch_layout;

static nni_torch_layout nni_torch_layout_of(const nn_model *m, const nni_parameter *p) {
    const nni_node *node = &m->nodes[p->node - 1];
    nni_torch_layout l = {nn_shape_vector(p->rows * p->columns), 1};
    if (node->op == &nni_op_conv2d && p->decays) {
        const nn_conv2d_desc *d = &node->options.conv.desc;
        l.in = nn_shape_image(d->kernel_height, d->kernel_width, p->rows / (d->kernel_height * d->kernel_width));
        l.out = p->columns;
    } else if (node->op == &nni_op_dense && p->decays) {
        l.in = nni_torch_image(m, nni_input_node(m, node, 0));
        l.out = p->columns;
    } else if (node->op != &nni_op_dense && node->op != &nni_op_conv2d && nn_shape_size(node->shape) == p->columns) {
        l.in = nni_torch_image(m, nni_input_node(m, node, 0)); /* a norm of flattened places, say */
    }
    return l;
}

/* The shape that PyTorch gives the parameter. */
static size_t nni_torch_shape(const nn_model *m, const nni_parameter *p, size_t shape[4]) {
    const nni_torch_layout l = nni_torch_layout_of(m, p);
    if (!p->decays) return shape[0] = p->columns, 1;
    shape[0] = l.out;
    shape[1] = nn_shape_size(l.in);
    if (m->nodes[p->node - 1].op == &nni_op_dense) return 2;
    shape[1] = l.in.channels;
    shape[2] = l.in.height;
    shape[3] = l.in.width;
    return 4;
}

static inline size_t nni_torch_at(const nni_torch_layout *l, size_t y, size_t x, size_t c, size_t o) {
    return ((o * l->in.channels + c) * l->in.height + y) * l->in.width + x;
}

static void nni_from_torch(float *ours, const nni_torch_layout *l, const unsigned char *theirs, nni_dtype dtype) {
    for (size_t y = 0; y < l->in.height; y++)
        for (size_t x = 0; x < l->in.width; x++)
            for (size_t c = 0; c < l->in.channels; c++)
                for (size_t o = 0; o < l->out; o++) *ours++ = nni_float_at(theirs, dtype, nni_torch_at(l, y, x, c, o));
}

static void nni_to_torch(float *theirs, const nni_torch_layout *l, const float *ours) {
    for (size_t y = 0; y < l->in.height; y++)
        for (size_t x = 0; x < l->in.width; x++)
            for (size_t c = 0; c < l->in.channels; c++)
                for (size_t o = 0; o < l->out; o++) theirs[nni_torch_at(l, y, x, c, o)] = *ours++;
}

/* ---- the order of modules ---- */

/* Names in the order of a reader: numbers by their value, so that 2 comes before 10. */
static int nni_natural_order(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t i = 0, j = 0;
#define NNI_IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
    while (i < a_length && j < b_length) {
        if (!NNI_IS_DIGIT(a[i]) || !NNI_IS_DIGIT(b[j])) {
            if (a[i] != b[j]) return (unsigned char)a[i] < (unsigned char)b[j] ? -1 : 1;
            i++, j++;
            continue;
        }
        size_t m = i, n = j;
        while (m < a_length && NNI_IS_DIGIT(a[m])) m++;
        while (n < b_length && NNI_IS_DIGIT(b[n])) n++;
        while (i + 1 < m && a[i] == '0') i++;
        while (j + 1 < n && b[j] == '0') j++;
        const int longer = (m - i > n - j) - (m - i < n - j), larger = longer ? longer : memcmp(a + i, b + j, m - i);
        if (larger) return larger;
        i = m, j = n;
    }
#undef NNI_IS_DIGIT
    return (a_length - i > b_length - j) - (a_length - i < b_length - j);
}

/* The module that follows `before` (NULL: the first) among those whose names begin with `prefix`: the part of a tensor's name up to its
 * last dot. NULL: none. */
static const char *nni_next_module(const nni_archive *a, const char *prefix, const char *before, size_t *length) {
    const char *next = NULL;
    const size_t before_length = *length;
    for (size_t i = 0; i < a->count; i++) {
        const char *name = a->header + a->entries[i].name, *dot = strrchr(name, '.');
        const size_t n = dot ? (size_t)(dot - name) : 0;
        if (!n || strncmp(name, prefix, strlen(prefix)) != 0) continue;
        if (before && nni_natural_order(name, n, before, before_length) <= 0) continue;
        if (next && nni_natural_order(name, n, next, *length) >= 0) continue;
        next = name;
        *length = n;
    }
    return next;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_TORCH_H */
