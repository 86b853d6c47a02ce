/* summary.h - a network as a table */
#ifndef NN_SUMMARY_H
#define NN_SUMMARY_H

#include "model.h"

#include <stdio.h>

/* Layers with their shapes, parameters and inputs, then the totals and, of a built model, the memory. Writes as much as fits
 * into `size` bytes with the final zero, and returns the length of all of it, as snprintf does. */
NN_API size_t nn_summary(const nn_model *model, char *text, size_t size);

/* The same to a stream. */
NN_API void nn_summary_print(const nn_model *model, FILE *stream);

#ifdef NN_IMPLEMENTATION

#include "../writer.h"
#include "build.h"

static void nni_write_shape(nni_writer *w, nn_shape shape) {
    char text[64];
    if (shape.height == 1 && shape.width == 1) snprintf(text, sizeof text, "%zu", shape.channels);
    else snprintf(text, sizeof text, "%zu x %zu x %zu", shape.height, shape.width, shape.channels);
    nni_write(w, "%-16s", text);
}

static void nni_write_bytes(nni_writer *w, const char *what, size_t bytes) {
    if (bytes >= (size_t)10 << 20) nni_write(w, "%-12s %10.1f MiB\n", what, (double)bytes / 1048576.0);
    else nni_write(w, "%-12s %10.1f KiB\n", what, (double)bytes / 1024.0);
}

static void nni_write_node(nni_writer *w, const nn_model *m, const nni_node *node) {
    size_t learned = 0, shared = 0;
    for (size_t k = 0; k < node->parameters; k++) {
        const nni_parameter *p = &m->parameters[node->parameters_at + k];
        if (p->trained && p->shared == NNI_NONE) learned += p->rows * p->columns;
        shared |= p->shared != NNI_NONE;
    }
    nni_write(w, "%-20s ", node->name);
    if (node->flags & NNI_LOSS) nni_write(w, "%-16s", "1");
    else nni_write_shape(w, node->shape);
    nni_write(w, " %12zu", learned);
    for (size_t k = 0; k < node->inputs; k++) nni_write(w, "%s%s", k ? ", " : "  ", nni_input_node(m, node, k)->name);
    nni_write(w, "%s%s\n", shared ? " (shared)" : "", node->frozen ? " (frozen)" : "");
}

static void nni_write_summary(nni_writer *w, const nn_model *m) {
    if (!m) return;
    nni_write(w, "%-20s %-16s %12s  %s\n", "layer", "output", "parameters", "from");
    for (size_t i = 0; i < m->count; i++) nni_write_node(w, m, &m->nodes[i]);
    nni_write(w, "%-20s %-16s %12zu\n", "all", "", nn_learned_count(m));
    if (!m->built) return;
    const nn_memory memory = nn_memory_of(m);
    nni_write(w, "\nmemory for batches of %zu\n", m->batch);
    nni_write_bytes(w, "parameters", memory.parameters);
    if (!m->inference) nni_write_bytes(w, "gradients", memory.gradients);
    if (!m->inference) nni_write_bytes(w, "training", memory.training);
    nni_write_bytes(w, "inference", memory.inference);
}

NN_API size_t nn_summary(const nn_model *m, char *text, size_t size) {
    nni_writer w = {NULL, text, text ? size : 0, 0};
    if (w.size) *text = '\0';
    nni_write_summary(&w, m);
    return w.length;
}
NN_API void nn_summary_print(const nn_model *m, FILE *stream) {
    nni_writer w = {stream, NULL, 0, 0};
    if (stream) nni_write_summary(&w, m);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_SUMMARY_H */
