/* export_dot.h - a network as a picture: the text that Graphviz draws */
#ifndef NN_FILE_EXPORT_DOT_H
#define NN_FILE_EXPORT_DOT_H

#include "../graph/model.h"
#include "../status.h"

#include <stdio.h>

/* A box for each node with what it has learned, shapes at the arrows, losses and the output of nn_predict marked. In a built model an
 * activation that the layer before applies stands in that layer's box. `dot -Tsvg net.dot -o net.svg` draws it.
 *
 * Writes as much as fits into `size` bytes with the final zero, and returns the length of all of it, as snprintf does. */
NN_API size_t nn_export_dot_text(const nn_model *model, char *text, size_t size);

/* The same into a file, which is replaced as a whole. */
NN_API NN_MUST_USE nn_status nn_export_dot(nn_model *model, const char *path);

#ifdef NN_IMPLEMENTATION

#include "../graph/run.h"
#include "../layers/conv.h"
#include "../layers/dense.h"
#include "../layers/dropout.h"
#include "../layers/gates.h"
#include "../layers/loss.h"
#include "../layers/norm.h"
#include "../layers/pool.h"
#include "../writer.h"
#include "disk.h"
#include "json.h"

#define NNI_TIMES "\xc3\x97" /* a multiplication sign in UTF-8 */

/* ---- what is drawn in one box ---- */

/* The plan by which the model works, or NULL. */
static const nni_plan *nni_picture_plan(const nn_model *m) {
    return !m->built ? NULL : m->inference ? &m->prediction : &m->training;
}

/* Whether the node has no box of its own: it is an activation in the box of the layer just before it. */
static int nni_picture_inside(const nn_model *m, const nni_node *node) {
    const nni_plan *plan = nni_picture_plan(m);
    return plan && plan->places[node - m->nodes].fused && (nni_input_node(m, node, 0)->flags & NNI_EPILOGUE);
}

/* The id of the box that the node is in. */
static uint32_t nni_picture_box(const nn_model *m, uint32_t id) {
    return nni_picture_inside(m, &m->nodes[id - 1]) ? nni_input(m, &m->nodes[id - 1], 0) : id;
}

/* ---- text ---- */

/* A name in a label, where <, > and & have a meaning. */
static void nni_picture_name(nni_writer *w, const char *name) {
    for (; *name; name++) {
        if (*name == '<' || *name == '>' || *name == '&' || *name == '"') nni_write(w, "&#%d;", *name);
        else nni_write_text(w, name, 1);
    }
}

static void nni_picture_shape(nni_writer *w, nn_shape s) {
    if (s.height == 1 && s.width == 1) nni_write(w, "%zu", s.channels);
    else nni_write(w, "%zu" NNI_TIMES "%zu" NNI_TIMES "%zu", s.height, s.width, s.channels);
}

/* 235,500 */
static void nni_picture_number(nni_writer *w, size_t n) {
    char digits[24];
    const size_t length = (size_t)snprintf(digits, sizeof digits, "%zu", n);
    for (size_t i = 0; i < length; i++) nni_write(w, "%s%c", i && (length - i) % 3 == 0 ? "," : "", digits[i]);
}

static void nni_picture_window(nni_writer *w, size_t height, size_t width, size_t stride_y, size_t stride_x) {
    nni_write(w, "%zu" NNI_TIMES "%zu", height, width);
    if (stride_y > 1 || stride_x > 1) nni_write(w, ", stride %zu", nni_max(stride_y, 1));
    if (nni_max(stride_x, 1) != nni_max(stride_y, 1)) nni_write(w, NNI_TIMES "%zu", nni_max(stride_x, 1));
}

/* ---- boxes ---- */

/* The options that tell one node from another of its kind, on a line of their own if there are any. */
static void nni_picture_options(nni_writer *w, const nni_node *node) {
    const nni_options *o = &node->options;
    if (node->op == &nni_op_conv2d) {
        nni_write(w, "<br/>");
        nni_picture_window(w, o->conv.desc.kernel_height, o->conv.desc.kernel_width, o->conv.desc.stride_y, o->conv.desc.stride_x);
        if (o->conv.desc.dilation_y > 1 || o->conv.desc.dilation_x > 1) nni_write(w, ", dilated");
        if (o->conv.desc.groups > 1) nni_write(w, ", %zu groups", o->conv.desc.groups);
    } else if (node->op == &nni_op_max_pool || node->op == &nni_op_average_pool) {
        nni_write(w, "<br/>");
        nni_picture_window(w, o->pool.kernel_height, o->pool.kernel_width, o->pool.stride_y ? o->pool.stride_y : o->pool.kernel_height,
                       o->pool.stride_x ? o->pool.stride_x : o->pool.kernel_width);
    } else if (node->op == &nni_op_dropout) {
        nni_write(w, "<br/>drops %.3g%%%s", 100.0 * (1.0 - (double)o->dropout.keep), o->dropout.spatial ? " of the channels" : "");
    } else if (node->op == &nni_op_noise) {
        nni_write(w, "<br/>deviation %.3g", (double)o->deviation);
    } else if (node->op == &nni_op_group_norm) {
        nni_write(w, "<br/>%zu groups", o->norm.groups);
    } else if (node->op == &nni_op_linear) {
        nni_write(w, "<br/>%.4g x + %.4g", (double)o->linear.a, (double)o->linear.b);
    } else if (node->op == &nni_op_loss) {
        nni_write(w, "<br/>%s", o->loss.is_custom ? "the caller's" : nni_loss_names[o->loss.desc.loss]);
    } else if ((node->flags & NNI_ACTIVATION) && (o->activation.kind == NN_LEAKY_RELU || o->activation.kind == NN_ELU)) {
        nni_write(w, "<br/>slope %.4g", (double)o->activation.slope);
    }
}

static void nni_picture_learned(nni_writer *w, const nn_model *m, const nni_node *node) {
    size_t learned = 0;
    for (size_t k = 0; k < node->parameters; k++) {
        const nni_parameter *p = &m->parameters[node->parameters_at + k];
        if (p->trained && p->shared == NNI_NONE) learned += p->rows * p->columns;
    }
    if (learned) {
        nni_write(w, "<br/>");
        nni_picture_number(w, learned);
        nni_write(w, " parameter%s", learned == 1 ? "" : "s");
    }
    if (node->op == &nni_op_dense && node->options.dense.like) {
        nni_write(w, "<br/>weights of ");
        nni_picture_name(w, m->nodes[node->options.dense.like - 1].name);
    }
    if (node->frozen) nni_write(w, "<br/>frozen");
    if (node->op == &nni_op_batch_norm && node->options.norm.folded) nni_write(w, "<br/>folded into the layer before");
}

/* Inputs grey, what learns blue, what is random dashed, losses red, all else white. */
static const char *nni_picture_style(const nni_node *node) {
    if (node->flags & NNI_INPUT) return "fillcolor=\"#e8e8e8\"";
    if (node->flags & NNI_LOSS) return "fillcolor=\"#f8d7d3\"";
    if (node->op == &nni_op_dropout || node->op == &nni_op_noise) return "style=\"rounded,filled,dashed\"";
    return node->parameters ? "fillcolor=\"#d6e6f5\"" : "fillcolor=\"#ffffff\"";
}

/* The lines below the name. */
static void nni_picture_details(nni_writer *w, const nn_model *m, const nni_node *node, uint32_t shown) {
    const uint32_t id = nni_id(m, node);
    nni_picture_options(w, node);
    nni_picture_learned(w, m, node);
    for (size_t i = id; i < m->count; i++)
        if (nni_picture_inside(m, &m->nodes[i]) && nni_input(m, &m->nodes[i], 0) == id) {
            nni_write(w, "<br/>then <b>");
            nni_picture_name(w, m->nodes[i].name);
            nni_write(w, "</b>");
            nni_picture_options(w, &m->nodes[i]);
        }
    if (id == nni_picture_box(m, shown)) nni_write(w, "<br/><i>what nn_predict gives</i>");
}

static void nni_picture_node(nni_writer *w, const nn_model *m, const nni_node *node, uint32_t shown) {
    const uint32_t id = nni_id(m, node);
    nni_writer lines = {NULL, NULL, 0, 0};
    nni_picture_details(&lines, m, node, shown);
    nni_write(w, "  n%u [%s%s label=<<b>", id, nni_picture_style(node), id == nni_picture_box(m, shown) ? " penwidth=2.2" : "");
    nni_picture_name(w, node->name);
    nni_write(w, "</b>%s", lines.length ? "<font point-size=\"10\">" : ""); /* an empty one is an error */
    nni_picture_details(w, m, node, shown);
    nni_write(w, "%s>];\n", lines.length ? "</font>" : "");
}

static void nni_picture_edges(nni_writer *w, const nn_model *m, const nni_node *node) {
    for (size_t k = 0; k < node->inputs; k++) {
        const uint32_t from = nni_input(m, node, k);
        nni_write(w, "  n%u -> n%u [label=\" ", nni_picture_box(m, from), nni_id(m, node));
        nni_picture_shape(w, m->nodes[from - 1].shape);
        nni_write(w, "\"%s];\n", node->flags & NNI_PREDICTION ? " style=dashed" : "");
    }
}

static void nni_write_picture(nni_writer *w, const nn_model *m) {
    nni_write(w, "digraph network {\n"
                 "  node [shape=box style=\"rounded,filled\" fillcolor=\"#ffffff\" color=\"#555555\" fontname=\"Helvetica\" fontsize=12];\n"
                 "  edge [color=\"#555555\" fontname=\"Helvetica\" fontsize=10 fontcolor=\"#333333\" arrowsize=0.7];\n");
    const uint32_t shown = m && m->count ? nni_prediction_node(m) : 0;
    for (size_t i = 0; m && i < m->count; i++) {
        if (nni_picture_inside(m, &m->nodes[i])) continue;
        nni_picture_node(w, m, &m->nodes[i], shown);
        nni_picture_edges(w, m, &m->nodes[i]);
    }
    nni_write(w, "}\n");
}

NN_API size_t nn_export_dot_text(const nn_model *m, char *text, size_t size) {
    nni_writer w = {NULL, text, text ? size : 0, 0};
    if (w.size) *text = '\0';
    nni_write_picture(&w, m);
    return w.length;
}

NN_API nn_status nn_export_dot(nn_model *m, const char *path) {
    if (!m || !path) return NN_ERROR_NULL;
    const size_t length = nn_export_dot_text(m, NULL, 0);
    char *text = (char *)nni_alloc(nni_allocator_of(m), length + 1, 1);
    if (!text) return nni_report(m, NN_ERROR_MEMORY, "no memory for a text of %zu bytes", length);
    nn_report report;
    nni_replacement file;
    nn_export_dot_text(m, text, length + 1);
    nni_replace_begin(&file, path, nni_allocator_of(m), &report);
    nni_replace_write(&file, text, length);
    const nn_status status = nni_replace_end(&file);
    nni_free(nni_allocator_of(m), text);
    return status == NN_OK ? status : nni_report(m, status, "%s", report.sentence);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_EXPORT_DOT_H */
