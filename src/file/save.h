/* save.h - a network to a file or to memory, with all that it takes to go on as if nothing had happened
 *
 * The file is a safetensors container, which PyTorch and others read: each parameter is a tensor named as in nn_parameter_named.
 * "__metadata__" holds the structure of the network, its seed and its step, and a checksum of the whole file. Whatever the
 * machine, the bytes are the same.
 */
#ifndef NN_FILE_SAVE_H
#define NN_FILE_SAVE_H

#include "../graph/model.h"
#include "../status.h"

/* Writes a built model. The file is replaced as a whole: if anything fails, a full disk say, the old one is as it was, and
 * nn_error(model) says why. What is not saved: arrays that were fed, gradients, and the functions of custom losses, which
 * nn_custom_loss_set gives to a loaded model. */
NN_API NN_MUST_USE nn_status nn_model_save(nn_model *model, const char *path);

/* The same into memory of `room` bytes. *size says how many it takes; with memory NULL nothing else happens. */
NN_API NN_MUST_USE nn_status nn_model_save_memory(nn_model *model, void *memory, size_t room, size_t *size);

#ifdef NN_IMPLEMENTATION

#include "../graph/build.h"
#include "note.h"
#include "structure.h"
#include "tensors.h"

#define NNI_FORMAT 1 /* version of what the metadata says; a reader knows its own and all before */

/* ---- parameters as tensors ---- */

/* As others would write it: a dense layer's weights are in x out, a filter's height x width x in x out, a row is a vector. */
static size_t nni_parameter_shape(const nn_model *m, const nni_parameter *p, size_t shape[4]) {
    const nni_node *node = &m->nodes[p->node - 1];
    if (!p->decays) return shape[0] = p->columns, 1;
    if (node->op == &nni_op_conv2d) {
        const nn_conv2d_desc *d = &node->options.conv.desc;
        shape[0] = d->kernel_height;
        shape[1] = d->kernel_width;
        shape[2] = p->rows / (d->kernel_height * d->kernel_width);
        shape[3] = p->columns;
        return 4;
    }
    shape[0] = p->rows;
    shape[1] = p->columns;
    return 2;
}

/* "dense_1.weights" behind a prefix. */
static void nni_parameter_name(char name[NNI_TENSOR_NAME_MOST], const char *prefix, const nn_model *m, const nni_parameter *p) {
    snprintf(name, NNI_TENSOR_NAME_MOST, "%s%s.%s", prefix, m->nodes[p->node - 1].name, p->kind);
}

/* A tensor for every parameter, named behind the prefix: `block` is laid out as the model's values or, if only what is trained is asked
 * for, as its gradients. */
static void nni_tensors_block(nni_tensors *t, const nn_model *m, const char *prefix, const float *block, int trained) {
    char name[NNI_TENSOR_NAME_MOST];
    size_t shape[4];
    for (size_t i = 0; i < m->parameters_count; i++) {
        const nni_parameter *p = &m->parameters[i];
        if (p->shared != NNI_NONE || (trained && !p->trained)) continue;
        nni_parameter_name(name, prefix, m, p);
        const size_t rank = nni_parameter_shape(m, p, shape);
        nni_tensors_add(t, NNI_F32, block + p->at, name, rank, shape);
    }
}

/* ---- the model ---- */

static void nni_tensors_number(nni_tensors *t, const char *key, uint64_t number) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    nni_tensors_text(t, key, text);
}

static void nni_tensors_structure(nni_tensors *t, const nn_model *m) {
    nni_writer w = {NULL, NULL, 0, 0};
    nni_write_structure(&w, m);
    w.text = nni_tensors_room(t, "nn.model", w.length);
    w.size = w.text ? w.length + 1 : 0;
    w.length = 0;
    nni_write_structure(&w, m);
}

/* All that a model is. */
static void nni_tensors_model(nni_tensors *t, const nn_model *m) {
    nni_tensors_number(t, "nn.format", NNI_FORMAT);
    nni_tensors_number(t, "nn.seed", m->seed);
    nni_tensors_number(t, "nn.step", m->step);
    nni_tensors_structure(t, m);
    for (const nni_note *note = m->notes; note; note = note->next) nni_tensors_text(t, note->name, note->text);
    nni_tensors_block(t, m, "", m->values, 0);
    for (size_t i = 0; i < m->count; i++) {
        const nni_node *node = &m->nodes[i];
        char name[NNI_TENSOR_NAME_MOST];
        if (!(node->flags & NNI_LOSS) || !node->options.loss.desc.class_weights) continue;
        snprintf(name, sizeof name, "%s.class_weights", node->name);
        nni_tensors_add(t, NNI_F32, node->options.loss.desc.class_weights, name, 1, &nni_input_node(m, node, 0)->shape.channels);
    }
}

static nn_status nni_save_check(nn_model *m, const char *what) {
    return m->built ? NN_OK : nni_report(m, NN_ERROR_ORDER, "%s before nn_model_build", what);
}

NN_API nn_status nn_model_save(nn_model *m, const char *path) {
    nni_tensors t;
    nn_report report;
    if (!m || !path) return NN_ERROR_NULL;
    nn_status status = nni_save_check(m, "nn_model_save");
    if (status != NN_OK) return status;
    nni_tensors_begin(&t, nni_allocator_of(m));
    nni_tensors_model(&t, m);
    status = nni_tensors_save(&t, path, &report);
    nni_tensors_end(&t);
    return status == NN_OK ? status : nni_report(m, status, "%s", report.sentence);
}

NN_API nn_status nn_model_save_memory(nn_model *m, void *memory, size_t room, size_t *size) {
    nni_tensors t;
    nn_report report;
    if (!m || !size) return NN_ERROR_NULL;
    nn_status status = nni_save_check(m, "nn_model_save_memory");
    if (status != NN_OK) return status;
    nni_tensors_begin(&t, nni_allocator_of(m));
    nni_tensors_model(&t, m);
    status = nni_tensors_store(&t, memory, room, size, &report);
    nni_tensors_end(&t);
    return status == NN_OK ? status : nni_report(m, status, "%s", report.sentence);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_SAVE_H */
