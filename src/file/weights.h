/* weights.h - parameters alone: into a model that exists, by name; from and for PyTorch */
#ifndef NN_FILE_WEIGHTS_H
#define NN_FILE_WEIGHTS_H

#include "../graph/model.h"
#include "../status.h"

/* What became of a parameter of the model, or of a tensor in the file. */
typedef enum nn_weights_fate {
    NN_WEIGHTS_LOADED,
    NN_WEIGHTS_MISSING,   /* a parameter that the file does not have */
    NN_WEIGHTS_MISSHAPEN, /* a parameter that the file has in another shape, or not as floats */
    NN_WEIGHTS_UNUSED     /* a tensor that no parameter takes */
} nn_weights_fate;

/* A layer by its name here and its name in the file: "dense_1", "classifier.0". */
typedef struct nn_weights_pair {
    const char *layer, *file;
} nn_weights_pair;

/* What can be chosen; zero means the usual value, a NULL desc all of them. */
typedef struct nn_weights_desc {
    int partial;                  /* what is missing, misshapen or unused is counted and left alone; otherwise it is an error */
    int torch;                    /* the file has PyTorch's names and layouts: see below */
    const nn_weights_pair *pairs; /* layers that have another name in the file */
    size_t pairs_count;
    int in_order;                 /* names do not matter: the first layer with parameters takes the first module, and so on */
    const char *prefix;           /* in the file, before every name; tensors without it are not looked at */
    void (*tell)(nn_weights_fate fate, const char *name, void *user); /* called for each parameter and each unused tensor */
    void *user;
} nn_weights_desc;

/* How many there were. */
typedef struct nn_weights_result {
    size_t loaded, missing, misshapen, unused;
} nn_weights_result;

/* Fills the parameters of a built model from a file of nn.h or any other safetensors file; numbers may be F32, F64, F16 or BF16. All or
 * nothing: on failure no parameter has changed. Of a model file only the parameters are taken. `result` may be NULL.
 *
 * With desc.torch the tensors are those of a state_dict: "NAME.weight", "NAME.bias", "NAME.running_mean", "NAME.running_var" for NAME the
 * layer's; num_batches_tracked is passed over. Weights of nn.Linear are turned from out x in, those of nn.Conv2d from out x in x height
 * x width. A dense layer behind a flattened image finds its inputs in nn.h's order of places, channels last, too; a reshape into
 * an image has no counterpart.
 *
 * With desc.in_order modules are taken in the order of their names, numbers by value: 0, 1, 2, ..., 10, as nn.Sequential has
 * them. (The order of a state_dict is lost in a safetensors file, which is sorted.) */
NN_API NN_MUST_USE nn_status nn_weights_load(nn_model *model, const char *path, const nn_weights_desc *desc, nn_weights_result *result);
NN_API NN_MUST_USE nn_status nn_weights_load_memory(nn_model *model, const void *bytes, size_t size, const nn_weights_desc *desc,
                                                    nn_weights_result *result);

/* Writes the parameters without the network; with desc.torch as PyTorch's load_state_dict wants them. Of desc torch, pairs and prefix
 * count. */
NN_API NN_MUST_USE nn_status nn_weights_save(nn_model *model, const char *path, const nn_weights_desc *desc);

#ifdef NN_IMPLEMENTATION

#include "archive.h"
#include "load.h"
#include "save.h"
#include "tensors.h"
#include "torch.h"

/* ---- names ---- */

/* The name of a layer in the file. */
static const char *nni_weights_layer(const nn_weights_desc *d, const char *layer) {
    for (size_t i = 0; i < d->pairs_count; i++)
        if (strcmp(d->pairs[i].layer, layer) == 0) return d->pairs[i].file;
    return layer;
}

/* "PREFIXmodule.kind"; 0 if it is too long to be in a file. */
static int nni_weights_name(char name[NNI_TENSOR_NAME_MOST], const nn_weights_desc *d, const char *prefix, const char *module,
                            size_t length, const char *kind) {
    const int n = snprintf(name, NNI_TENSOR_NAME_MOST, "%s%.*s.%s", prefix, (int)length, module, d->torch ? nni_torch_kind(kind) : kind);
    return n > 0 && n < NNI_TENSOR_NAME_MOST;
}

/* What a file has besides parameters: training state and class weights of nn.h, the counters of PyTorch. */
static int nni_weights_ignored(const nni_archive *a, const nn_weights_desc *d, const char *name) {
    const char *dot = strrchr(name, '.');
    if (d->torch) return dot && strcmp(dot, ".num_batches_tracked") == 0;
    return nni_archive_text(a, "nn.format") && (strncmp(name, "train.", 6) == 0 || (dot && strcmp(dot, ".class_weights") == 0));
}

/* ---- matching ---- */

typedef struct nni_matching {
    nn_model *m;
    const nni_archive *a;
    const nn_weights_desc *d;
    const char *prefix;
    uint32_t *tensors; /* by parameter: the tensor it takes, plus 1 */
    char *used;        /* by tensor */
    nn_weights_result result;
    nn_status status;
} nni_matching;

/* Counts it, and keeps the first thing that is wrong. */
static void nni_matched(nni_matching *t, nn_weights_fate fate, const char *name, const char *what, const char *where) {
    size_t *const counts[] = {&t->result.loaded, &t->result.missing, &t->result.misshapen, &t->result.unused};
    ++*counts[fate];
    if (t->d->tell) t->d->tell(fate, name, t->d->user);
    if (fate == NN_WEIGHTS_LOADED || t->d->partial || t->status != NN_OK) return;
    t->status = nni_report(t->m, NN_ERROR_FORMAT, "%s: %s %s \"%s\"", t->a->path, name, what, where);
}

static int nni_weights_fit(const nni_matching *t, const nni_parameter *p, const nni_found *found) {
    size_t shape[4];
    if (!t->d->torch) return nni_found_fits(t->m, p, found);
    if (!nni_dtype_is_float(found->dtype)) return 0;
    if (!p->decays && found->n == 1 && strcmp(p->kind, "slope") == 0) return 1; /* PyTorch's PReLU has one slope for all */
    const size_t rank = nni_torch_shape(t->m, p, shape);
    return found->rank == rank && memcmp(found->shape, shape, rank * sizeof *shape) == 0;
}

static void nni_match_parameter(nni_matching *t, size_t i, const char *prefix, const char *module, size_t length) {
    const nni_parameter *p = &t->m->parameters[i];
    char name[NNI_TENSOR_NAME_MOST], mine[NNI_TENSOR_NAME_MOST];
    const uint32_t tensor = nni_weights_name(name, t->d, prefix, module, length, p->kind) ? nni_archive_look(t->a, name) : 0;
    nni_parameter_name(mine, "", t->m, p);
    if (!tensor) {
        nni_matched(t, NN_WEIGHTS_MISSING, mine, "is missing: there is no", name);
        return;
    }
    const nni_found found = nni_archive_at(t->a, tensor - 1);
    t->used[tensor - 1] = 1;
    if (nni_weights_fit(t, p, &found)) t->tensors[i] = tensor;
    nni_matched(t, t->tensors[i] ? NN_WEIGHTS_LOADED : NN_WEIGHTS_MISSHAPEN, mine, "has another shape than", name);
}

/* Every layer that has parameters of its own. */
static void nni_match_layers(nni_matching *t) {
    const nn_model *m = t->m;
    const char *module = NULL;
    size_t length = 0;
    int past = 0; /* no module is left */
    for (size_t n = 0; n < m->count; n++) {
        const nni_node *node = &m->nodes[n];
        if (!node->parameters || m->parameters[node->parameters_at].shared != NNI_NONE) continue;
        if (t->d->in_order && !past) {
            module = nni_next_module(t->a, t->prefix, module, &length);
            past = !module;
        }
        for (size_t k = 0; k < node->parameters; k++) {
            const size_t i = node->parameters_at + k;
            const char *layer = nni_weights_layer(t->d, node->name);
            if (!t->d->in_order) nni_match_parameter(t, i, t->prefix, layer, strlen(layer));
            else nni_match_parameter(t, i, "", past ? "" : module, past ? 0 : length);
        }
    }
}

static void nni_match_rest(nni_matching *t) {
    for (size_t i = 0; i < t->a->count; i++) {
        const char *name = t->a->header + t->a->entries[i].name;
        if (t->used[i] || strncmp(name, t->prefix, strlen(t->prefix)) != 0 || nni_weights_ignored(t->a, t->d, name)) continue;
        nni_matched(t, NN_WEIGHTS_UNUSED, name, "belongs to nothing in the network, which has no", name);
    }
}

static void nni_match_copy(const nni_matching *t) {
    for (size_t i = 0; i < t->m->parameters_count; i++) {
        const nni_parameter *p = &t->m->parameters[i];
        if (!t->tensors[i]) continue;
        const nni_found found = nni_archive_at(t->a, t->tensors[i] - 1);
        float *values = t->m->values + p->at;
        if (!t->d->torch) {
            nni_floats_from(values, found.bytes, found.dtype, found.n);
        } else if (found.n != p->rows * p->columns) { /* one slope for all */
            for (size_t c = 0; c < p->columns; c++) values[c] = nni_float_at(found.bytes, found.dtype, 0);
        } else {
            const nni_torch_layout l = nni_torch_layout_of(t->m, p);
            nni_from_torch(values, &l, found.bytes, found.dtype);
        }
    }
}

/* The parameters of an open archive. */
static nn_status nni_archive_weights(nn_model *m, const nni_archive *a, const nn_weights_desc *d, nn_weights_result *result) {
    const nn_allocator *allocator = nni_allocator_of(m);
    nni_matching t;
    memset(&t, 0, sizeof t);
    t.m = m;
    t.a = a;
    t.d = d;
    t.prefix = d->prefix ? d->prefix : "";
    t.tensors = (uint32_t *)nni_alloc(allocator, nni_max(m->parameters_count, 1), sizeof *t.tensors);
    t.used = (char *)nni_alloc(allocator, nni_max(a->count, 1), 1);
    if (t.tensors && t.used) {
        memset(t.tensors, 0, m->parameters_count * sizeof *t.tensors);
        memset(t.used, 0, a->count);
        nni_match_layers(&t);
        nni_match_rest(&t);
        if (t.status == NN_OK) nni_match_copy(&t);
    } else {
        t.status = nni_report(m, NN_ERROR_MEMORY, "no memory to read %s", a->path);
    }
    if (result) *result = t.result;
    nni_free(allocator, t.used);
    nni_free(allocator, t.tensors);
    return t.status;
}

static nn_status nni_weights_begin(nn_model *m, const void *from, const char *what, nn_weights_desc *d, const nn_weights_desc *desc) {
    memset(d, 0, sizeof *d);
    if (desc) *d = *desc;
    if (!m) return NN_ERROR_NULL;
    if (!from || (d->pairs_count && !d->pairs)) return nni_report(m, NN_ERROR_NULL, "%s: %s", what, nn_status_message(NN_ERROR_NULL));
    if (!m->built) return nni_report(m, NN_ERROR_ORDER, "%s before nn_model_build", what);
    if (m->folded) return nni_report(m, NN_ERROR_ORDER, "%s of a model whose batch norms were folded", what);
    return NN_OK;
}

/* Reads an archive that was opened with `status`, and closes it. */
static nn_status nni_weights_end(nn_model *m, nni_archive *a, nn_status status, const nn_weights_desc *d, nn_weights_result *result) {
    if (status != NN_OK) nni_report(m, status, "%s", a->report->sentence);
    else status = nni_archive_weights(m, a, d, result);
    nni_archive_close(a);
    return status;
}

NN_API nn_status nn_weights_load(nn_model *m, const char *path, const nn_weights_desc *desc, nn_weights_result *result) {
    nn_weights_desc d;
    nni_archive a;
    nn_report report;
    if (result) memset(result, 0, sizeof *result);
    const nn_status status = nni_weights_begin(m, path, "nn_weights_load", &d, desc);
    return status != NN_OK ? status : nni_weights_end(m, &a, nni_archive_open(&a, path, nni_allocator_of(m), &report), &d, result);
}

NN_API nn_status nn_weights_load_memory(nn_model *m, const void *bytes, size_t size, const nn_weights_desc *desc,
                                        nn_weights_result *result) {
    nn_weights_desc d;
    nni_archive a;
    nn_report report;
    if (result) memset(result, 0, sizeof *result);
    const nn_status status = nni_weights_begin(m, bytes, "nn_weights_load_memory", &d, desc);
    return status != NN_OK ? status
                           : nni_weights_end(m, &a, nni_archive_open_memory(&a, bytes, size, nni_allocator_of(m), &report), &d, result);
}

/* ---- writing ---- */

/* A tensor for every parameter; `turned` is memory as large as the model's parameters, for PyTorch's layouts. */
static void nni_tensors_weights(nni_tensors *t, const nn_model *m, const nn_weights_desc *d, float *turned) {
    char name[NNI_TENSOR_NAME_MOST];
    size_t shape[4];
    for (size_t i = 0; i < m->parameters_count; i++) {
        const nni_parameter *p = &m->parameters[i];
        const float *values = m->values + p->at;
        const char *layer = nni_weights_layer(d, m->nodes[p->node - 1].name);
        if (p->shared != NNI_NONE) continue;
        if (!nni_weights_name(name, d, d->prefix ? d->prefix : "", layer, strlen(layer), p->kind)) t->status = NN_ERROR_ARGUMENT;
        if (turned) {
            const nni_torch_layout l = nni_torch_layout_of(m, p);
            nni_to_torch(turned + p->at, &l, values);
            values = turned + p->at;
        }
        const size_t rank = turned ? nni_torch_shape(m, p, shape) : nni_parameter_shape(m, p, shape);
        nni_tensors_add(t, NNI_F32, values, name, rank, shape);
    }
}

NN_API nn_status nn_weights_save(nn_model *m, const char *path, const nn_weights_desc *desc) {
    nn_weights_desc d;
    nni_tensors t;
    nn_report report;
    nn_status status = nni_weights_begin(m, path, "nn_weights_save", &d, desc);
    if (status != NN_OK) return status;
    float *turned = d.torch ? (float *)nni_alloc(nni_allocator_of(m), nni_max(m->total, 1), sizeof *turned) : NULL;
    if (d.torch && !turned) return nni_report(m, NN_ERROR_MEMORY, "no memory to turn the weights for PyTorch");
    nni_tensors_begin(&t, nni_allocator_of(m));
    nni_tensors_number(&t, "nn.format", NNI_FORMAT);
    nni_tensors_weights(&t, m, &d, turned);
    status = nni_tensors_save(&t, path, &report);
    nni_tensors_end(&t);
    nni_free(nni_allocator_of(m), turned);
    return status == NN_OK ? status : nni_report(m, status, "%s", report.sentence);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_WEIGHTS_H */
