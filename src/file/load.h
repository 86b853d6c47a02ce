/* load.h - a network from a file or from memory */
#ifndef NN_FILE_LOAD_H
#define NN_FILE_LOAD_H

#include "../graph/model.h"
#include "../report.h"
#include "../status.h"

/* What can be chosen; zero means the usual value, a NULL desc all of them. */
typedef struct nn_model_load_desc {
    size_t batch;                  /* most samples of one pass: as it was saved, if that is at most 65536 */
    int inference;                 /* for predictions only, as in nn_build_desc; folded models always are */
    int keep;                      /* as in nn_build_desc */
    size_t memory;                 /* most bytes of activations: 2 GiB; a file may ask for any batch and shapes */
    const nn_allocator *allocator; /* of the model: malloc */
} nn_model_load_desc;

/* A new model, built, as the saved one was: it predicts the same bits, and trained on the same way it becomes the same. *model
 * is NULL on failure. Files are not trusted: everything is checked against the file's size before memory is taken for it (until
 * the file has turned out to be sound, no more than its size and 1 MiB), and damage shows in the checksum. */
NN_API NN_MUST_USE nn_status nn_model_load(nn_model **model, const char *path, const nn_model_load_desc *desc, nn_report *report);
NN_API NN_MUST_USE nn_status nn_model_load_memory(nn_model **model, const void *bytes, size_t size, const nn_model_load_desc *desc,
                                                  nn_report *report);

#ifdef NN_IMPLEMENTATION

#include "../graph/build.h"
#include "../graph/statistics.h"
#include "archive.h"
#include "save.h"
#include "structure.h"

#define NNI_MEMORY_USUAL ((size_t)1 << 31)
#define NNI_BATCH_TRUSTED 65536 /* planning takes time that grows with the batch: what a file may ask for by itself */

/* ---- parameters from tensors ---- */

/* Whether the tensor has the parameter's shape. */
static int nni_found_fits(const nn_model *m, const nni_parameter *p, const nni_found *found) {
    size_t shape[4];
    const size_t rank = nni_parameter_shape(m, p, shape);
    return nni_dtype_is_float(found->dtype) && found->rank == rank && memcmp(found->shape, shape, rank * sizeof *shape) == 0;
}

/* The counterpart of nni_tensors_block: with block NULL only looks whether all of it is there. */
static nn_status nni_archive_block(const nni_archive *a, const nn_model *m, const char *prefix, float *block, int trained) {
    char name[NNI_TENSOR_NAME_MOST];
    nni_found found;
    for (size_t i = 0; i < m->parameters_count; i++) {
        const nni_parameter *p = &m->parameters[i];
        if (p->shared != NNI_NONE || (trained && !p->trained)) continue;
        nni_parameter_name(name, prefix, m, p);
        if (!nni_archive_find(a, name, &found)) return nni_archive_bad(a, "it has no \"%s\"", name);
        if (!nni_found_fits(m, p, &found)) return nni_archive_bad(a, "\"%s\" has another shape than the network says", name);
        if (block) nni_floats_from(block + p->at, found.bytes, found.dtype, found.n);
    }
    return NN_OK;
}

/* ---- the metadata ---- */

static nn_status nni_archive_number(const nni_archive *a, const char *key, uint64_t *number) {
    char *text = nni_archive_text(a, key);
    if (!text) return nni_archive_bad(a, "its metadata has no \"%s\"", key);
    nni_json j = nni_json_of(text, strlen(text));
    return nni_json_uint(&j, number) && nni_json_done(&j) ? NN_OK : nni_archive_bad(a, "\"%s\" is no number", key);
}

/* Whether this is a model of a format that is known here. */
static nn_status nni_archive_is_model(const nni_archive *a) {
    uint64_t format;
    if (!nni_archive_text(a, "nn.model"))
        return nni_say(a->report, NN_ERROR_FORMAT, "%s holds tensors, but no network: nn_weights_load reads those", a->path);
    const nn_status status = nni_archive_number(a, "nn.format", &format);
    if (status == NN_OK && (format == 0 || format > NNI_FORMAT))
        return nni_say(a->report, NN_ERROR_UNSUPPORTED, "%s has format %llu, and this version of nn.h reads formats up to %d", a->path,
                       (unsigned long long)format, NNI_FORMAT);
    return status;
}

/* ---- building ---- */

/* Batch norms that were folded become aliases of what they follow again. */
static int nni_load_folds(nn_model *m) {
    for (size_t i = 0; i < m->count; i++) {
        nni_node *node = &m->nodes[i];
        if (node->op != &nni_op_batch_norm || !node->options.norm.folded) continue;
        if (!nni_foldable(m, node)) return 0;
        m->folded = 1;
    }
    for (size_t i = 0; i < m->count; i++)
        if (m->nodes[i].op == &nni_op_batch_norm && m->nodes[i].options.norm.folded) m->nodes[i].flags |= NNI_ALIAS;
    return 1;
}

static void nni_load_folded_biases(nn_model *m) {
    for (size_t i = 0; i < m->count; i++) {
        const nni_node *norm = &m->nodes[i];
        if (norm->op != &nni_op_batch_norm || !norm->options.norm.folded) continue;
        nni_node *from = nni_input_node(m, norm, 0);
        from->folded_bias = nni_folded_bias(m, from, norm);
    }
}

/* Memory is taken when the file has turned out to hold every parameter. */
static nn_status nni_load_build(nn_model *m, const nni_archive *a, const nn_model_load_desc *desc, size_t batch) {
    nn_build_desc d;
    memset(&d, 0, sizeof d);
    if (!nni_load_folds(m)) return nni_archive_bad(a, "a batch norm is said to be folded that cannot be");
    nn_status status = nni_archive_number(a, "nn.seed", &d.seed);
    if (status != NN_OK) return status;
    if (!desc->batch && (!batch || batch > NNI_BATCH_TRUSTED))
        return nni_say(a->report, NN_ERROR_SIZE, "%s asks for batches of %zu samples, and up to %d are taken from a file: choose the batch",
                       a->path, batch, NNI_BATCH_TRUSTED);
    d.batch = desc->batch ? desc->batch : batch;
    d.inference = desc->inference || m->folded;
    d.keep = desc->keep;
    d.memory = desc->memory ? desc->memory : NNI_MEMORY_USUAL;
    status = nni_build_check(m, &d);
    if (status == NN_OK) {
        nni_build_settings(m, &d);
        status = nni_place_parameters(m);
    }
    if (status != NN_OK) return nni_say(a->report, status, "%s: %s", a->path, m->sentence);
    status = nni_archive_block(a, m, "", NULL, 0);
    if (status == NN_OK) status = nni_archive_number(a, "nn.step", &m->step);
    if (status != NN_OK) return status;
    status = nni_take_parameters(m);
    if (status == NN_OK) status = nni_take_workspaces(m, d.memory);
    if (status != NN_OK) return nni_say(a->report, status, "%s: %s", a->path, m->sentence);
    memset(m->values, 0, m->total * sizeof *m->values);
    nni_load_folded_biases(m);
    m->built = 1;
    return nni_archive_block(a, m, "", m->values, 0);
}

/* Texts that are not nn.h's own. */
static nn_status nni_load_notes(nn_model *m, const nni_archive *a) {
    nn_status status = NN_OK;
    for (size_t i = 0; i < a->texts_count && status == NN_OK; i++) {
        const char *name = a->header + a->texts[i][0];
        if (strncmp(name, "nn.", 3) != 0) status = nn_model_note(m, name, a->header + a->texts[i][1]);
    }
    return status == NN_OK ? status : nni_say(a->report, status, "%s: %s", a->path, m->sentence);
}

/* The model in an open archive; NULL on failure. The structure in it is taken apart: once only. */
static nn_status nni_archive_model(nn_model **model, const nni_archive *a, const nn_model_load_desc *desc) {
    size_t batch = 0;
    char *text = nni_archive_text(a, "nn.model");
    nn_status status = nni_archive_is_model(a);
    *model = NULL;
    if (status != NN_OK) return status;
    nn_model *m = nn_model_new(desc->allocator);
    if (!m) return nni_say(a->report, NN_ERROR_MEMORY, "no memory for the network in %s", a->path);
    status = nni_read_structure(m, &batch, text, a);
    if (status == NN_OK) status = nni_load_build(m, a, desc, batch);
    if (status == NN_OK) status = nni_load_notes(m, a);
    if (status != NN_OK) nn_model_free(m);
    else *model = m;
    return status;
}

static nn_model_load_desc nni_load_usual(const nn_model_load_desc *desc) {
    nn_model_load_desc d;
    memset(&d, 0, sizeof d);
    return desc ? *desc : d;
}

NN_API nn_status nn_model_load(nn_model **model, const char *path, const nn_model_load_desc *desc, nn_report *report) {
    const nn_model_load_desc d = nni_load_usual(desc);
    nni_archive a;
    nni_say_nothing(report);
    if (!model || !path) return nni_say(report, NN_ERROR_NULL, "nn_model_load: %s", nn_status_message(NN_ERROR_NULL));
    *model = NULL;
    nn_status status = nni_archive_open(&a, path, d.allocator, report);
    if (status == NN_OK) status = nni_archive_model(model, &a, &d);
    nni_archive_close(&a);
    return status;
}

NN_API nn_status nn_model_load_memory(nn_model **model, const void *bytes, size_t size, const nn_model_load_desc *desc, nn_report *report) {
    const nn_model_load_desc d = nni_load_usual(desc);
    nni_archive a;
    nni_say_nothing(report);
    if (!model || !bytes) return nni_say(report, NN_ERROR_NULL, "nn_model_load_memory: %s", nn_status_message(NN_ERROR_NULL));
    *model = NULL;
    nn_status status = nni_archive_open_memory(&a, bytes, size, d.allocator, report);
    if (status == NN_OK) status = nni_archive_model(model, &a, &d);
    nni_archive_close(&a);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_LOAD_H */
