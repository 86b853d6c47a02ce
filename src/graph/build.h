/* build.h - makes a network ready to run: parameters drawn, memory planned and taken */
#ifndef NN_BUILD_H
#define NN_BUILD_H

#include "model.h"

/* What can be chosen; zero means the usual value, a NULL desc all of them. */
typedef struct nn_build_desc {
    uint64_t seed;  /* of the first weights, of dropout and noise: the same seed gives the same bits */
    nn_init init;   /* of all weights but those of nn_layer_init; NN_INIT_USUAL looks for the activation behind each layer */
    size_t batch;   /* most samples of one pass: 256 */
    int inference;  /* for predictions only: no gradients, and activations share memory */
    int keep;       /* every activation and gradient stays to be looked at: more memory, no activation in an epilogue */
    float l1, l2;   /* penalties of all weights but those of nn_layer_penalty */
    size_t memory;  /* most bytes of the activations, for training and for predictions: NN_ERROR_SIZE if more are needed; 0: no limit */
} nn_build_desc;

/* Draws the parameters, plans the memory and takes it: passes then allocate nothing (unless threads or another instruction set
 * ask for more room). Reports the first mistake of the calls that added nodes; after a failure for want of memory it can be
 * called again. Each parameter is drawn from the seed and its own name: the order of layers does not matter to it. */
NN_API NN_MUST_USE nn_status nn_model_build(nn_model *model, const nn_build_desc *desc);

/* Draws all parameters anew, as nn_model_build does; running statistics start again. */
NN_API NN_MUST_USE nn_status nn_model_init(nn_model *model, uint64_t seed, nn_init init);

/* Bytes. A build for inference has no gradients, and `training` is 0. */
typedef struct nn_memory {
    size_t parameters, gradients;
    size_t training;  /* activations and their gradients for a batch */
    size_t inference; /* activations of nn_predict, or of an nn_workspace */
} nn_memory;
NN_API nn_memory nn_memory_of(const nn_model *model);

#ifdef NN_IMPLEMENTATION

#include "../layers/activation.h"
#include "../layers/norm.h"
#include "parameter.h"
#include "plan.h"
#include "workspace.h"

#define NNI_BATCH_USUAL 256

/* ---- parameters ---- */

/* Weights first, then what else has gradients, then the rest: *at moves on over those of one kind. */
static int nni_lay_out(nn_model *m, int decays, int trained, size_t *at) {
    for (size_t i = 0; i < m->parameters_count; i++) {
        nni_parameter *p = &m->parameters[i];
        size_t n;
        if (p->shared != NNI_NONE || p->decays != decays || p->trained != trained) continue;
        if (!nni_mul_size(p->rows, p->columns, &n) || n > PTRDIFF_MAX / 16 - *at) return 0;
        p->at = *at;
        *at += nni_round_up(n, 16);
    }
    return 1;
}

static nn_status nni_place_parameters(nn_model *m) {
    size_t at = 0;
    int fits = nni_lay_out(m, 1, 1, &at);
    m->decaying = at;
    fits = fits && nni_lay_out(m, 0, 1, &at);
    m->trained = at;
    fits = fits && nni_lay_out(m, 0, 0, &at);
    m->total = at;
    for (size_t i = 0; i < m->parameters_count; i++)
        if (m->parameters[i].shared != NNI_NONE) m->parameters[i].at = m->parameters[m->parameters[i].shared].at;
    return fits ? NN_OK : nni_report(m, NN_ERROR_SIZE, "the parameters of this network do not fit into memory");
}

/* The stream of random numbers that belongs to a name. */
static uint64_t nni_stream_of(const char *node, const char *kind) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *node; node++) hash = (hash ^ (unsigned char)*node) * 0x100000001b3u;
    hash = (hash ^ '.') * 0x100000001b3u;
    for (; *kind; kind++) hash = (hash ^ (unsigned char)*kind) * 0x100000001b3u;
    return hash;
}

static int nni_draws(const nn_model *m, const nni_node *node) {
    return node->parameters && m->parameters[node->parameters_at].decays;
}

/* What the values of `id` meet first on their way: the activation, seen through what keeps their scale. */
static nn_activation nni_activation_behind(const nn_model *m, uint32_t id) {
    for (size_t i = id; i < m->count; i++) {
        const nni_node *node = &m->nodes[i];
        if (!node->inputs || nni_input(m, node, 0) != id) continue;
        if (node->op == &nni_op_prelu) return NN_LEAKY_RELU;
        if (node->flags & NNI_ACTIVATION) return node->options.activation.kind;
        if (!(node->flags & NNI_LOSS) && !nni_draws(m, node)) id = (uint32_t)i + 1;
    }
    return NN_IDENTITY;
}

/* What NN_INIT_USUAL stands for at a layer: its variance must make up for what the activation takes away. */
static nn_init nni_usual_init(const nn_model *m, uint32_t id) {
    switch (nni_activation_behind(m, id)) {
    case NN_RELU: case NN_LEAKY_RELU: case NN_ELU: case NN_SOFTPLUS: case NN_GELU: case NN_GELU_TANH: case NN_SILU: return nn_init_he();
    default: return nn_init_xavier();
    }
}

static void nni_draw_parameter(nn_model *m, const nni_parameter *p, nn_init usual) {
    float *values = m->values + p->at;
    const size_t n = p->rows * p->columns;
    if (!p->decays) {
        for (size_t i = 0; i < n; i++) values[i] = p->start ? p->start[i] : p->constant;
        return;
    }
    nn_random random = {m->seed, nni_stream_of(m->nodes[p->node - 1].name, p->kind), 0};
    nn_init init = p->initialised_apart ? p->init : usual;
    if (init.kind == NN_INIT_USUAL) init = nni_usual_init(m, p->node);
    nn_init_fill(values, p->fan_in, p->fan_out, n, init, &random);
}

static void nni_draw_parameters(nn_model *m, nn_init init) {
    memset(m->values, 0, m->total * sizeof *m->values);
    for (size_t i = 0; i < m->parameters_count; i++)
        if (m->parameters[i].shared == NNI_NONE) nni_draw_parameter(m, &m->parameters[i], init);
}

NN_API nn_status nn_model_init(nn_model *m, uint64_t seed, nn_init init) {
    if (!m) return NN_ERROR_NULL;
    if (!m->built) return nni_report(m, NN_ERROR_ORDER, "nn_model_init before nn_model_build");
    if (m->folded) return nni_report(m, NN_ERROR_ORDER, "nn_model_init of a model whose batch norms were folded");
    m->seed = seed;
    m->step = 0;
    nni_draw_parameters(m, init);
    return NN_OK;
}

/* ---- memory ---- */

static void nni_free_built(nn_model *m) {
    const nn_allocator *allocator = nni_allocator_of(m);
    if (m->run != m->test) nni_workspace_free(allocator, m->run);
    nni_workspace_free(allocator, m->test);
    nni_free(allocator, m->collected.mean);
    nni_free(allocator, m->training.places);
    nni_free(allocator, m->prediction.places);
    nni_free(allocator, m->gradients);
    nni_free(allocator, m->values);
    m->run = m->test = NULL;
    m->collected.mean = NULL;
    m->training.places = m->prediction.places = NULL;
    m->gradients = m->values = NULL;
    m->built = 0;
}

NN_API void nn_model_free(nn_model *m) {
    if (!m) return;
    const nn_allocator allocator = m->allocator, *given = allocator.alloc ? &allocator : NULL;
    nni_free_built(m);
    for (size_t i = 0; i < m->parameters_count; i++) nni_free(given, m->parameters[i].start);
    for (size_t i = 0; i < m->count; i++)
        if (m->nodes[i].flags & NNI_LOSS) nni_free(given, (void *)(uintptr_t)m->nodes[i].options.loss.desc.class_weights);
    for (nni_note *note = m->notes, *next; note; note = next) {
        next = note->next;
        nni_free(given, note);
    }
    nni_free(given, m->parameters);
    nni_free(given, m->inputs);
    nni_free(given, m->nodes);
    nni_free(given, m);
}

static nn_status nni_no_memory(nn_model *m, const char *what, size_t floats) {
    return nni_report(m, NN_ERROR_MEMORY, "no memory for %s: %zu bytes are needed", what, floats * sizeof(float));
}

static nn_status nni_take_parameters(nn_model *m) {
    const nn_allocator *allocator = nni_allocator_of(m);
    size_t channels = 0;
    for (size_t i = 0; i < m->count; i++)
        if (m->nodes[i].op == &nni_op_batch_norm) channels = nni_max(channels, m->nodes[i].shape.channels);
    m->values = (float *)nni_alloc(allocator, nni_max(m->total, 1), sizeof *m->values);
    if (!m->values) return nni_no_memory(m, "the parameters", m->total);
    if (channels && !(m->collected.mean = (double *)nni_alloc(allocator, 2 * channels, sizeof(double))))
        return nni_no_memory(m, "statistics", 4 * channels);
    if (m->inference) return NN_OK;
    m->gradients = (float *)nni_alloc(allocator, nni_max(m->trained, 1), sizeof *m->gradients);
    if (!m->gradients) return nni_no_memory(m, "the gradients", m->trained);
    memset(m->gradients, 0, m->trained * sizeof *m->gradients);
    return NN_OK;
}

/* Whether `floats` more than `before` stay below the caller's limit. */
static nn_status nni_memory_check(nn_model *m, size_t before, size_t floats, size_t limit) {
    if (!limit || (before + floats <= limit / sizeof(float))) return NN_OK;
    return nni_report(m, NN_ERROR_SIZE, "batches of %zu samples need %zu bytes for activations, and the limit is %zu", m->batch,
                      (before + floats) * sizeof(float), limit);
}

static nn_status nni_take_workspaces(nn_model *m, size_t limit) {
    nn_status status = nni_plan_make(m, &m->prediction, 0, m->batch);
    if (status == NN_OK) status = nni_memory_check(m, 0, m->prediction.floats, limit);
    if (status != NN_OK) return status;
    if (!(m->test = nni_workspace_new(m, &m->prediction, &m->prediction))) return nni_no_memory(m, "predictions", m->prediction.floats);
    m->run = m->test;
    if (m->inference) return NN_OK;
    nni_find_gradients(m, 1);
    status = nni_plan_make(m, &m->training, 1, m->batch);
    nni_find_gradients(m, 0);
    if (status == NN_OK) status = nni_memory_check(m, m->prediction.floats, m->training.floats, limit);
    if (status != NN_OK) return status;
    m->run = nni_workspace_new(m, &m->training, &m->training);
    return m->run ? NN_OK : nni_no_memory(m, "training", m->training.floats);
}

/* ---- the build ---- */

static nn_status nni_build_check(nn_model *m, const nn_build_desc *d) {
    const nn_status isa = nn_isa_status();
    if (m->status != NN_OK) return m->status;
    if (isa != NN_OK) return nni_report(m, isa, "%s", nn_status_message(isa));
    if (m->built) return nni_report(m, NN_ERROR_ORDER, "the model is built already");
    if (!m->count) return nni_report(m, NN_ERROR_ARGUMENT, "the model has no layers");
    if (!(d->l1 >= 0.0f && d->l2 >= 0.0f && d->l1 <= FLT_MAX && d->l2 <= FLT_MAX))
        return nni_report(m, NN_ERROR_ARGUMENT, "penalties must be finite and not negative: l1 is %g, l2 %g", (double)d->l1, (double)d->l2);
    return NN_OK;
}

static void nni_build_settings(nn_model *m, const nn_build_desc *d) {
    m->seed = d->seed;
    m->step = 0;
    m->batch = d->batch ? d->batch : NNI_BATCH_USUAL;
    m->inference = d->inference != 0;
    m->keep = d->keep != 0;
    for (size_t i = 0; i < m->count; i++) /* a softmax that the caller wrote and uses elsewhere is no mere prediction */
        if (nni_is_used(m, &m->nodes[i])) m->nodes[i].flags &= ~(unsigned)NNI_PREDICTION;
}

static void nni_build_penalties(nn_model *m, const nn_build_desc *d) {
    for (size_t i = 0; i < m->parameters_count; i++) {
        nni_parameter *p = &m->parameters[i];
        if (!p->decays || p->penalised_apart) continue;
        p->l1 = d->l1;
        p->l2 = d->l2;
    }
}

NN_API nn_status nn_model_build(nn_model *m, const nn_build_desc *desc) {
    nn_build_desc d;
    memset(&d, 0, sizeof d);
    if (desc) d = *desc;
    if (!m) return NN_ERROR_NULL;
    nn_status status = nni_build_check(m, &d);
    if (status != NN_OK) return status;
    nni_build_settings(m, &d);
    nni_build_penalties(m, &d);
    status = nni_place_parameters(m);
    if (status == NN_OK) status = nni_take_parameters(m);
    if (status == NN_OK) status = nni_take_workspaces(m, d.memory);
    if (status != NN_OK) {
        nni_free_built(m);
        return status;
    }
    nni_draw_parameters(m, d.init);
    m->built = 1;
    return NN_OK;
}

NN_API nn_memory nn_memory_of(const nn_model *m) {
    nn_memory bytes = {0, 0, 0, 0};
    if (!m || !m->built) return bytes;
    bytes.parameters = m->total * sizeof(float);
    bytes.gradients = m->inference ? 0 : m->trained * sizeof(float);
    bytes.training = m->inference ? 0 : m->training.floats * sizeof(float);
    bytes.inference = m->prediction.floats * sizeof(float);
    return bytes;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_BUILD_H */
