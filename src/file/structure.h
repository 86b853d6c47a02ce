/* structure.h - a network as text, and the network that a text describes
 *
 * JSON: {"batch":256,"nodes":[{"op":"dense","name":"dense_1","from":["input_1"],"units":300,"bias":true}, ...]}. A node's options
 * are those that its kind lists; what is 0 or false is left out. "op", "name" and "from" come first, "parameters" last: what was
 * set for each parameter by name.
 */
#ifndef NN_FILE_STRUCTURE_H
#define NN_FILE_STRUCTURE_H

#include "../graph/model.h"
#include "../report.h"

#ifdef NN_IMPLEMENTATION

#include "../layers/activation.h"
#include "../layers/conv.h"
#include "../layers/dense.h"
#include "../layers/dropout.h"
#include "../layers/gates.h"
#include "../layers/input.h"
#include "../layers/loss.h"
#include "../layers/norm.h"
#include "../layers/pool.h"
#include "../layers/scaler.h"
#include "archive.h"
#include "json.h"

/* Every kind of node but the activations, which are a list of their own. */
static const nni_op *const nni_ops[] = {
    &nni_op_input, &nni_op_dense, &nni_op_bias, &nni_op_conv2d, &nni_op_max_pool, &nni_op_average_pool, &nni_op_global_average_pool,
    &nni_op_prelu, &nni_op_softmax, &nni_op_log_softmax, &nni_op_add, &nni_op_sub, &nni_op_mul, &nni_op_exp, &nni_op_log,
    &nni_op_reciprocal, &nni_op_linear, &nni_op_concat, &nni_op_reshape, &nni_op_flatten, &nni_op_batch_norm, &nni_op_layer_norm,
    &nni_op_group_norm, &nni_op_instance_norm, &nni_op_dropout, &nni_op_noise, &nni_op_scaler, &nni_op_loss};

static const nni_op *nni_op_named(const char *name) {
    for (size_t i = 0; i < sizeof nni_ops / sizeof *nni_ops; i++)
        if (strcmp(nni_ops[i]->name, name) == 0) return nni_ops[i];
    for (size_t i = 0; i < NN_ACTIVATION_COUNT; i++)
        if (strcmp(nni_ops_activation[i].name, name) == 0) return &nni_ops_activation[i];
    return NULL;
}

/* What is set for one parameter. */
static const char *const nni_init_names[] = {"usual", "constant", "normal", "truncated_normal", "uniform", "orthogonal", NULL};
static const char *const nni_fan_names[] = {"none", "in", "out", "average", NULL};
static const nni_field nni_parameter_fields[] = {
    {"frozen", NNI_FIELD_FLAG, offsetof(nni_parameter, frozen), NULL},
    {"l1", NNI_FIELD_FLOAT, offsetof(nni_parameter, l1), NULL},
    {"l2", NNI_FIELD_FLOAT, offsetof(nni_parameter, l2), NULL},
    {"own_penalty", NNI_FIELD_FLAG, offsetof(nni_parameter, penalised_apart), NULL},
    {"max_norm", NNI_FIELD_FLOAT, offsetof(nni_parameter, max_norm), NULL},
    {"own_rate", NNI_FIELD_FLAG, offsetof(nni_parameter, rated_apart), NULL},
    {"rate", NNI_FIELD_FLOAT, offsetof(nni_parameter, rate), NULL},
    {"own_decay", NNI_FIELD_FLAG, offsetof(nni_parameter, decay_apart), NULL},
    {"decoupled", NNI_FIELD_FLAG, offsetof(nni_parameter, decoupled), NULL},
    {"own_init", NNI_FIELD_FLAG, offsetof(nni_parameter, initialised_apart), NULL},
    {"init", NNI_FIELD_CHOICE, offsetof(nni_parameter, init.kind), nni_init_names},
    {"fan", NNI_FIELD_CHOICE, offsetof(nni_parameter, init.fan), nni_fan_names},
    {"scale", NNI_FIELD_FLOAT, offsetof(nni_parameter, init.scale), NULL},
    NNI_FIELDS_END};

/* ---- fields ---- */

static const size_t nni_field_bytes[] = {sizeof(size_t), sizeof(int), sizeof(float), sizeof(uint32_t), sizeof(int)};

static int nni_field_is_zero(const nni_field *field, const void *from) {
    static const char zeros[sizeof(size_t)] = {0};
    return memcmp((const char *)from + field->offset, zeros, nni_field_bytes[field->kind]) == 0;
}

static const char *nni_choice_name(const char *const *names, int value) {
    int i = 0;
    while (names[i] && i != value) i++;
    return names[names[i] ? i : 0];
}

static void nni_write_field(nni_writer *w, const nn_model *m, const nni_field *field, const void *from) {
    const char *at = (const char *)from + field->offset;
    size_t size = 0;
    int word = 0;
    float real = 0.0f;
    nn_node node = {0};
    switch (field->kind) {
    case NNI_FIELD_SIZE: memcpy(&size, at, sizeof size); nni_write(w, "%zu", size); return;
    case NNI_FIELD_FLAG: nni_write(w, "true"); return;
    case NNI_FIELD_FLOAT: memcpy(&real, at, sizeof real); nni_write_float(w, real); return;
    case NNI_FIELD_NODE: memcpy(&node.id, at, sizeof node.id); nni_write_json_string(w, nn_node_name(m, node)); return;
    case NNI_FIELD_CHOICE: memcpy(&word, at, sizeof word); nni_write_json_string(w, nni_choice_name(field->names, word)); return;
    }
}

/* Those that are not 0; *any says whether one was written before. */
static void nni_write_fields(nni_writer *w, const nn_model *m, const nni_field *fields, const void *from, int *any) {
    for (const nni_field *field = fields; field && field->name; field++) {
        if (nni_field_is_zero(field, from)) continue;
        nni_write(w, "%s\"%s\":", *any ? "," : "", field->name);
        nni_write_field(w, m, field, from);
        *any = 1;
    }
}

static int nni_read_choice(nni_json *j, const char *const *names, int *value) {
    char *word = j->none;
    if (!nni_json_string(j, &word, NULL)) return 0;
    for (*value = 0; names[*value]; ++*value)
        if (strcmp(names[*value], word) == 0) return 1;
    return nni_json_fail(j, "an option has a value that it cannot have");
}

static int nni_read_field(nni_json *j, const nn_model *m, const nni_field *field, void *to) {
    char *at = (char *)to + field->offset, *name = j->none;
    size_t size = 0;
    int word = 0;
    float real = 0.0f;
    nn_node node = {0};
    switch (field->kind) {
    case NNI_FIELD_SIZE: return nni_json_size(j, &size) && memcpy(at, &size, sizeof size) != NULL;
    case NNI_FIELD_FLAG: return nni_json_flag(j, &word) && memcpy(at, &word, sizeof word) != NULL;
    case NNI_FIELD_FLOAT: return nni_json_float(j, &real) && memcpy(at, &real, sizeof real) != NULL;
    case NNI_FIELD_CHOICE: return nni_read_choice(j, field->names, &word) && memcpy(at, &word, sizeof word) != NULL;
    case NNI_FIELD_NODE:
        if (!nni_json_string(j, &name, NULL)) return 0;
        node = nn_model_node(m, name);
        return node.id ? memcpy(at, &node.id, sizeof node.id) != NULL : nni_json_fail(j, "an option names a node that was not there yet");
    }
    return 0;
}

/* Reads the value of the option `key` if the list has it, for the first time: a bit of *seen says so. */
static int nni_read_fields(nni_json *j, const nn_model *m, const nni_field *fields, const char *key, void *to, unsigned *seen) {
    unsigned bit = 1;
    for (const nni_field *field = fields; field && field->name; field++, bit <<= 1)
        if (strcmp(field->name, key) == 0) {
            if (*seen & bit) return nni_json_fail(j, "an option occurs twice");
            *seen |= bit;
            return nni_read_field(j, m, field, to);
        }
    return nni_json_fail(j, "an option that this kind of node does not have");
}

/* ---- writing ---- */

/* What a node is besides its kind's options. */
typedef struct nni_node_marks {
    int frozen, gradient, value;
} nni_node_marks;
static const nni_field nni_mark_fields[] = {{"frozen", NNI_FIELD_FLAG, offsetof(nni_node_marks, frozen), NULL},
                                            {"wants_gradient", NNI_FIELD_FLAG, offsetof(nni_node_marks, gradient), NULL},
                                            {"wants_value", NNI_FIELD_FLAG, offsetof(nni_node_marks, value), NULL},
                                            NNI_FIELDS_END};

static void nni_write_parameters(nni_writer *w, const nn_model *m, const nni_node *node) {
    int any_parameter = 0;
    for (size_t k = 0; k < node->parameters; k++) {
        const nni_parameter *p = &m->parameters[node->parameters_at + k];
        int any = 0;
        for (const nni_field *field = nni_parameter_fields; field->name; field++) any |= !nni_field_is_zero(field, p);
        if (!any) continue;
        nni_write(w, "%s\"%s\":{", any_parameter ? "," : ",\"parameters\":{", p->kind);
        any = 0;
        nni_write_fields(w, m, nni_parameter_fields, p, &any);
        nni_write(w, "}");
        any_parameter = 1;
    }
    if (any_parameter) nni_write(w, "}");
}

static void nni_write_node_json(nni_writer *w, const nn_model *m, const nni_node *node) {
    const nni_node_marks marks = {node->frozen, node->wanted, (node->flags & NNI_OUTPUT) != 0};
    int any = 1;
    nni_write(w, "{\"op\":\"%s\",\"name\":", node->op->name);
    nni_write_json_string(w, node->name);
    for (size_t k = 0; k < node->inputs; k++) {
        nni_write(w, "%s", k ? "," : ",\"from\":[");
        nni_write_json_string(w, nni_input_node(m, node, k)->name);
    }
    if (node->inputs) nni_write(w, "]");
    nni_write_fields(w, m, node->op->fields, &node->options, &any);
    nni_write_fields(w, m, nni_mark_fields, &marks, &any);
    nni_write_parameters(w, m, node);
    nni_write(w, "}");
}

static void nni_write_structure(nni_writer *w, const nn_model *m) {
    nni_write(w, "{\"batch\":%zu,\"nodes\":[", m->batch);
    for (size_t i = 0; i < m->count; i++) {
        if (i) nni_write(w, ",");
        nni_write_node_json(w, m, &m->nodes[i]);
    }
    nni_write(w, "]}");
}

/* ---- reading ---- */

/* A node while it is read. */
typedef struct nni_node_draft {
    const nni_op *op;
    const char *name;
    nn_node *from;
    size_t inputs;
    nni_options options;
    nni_node_marks marks;
    unsigned seen, seen_marks;
} nni_node_draft;

/* The names of the inputs; `from` is to be freed. */
static int nni_read_from(nni_json *j, const nn_model *m, nni_node_draft *d) {
    nni_json ahead = *j;
    size_t count = 0, i = 0;
    char *name = j->none;
    for (int more = nni_json_begin(&ahead, '['); more; more = nni_json_more(&ahead, ']'), count++)
        if (!nni_json_string(&ahead, NULL, NULL)) break;
    if (d->from) return nni_json_fail(j, "a node has \"from\" twice");
    d->from = (nn_node *)nni_alloc(nni_allocator_of(m), nni_max(count, 1), sizeof *d->from);
    if (!d->from) return nni_json_fail(j, nn_status_message(NN_ERROR_MEMORY));
    for (int more = nni_json_begin(j, '['); more && i < count; more = nni_json_more(j, ']')) {
        if (!nni_json_string(j, &name, NULL)) return 0;
        d->from[i] = nn_model_node(m, name);
        if (!d->from[i++].id) return nni_json_fail(j, "a node takes what was not there before it");
    }
    d->inputs = count;
    return !j->mistake;
}

/* The weights of a loss's classes are a tensor: put into the options while the node is added. */
static float *nni_read_class_weights(nni_json *j, const nn_model *m, const nni_archive *a, nni_node_draft *d) {
    char name[NN_NAME_MOST + 32];
    nni_found found;
    snprintf(name, sizeof name, "%s.class_weights", d->name);
    if (!(d->op->flags & NNI_LOSS) || !nni_archive_find(a, name, &found)) return NULL;
    if (!nni_dtype_is_float(found.dtype) || found.n != nn_node_shape(m, d->from[0]).channels)
        return nni_json_fail(j, "class weights are not as many as classes"), (float *)NULL;
    float *weights = (float *)nni_alloc(nni_allocator_of(m), nni_max(found.n, 1), sizeof *weights);
    if (!weights) return nni_json_fail(j, nn_status_message(NN_ERROR_MEMORY)), (float *)NULL;
    nni_floats_from(weights, found.bytes, found.dtype, found.n);
    d->options.loss.desc.class_weights = weights;
    return weights;
}

/* The node as it was read, without what was set for its parameters. */
static int nni_add_draft(nni_json *j, nn_model *m, const nni_archive *a, nni_node_draft *d) {
    if (!d->op || !d->name) return nni_json_fail(j, "a node lacks its op or name");
    if (d->op->inputs == NNI_MANY ? !d->inputs : d->inputs != d->op->inputs)
        return nni_json_fail(j, "a node has too many inputs, or too few");
    float *weights = nni_read_class_weights(j, m, a, d);
    if (j->mistake) return 0;
    const nn_node node = nni_layer(m, d->op, d->from, d->inputs, &d->options);
    nni_free(nni_allocator_of(m), weights);
    if (m->status != NN_OK || !nn_layer_name(m, node, d->name).id) return nni_json_fail(j, m->sentence);
    nni_node *n = &m->nodes[node.id - 1];
    n->frozen = d->marks.frozen;
    n->wanted = d->marks.gradient;
    if (d->marks.value) n->flags |= NNI_OUTPUT;
    return 1;
}

/* What was set for the parameters of the last node. */
static int nni_read_parameters(nni_json *j, nn_model *m) {
    const nni_node *node = &m->nodes[m->count - 1];
    for (int more = nni_json_begin(j, '{'); more; more = nni_json_more(j, '}')) {
        const char *kind = nni_json_key(j);
        nni_parameter *p = NULL;
        unsigned seen = 0;
        for (size_t k = 0; k < node->parameters; k++)
            if (strcmp(m->parameters[node->parameters_at + k].kind, kind) == 0) p = &m->parameters[node->parameters_at + k];
        if (!p) return nni_json_fail(j, "a node does not have that parameter");
        for (int next = nni_json_begin(j, '{'); next; next = nni_json_more(j, '}'))
            if (!nni_read_fields(j, m, nni_parameter_fields, nni_json_key(j), p, &seen)) return 0;
        if (!(p->l1 >= 0.0f && p->l1 <= FLT_MAX && p->l2 >= 0.0f && p->l2 <= FLT_MAX && p->max_norm >= 0.0f))
            return nni_json_fail(j, "a penalty or norm is negative, or no number");
    }
    return !j->mistake;
}

static int nni_read_node_key(nni_json *j, nn_model *m, nni_node_draft *d, const char *key) {
    char *word = j->none;
    if (strcmp(key, "op") == 0) {
        if (d->op || !nni_json_string(j, &word, NULL)) return nni_json_fail(j, "a node has \"op\" twice");
        d->op = nni_op_named(word);
        return d->op ? 1 : nni_json_fail(j, "a kind of node that this version of nn.h does not have");
    }
    if (!d->op) return nni_json_fail(j, "a node does not begin with \"op\"");
    if (strcmp(key, "name") == 0) {
        if (d->name || !nni_json_string(j, &word, NULL)) return nni_json_fail(j, "a node has \"name\" twice");
        d->name = word;
        return 1;
    }
    if (strcmp(key, "from") == 0) return nni_read_from(j, m, d);
    for (const nni_field *mark = nni_mark_fields; mark->name; mark++)
        if (strcmp(mark->name, key) == 0) return nni_read_fields(j, m, nni_mark_fields, key, &d->marks, &d->seen_marks);
    return nni_read_fields(j, m, d->op->fields, key, &d->options, &d->seen);
}

static int nni_read_node(nni_json *j, nn_model *m, const nni_archive *a, nni_node_draft *d) {
    int added = 0;
    for (int more = nni_json_begin(j, '{'); more; more = nni_json_more(j, '}')) {
        const char *key = nni_json_key(j);
        if (j->mistake || added) return nni_json_fail(j, "something follows the parameters of a node");
        if (strcmp(key, "parameters") == 0) added = nni_add_draft(j, m, a, d) && nni_read_parameters(j, m);
        else nni_read_node_key(j, m, d, key);
        if (j->mistake) return 0;
    }
    return !j->mistake && (added || nni_add_draft(j, m, a, d));
}

/* Adds the nodes that a text describes, which it takes apart, to an empty model; *batch is what it was built for. */
static nn_status nni_read_structure(nn_model *m, size_t *batch, char *text, const nni_archive *a) {
    nni_json json = nni_json_of(text, strlen(text)), *j = &json;
    nni_node_draft d;
    unsigned seen = 0;
    memset(&d, 0, sizeof d);
    for (int more = nni_json_begin(j, '{'); more; more = nni_json_more(j, '}')) {
        const char *key = nni_json_key(j);
        const unsigned bit = strcmp(key, "batch") == 0 ? 1 : strcmp(key, "nodes") == 0 ? 2 : 0;
        if (!bit || (seen & bit)) nni_json_fail(j, "a key that does not belong there, or occurs twice");
        seen |= bit;
        if (bit == 1) nni_json_size(j, batch);
        for (int node = bit == 2 && nni_json_begin(j, '['); node; node = nni_json_more(j, ']')) {
            memset(&d, 0, sizeof d);
            nni_read_node(j, m, a, &d);
            nni_free(nni_allocator_of(m), d.from);
        }
    }
    if (seen != 3) nni_json_fail(j, "it has no nodes, or no batch");
    if (nni_json_done(j)) return NN_OK;
    if (m->status == NN_ERROR_MEMORY || j->mistake == nn_status_message(NN_ERROR_MEMORY))
        return nni_say(a->report, NN_ERROR_MEMORY, "no memory for the network in %s", a->path);
    return nni_archive_bad(a, "node %zu of the network%s%s: %s", m->count + 1, d.name ? ", " : "", d.name ? d.name : "", j->mistake);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_STRUCTURE_H */
