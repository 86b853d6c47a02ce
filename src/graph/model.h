/* model.h - a network as a graph of nodes: what it is made of, and how its mistakes are told */
#ifndef NN_MODEL_H
#define NN_MODEL_H

#include "../alloc.h"
#include "../init.h"
#include "../status.h"
#include "shape.h"

/* How a pass forward treats the layers that differ between training and use. */
typedef enum nn_mode {
    NN_TEST,      /* running statistics, no dropout, no noise */
    NN_TRAIN,     /* the batch's statistics, dropout, noise; a backward pass may follow */
    NN_STATISTICS /* as NN_TEST, while batch norm collects exact statistics: see nn_statistics_begin */
} nn_mode;

/* A network: a graph of nodes without cycles, its parameters, and the memory for its work. The nn_layer functions add
 * nodes and return them as inputs for further ones; nn_model_build makes it ready to run.
 *
 *   nn_model *m = nn_model_new(NULL);
 *   nn_node x = nn_layer_input(m, nn_shape_vector(784));
 *   x = nn_layer_dense(m, x, 300);
 *   x = nn_layer_relu(m, x);
 *   x = nn_layer_dense(m, x, 10);
 *   nn_layer_loss(m, x, NN_LOSS_SOFTMAX_CE);
 *   if (nn_model_build(m, NULL) != NN_OK) puts(nn_error(m));
 *
 * Calls that add nodes need no checks: the first mistake is kept, later calls do nothing, and nn_model_build reports it.
 * A model is used by one thread at a time; models are independent of each other. */
typedef struct nn_model nn_model;

/* A node of a model. {0} is none, which is what a call that fails returns. */
typedef struct nn_node {
    uint32_t id;
} nn_node;

#define NN_NAME_MOST 64 /* bytes of a node's name with its final zero */

/* An empty model, or NULL if there is no memory. `allocator` (NULL: malloc) is copied; everything comes from it. */
NN_API nn_model *nn_model_new(const nn_allocator *allocator);
NN_API void nn_model_free(nn_model *model); /* NULL is fine */

/* What was wrong in the last call that failed, as a sentence; "no error" if none did. The text lives in the model, always in the same
 * place: in check(nn_fit(m, ...), nn_error(m)) it does not matter which of the two is called first. */
NN_API const char *nn_error(const nn_model *model);

/* Names: "dense_1", "relu_1", ... by themselves; nn_layer_name gives another, which must be unique and have no dot. */
NN_API nn_node nn_layer_name(nn_model *model, nn_node node, const char *name);
NN_API nn_node nn_model_node(const nn_model *model, const char *name); /* {0} if there is none of that name */
NN_API const char *nn_node_name(const nn_model *model, nn_node node);  /* "" for no node */
NN_API nn_shape nn_node_shape(const nn_model *model, nn_node node);    /* zeros for no node */

#ifdef NN_IMPLEMENTATION

#include "../conv.h"
#include "../loss.h"
#include "../moments.h"
#include "../pool.h"

#include <float.h>
#include <stdarg.h>
#include <stdio.h>

#define NNI_NONE SIZE_MAX

struct nni_call;
struct nni_node;

/* An option of a kind of node, as files know it: its name, what it is, and where it lies in nni_options. */
typedef enum nni_field_kind {
    NNI_FIELD_SIZE,  /* size_t */
    NNI_FIELD_FLAG,  /* int, 0 or 1 */
    NNI_FIELD_FLOAT,
    NNI_FIELD_NODE,  /* uint32_t: an earlier node, or 0 */
    NNI_FIELD_CHOICE /* an enum, by the names of its values */
} nni_field_kind;
typedef struct nni_field {
    const char *name;         /* NULL: the end of the list */
    nni_field_kind kind;
    size_t offset;
    const char *const *names; /* of NNI_FIELD_CHOICE, NULL after the last */
} nni_field;
#define NNI_FIELD(kind, name, member) {name, NNI_FIELD_##kind, offsetof(nni_options, member), NULL}
#define NNI_FIELDS_END {NULL, NNI_FIELD_SIZE, 0, NULL}

union nni_options;

/* A kind of node: how it computes, and what it needs. Nodes of one kind differ by their options only, from which `add` makes them:
 * for the nn_layer functions, and when a file is read, so it trusts neither. */
typedef struct nni_op {
    const char *name;
    nn_status (*forward)(struct nni_call *call);
    nn_status (*backward)(struct nni_call *call);              /* NULL: no gradient flows back */
    void (*settle)(struct nni_call *call);                     /* what outlives a pass, once all of it has succeeded */
    size_t (*kept)(const nn_model *m, const struct nni_node *node, size_t rows); /* floats for the backward pass besides x, y */
    size_t (*work)(const nn_model *m, const struct nni_node *node, size_t rows); /* bytes of nni_arena_need for its allocations */
    unsigned flags;
    size_t inputs; /* how many, or NNI_MANY: at least one */
    nn_node (*add)(nn_model *m, const struct nni_op *op, const nn_node *x, size_t count, const union nni_options *options);
    const nni_field *fields; /* the options that a file must hold; NULL: none. One that is 0 may be left out */
} nni_op;

#define NNI_MANY SIZE_MAX

enum {
    NNI_NEEDS_X = 1,           /* the backward pass reads the inputs' values */
    NNI_NEEDS_Y = 2,           /* the backward pass reads the output's value */
    NNI_IN_PLACE = 4,          /* y may be the first input's memory */
    NNI_GRADIENT_IN_PLACE = 8, /* dx of the first input may be dy's memory */
    NNI_ALIAS = 16,            /* y is the first input as it is, under another shape */
    NNI_EPILOGUE = 32,         /* forward applies an activation that follows */
    NNI_INPUT = 64,            /* the value is the caller's array */
    NNI_LOSS = 128,            /* the value is one number, the end of a graph */
    NNI_ACTIVATION = 256,      /* options.activation is what an epilogue could apply */
    NNI_OUTPUT = 512,          /* the caller reads the value after the pass */
    NNI_PREDICTION = 1024      /* made for a loss to be read: not computed in training */
};

typedef struct nni_activation_options {
    nn_activation kind;
    float slope;
} nni_activation_options;

typedef struct nni_dense_options {
    size_t units;
    int bias;
    uint32_t like; /* the node whose parameters it shares, or 0 */
} nni_dense_options;

typedef struct nni_conv_options {
    nn_conv2d_desc desc;
    int bias;
} nni_conv_options;

typedef struct nni_loss_options {
    nn_loss_desc desc;   /* its class_weights are the model's own memory */
    int is_custom;       /* the caller's function: `custom`, which is NULL after a load until it is given again */
    nn_status (*custom)(float *value, float *dx, const float *x, const float *targets, size_t rows, size_t n, void *user);
    void *user;
    uint32_t prediction; /* the node that holds what this loss compares with the targets; 0: its input */
} nni_loss_options;

typedef struct nni_norm_options {
    float epsilon, momentum;
    size_t groups;
    int plain;  /* without gamma and beta */
    int folded; /* batch norm whose work the layer before it does */
} nni_norm_options;

typedef struct nni_dropout_options {
    float keep;
    int scale_at_test, spatial;
} nni_dropout_options;

typedef struct nni_scaler_options {
    size_t size;
    const float *mean, *scale; /* where its parameters start: NULL for 0 and 1; copied */
} nni_scaler_options;

typedef union nni_options {
    nn_shape shape; /* of inputs, and of what is reshaped */
    nni_activation_options activation;
    nni_dense_options dense;
    nni_conv_options conv;
    nn_pool2d_desc pool;
    nni_dropout_options dropout;
    nni_norm_options norm;
    nni_loss_options loss;
    nni_scaler_options scaler;
    float deviation;
    struct {
        float a, b;
    } linear;
} nni_options;

typedef struct nni_node {
    const nni_op *op;
    char name[NN_NAME_MOST];
    nn_shape shape;
    unsigned flags;                 /* of the op, as this node's options make them */
    size_t inputs_at, inputs;       /* in model->inputs */
    size_t parameters_at, parameters;
    int frozen;
    const float *folded_bias;       /* of a layer that a batch norm was folded into */
    int wanted;                     /* the caller asked for the gradient */
    int backward;                   /* a gradient flows into this node: set by the build, and by freezing */
    nni_options options;
} nni_node;

/* Weights, biases, and what else a node owns. Those with a gradient come first in memory, weights before the others. */
typedef struct nni_parameter {
    const char *kind; /* "weights", "bias", ... */
    uint32_t node;
    size_t rows, columns;
    size_t fan_in, fan_out;
    size_t at;        /* floats from the start of the block; gradients lie alike */
    int decays;       /* a weight: penalties hold unless the caller says otherwise */
    int trained;      /* has a gradient; running statistics have none */
    int frozen;
    int initialised_apart, penalised_apart;
    nn_init init;
    float constant;   /* what it starts with where it is not drawn */
    float *start;     /* or these values, which are the model's; NULL */
    float l1, l2, max_norm;
    int rated_apart;  /* its steps are `rate` times those of the others */
    float rate;
    int decay_apart, decoupled; /* the optimizer's weight decay takes hold of it if it is decoupled, not because it decays */
    size_t shared;    /* the parameter whose memory this one uses, or NNI_NONE */
    int written;      /* its gradient holds something of this backward pass */
} nni_parameter;

/* Where the plan puts what a node computes: offsets in floats into the block of a run, or NNI_NONE. */
typedef struct nni_place {
    uint32_t owner;          /* the node whose value's memory this one's is: itself, or an ancestor */
    uint32_t gradient_owner; /* the node whose gradient's memory this one's is: itself, or a descendant */
    size_t value, gradient, kept;
    int fused;               /* an activation that its producer applies */
    int readable;            /* the value is there after a pass */
    nni_activation_options epilogue;
} nni_place;

typedef struct nni_plan {
    nni_place *places; /* one a node */
    size_t floats;     /* of the block */
    size_t sum, work;  /* offsets: a gradient to be added, the operations' workspace */
    size_t work_floats;
} nni_plan;

typedef struct nn_workspace nn_workspace;

/* A text of the caller's: see nn_model_note. */
typedef struct nni_note {
    struct nni_note *next;
    const char *name, *text; /* behind it in memory */
} nni_note;

struct nn_model {
    nn_allocator allocator;
    nn_status status;
    char sentence[512];
    nni_node *nodes; /* node id is nodes[id - 1] */
    size_t count, nodes_room;
    uint32_t *inputs;
    size_t inputs_count, inputs_room;
    nni_parameter *parameters;
    size_t parameters_count, parameters_room;
    int built, inference, keep, folded;
    size_t batch;            /* most rows of a call */
    int trainer;             /* one is at work: its steps include the penalties */
    uint64_t seed, step;     /* step: training passes so far, which random layers draw from */
    float *values, *gradients;
    size_t decaying, trained, total; /* floats: those that decay, those with gradients, all */
    nni_plan training, prediction;
    nn_workspace *run, *test; /* the model's own: for training, for nn_predict */
    size_t collecting;       /* in mode NN_STATISTICS: the batch norm's index + 1, or 0 */
    nn_moments collected;    /* its moments so far */
    nni_note *notes;
};

/* Keeps the sentence; in a graph under construction, also the first error. */
NNI_FORMATS(3, 4) static nn_status nni_report(nn_model *m, nn_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m->sentence, sizeof m->sentence, format, arguments);
    va_end(arguments);
    return status;
}
#define NNI_MISTAKE(m, code, ...) ((m)->status = nni_report(m, code, __VA_ARGS__), nni_no_node())

static inline nn_node nni_no_node(void) {
    const nn_node none = {0};
    return none;
}

NN_API nn_model *nn_model_new(const nn_allocator *allocator) {
    nn_model *m = (nn_model *)nni_alloc(allocator, 1, sizeof *m);
    if (!m) return NULL;
    memset(m, 0, sizeof *m);
    if (allocator) m->allocator = *allocator;
    snprintf(m->sentence, sizeof m->sentence, "%s", nn_status_message(NN_OK));
    return m;
}

/* The model's allocator as nni_alloc takes it. */
static inline const nn_allocator *nni_allocator_of(const nn_model *m) { return m->allocator.alloc ? &m->allocator : NULL; }

NN_API const char *nn_error(const nn_model *m) { return m ? m->sentence : nn_status_message(NN_ERROR_NULL); }

static inline const nni_node *nni_node_of(const nn_model *m, nn_node node) {
    return m && node.id && node.id <= m->count ? &m->nodes[node.id - 1] : NULL;
}
static inline uint32_t nni_input(const nn_model *m, const nni_node *node, size_t i) { return m->inputs[node->inputs_at + i]; }
static inline nni_node *nni_input_node(const nn_model *m, const nni_node *node, size_t i) {
    return &m->nodes[nni_input(m, node, i) - 1];
}
static inline uint32_t nni_id(const nn_model *m, const nni_node *node) { return (uint32_t)(node - m->nodes) + 1; }

NN_API nn_node nn_model_node(const nn_model *m, const char *name) {
    nn_node node = {0};
    for (uint32_t i = 0; m && name && i < m->count; i++)
        if (strcmp(m->nodes[i].name, name) == 0) node.id = i + 1;
    return node;
}
NN_API const char *nn_node_name(const nn_model *m, nn_node node) {
    const nni_node *n = nni_node_of(m, node);
    return n ? n->name : "";
}
NN_API nn_shape nn_node_shape(const nn_model *m, nn_node node) {
    const nni_node *n = nni_node_of(m, node);
    return n ? n->shape : nn_shape_vector(0);
}

NN_API nn_node nn_layer_name(nn_model *m, nn_node node, const char *name) {
    if (!m || m->status != NN_OK) return nni_no_node();
    if (!nni_node_of(m, node)) return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "nn_layer_name is given a node that this model does not have");
    if (!name || !*name || strlen(name) >= NN_NAME_MOST || strpbrk(name, ". \t\n"))
        return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "a name for %s must have 1 to %d characters, none of them a dot or a blank",
                           nn_node_name(m, node), NN_NAME_MOST - 1);
    const nn_node other = nn_model_node(m, name);
    if (other.id && other.id != node.id)
        return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "%s cannot be named \"%s\": another node has that name", nn_node_name(m, node), name);
    memcpy(m->nodes[node.id - 1].name, name, strlen(name) + 1);
    return node;
}

/* ---- how layers add nodes ---- */

/* "dense_3": the third of its kind, or the next number that is free. */
static void nni_name_node(const nn_model *m, nni_node *node) {
    size_t number = 1;
    for (size_t i = 0; i < m->count; i++) number += m->nodes[i].op == node->op;
    do snprintf(node->name, sizeof node->name, "%.40s_%zu", node->op->name, number++);
    while (nn_model_node(m, node->name).id);
}

/* A new node that takes `inputs`, with a shape and options that the caller then sets; NULL if an error stands. */
static nni_node *nni_add_node(nn_model *m, const nni_op *op, const nn_node *inputs, size_t count) {
    if (!m || m->status != NN_OK) return NULL;
    if (m->built) return NNI_MISTAKE(m, NN_ERROR_ORDER, "%s is added to a model that is built already", op->name), (nni_node *)NULL;
    for (size_t i = 0; i < count; i++) {
        const nni_node *from = nni_node_of(m, inputs[i]);
        if (!from)
            return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "input %zu of a %s is not a node of this model", i + 1, op->name), (nni_node *)NULL;
        if (from->flags & NNI_LOSS)
            return NNI_MISTAKE(m, NN_ERROR_ARGUMENT, "%s is a loss and cannot feed a %s", from->name, op->name), (nni_node *)NULL;
    }
    const nn_allocator *allocator = nni_allocator_of(m);
    void *nodes = m->nodes, *edges = m->inputs;
    int room = nni_grow(allocator, &nodes, m->count, &m->nodes_room, sizeof *m->nodes);
    m->nodes = (nni_node *)nodes;
    for (size_t i = 0; room && i < count; i++) {
        room = nni_grow(allocator, &edges, m->inputs_count + i, &m->inputs_room, sizeof *m->inputs);
        m->inputs = (uint32_t *)edges;
        if (room) m->inputs[m->inputs_count + i] = inputs[i].id;
    }
    if (!room) return NNI_MISTAKE(m, NN_ERROR_MEMORY, "no memory for another %s", op->name), (nni_node *)NULL;
    nni_node *node = &m->nodes[m->count];
    memset(node, 0, sizeof *node);
    node->op = op;
    node->flags = op->flags;
    node->inputs_at = m->inputs_count;
    node->inputs = count;
    node->parameters_at = m->parameters_count;
    if (count) node->shape = m->nodes[inputs[0].id - 1].shape;
    nni_name_node(m, node);
    m->inputs_count += count;
    m->count++;
    return node;
}

static inline nn_node nni_added(const nn_model *m, const nni_node *node) {
    nn_node added = {node ? nni_id(m, node) : 0};
    return added;
}

static inline nni_options nni_no_options(void) {
    nni_options o;
    memset(&o, 0, sizeof o);
    return o;
}

/* A node of that kind with these options: what the nn_layer functions come down to. */
static nn_node nni_layer(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    return m && m->status == NN_OK ? op->add(m, op, x, count, o) : nni_no_node();
}

/* A kind without options or parameters, of its first input's shape; two inputs must have the same. */
static nn_node nni_plain_add(nn_model *m, const nni_op *op, const nn_node *x, size_t count, const nni_options *o) {
    const nni_node *node = nni_add_node(m, op, x, count);
    if (!node) return nni_no_node();
    for (size_t k = 1; k < count; k++) {
        const nn_shape p = nn_node_shape(m, x[0]), q = nn_node_shape(m, x[k]);
        if (!nn_shape_equal(p, q))
            return NNI_MISTAKE(m, NN_ERROR_SHAPE, "%s of %s (%zu x %zu x %zu) and %s (%zu x %zu x %zu): the shapes differ", node->name,
                               nn_node_name(m, x[0]), p.height, p.width, p.channels, nn_node_name(m, x[k]), q.height, q.width, q.channels);
    }
    return (void)o, nni_added(m, node);
}
static nn_node nni_plain(nn_model *m, const nni_op *op, nn_node x) { return nni_layer(m, op, &x, 1, NULL); }
static nn_node nni_plain_pair(nn_model *m, const nni_op *op, nn_node a, nn_node b) {
    const nn_node both[2] = {a, b};
    return nni_layer(m, op, both, 2, NULL);
}

/* Another parameter of `node`, which was just added. */
static nni_parameter *nni_add_parameter(nn_model *m, nni_node *node, const char *kind, size_t rows, size_t columns) {
    void *parameters = m->parameters;
    const int room = nni_grow(nni_allocator_of(m), &parameters, m->parameters_count, &m->parameters_room, sizeof *m->parameters);
    m->parameters = (nni_parameter *)parameters;
    if (!room) return NNI_MISTAKE(m, NN_ERROR_MEMORY, "no memory for the %s of %s", kind, node->name), (nni_parameter *)NULL;
    nni_parameter *p = &m->parameters[m->parameters_count++];
    memset(p, 0, sizeof *p);
    p->kind = kind;
    p->node = nni_id(m, node);
    p->rows = rows;
    p->columns = columns;
    p->trained = 1;
    p->shared = NNI_NONE;
    node->parameters++;
    return p;
}

/* The weights of a layer: drawn, and subject to penalties. */
static void nni_add_weights(nn_model *m, nni_node *node, size_t rows, size_t columns, size_t fan_in, size_t fan_out) {
    nni_parameter *p = nni_add_parameter(m, node, "weights", rows, columns);
    if (!p) return;
    p->decays = 1;
    p->fan_in = fan_in;
    p->fan_out = fan_out;
}

/* One value a channel, the same for all at the start. */
static nni_parameter *nni_add_row(nn_model *m, nni_node *node, const char *kind, size_t columns, float constant) {
    nni_parameter *p = nni_add_parameter(m, node, kind, 1, columns);
    if (p) p->constant = constant;
    return p;
}

/* A parameter that is not drawn starts with a copy of these values. 0: there is no memory. */
static int nni_start_with(nn_model *m, nni_parameter *p, const float *values) {
    const size_t n = p->rows * p->columns;
    p->start = (float *)nni_alloc(nni_allocator_of(m), n, sizeof *p->start);
    if (p->start) memcpy(p->start, values, n * sizeof *p->start);
    else m->status = nni_report(m, NN_ERROR_MEMORY, "no memory for the %s of %s", p->kind, m->nodes[p->node - 1].name);
    return p->start != NULL;
}

/* The parameters of `node` use the memory of those from `theirs` on, or of those that these share. */
static void nni_share_parameters(nn_model *m, const nni_node *node, size_t theirs) {
    for (size_t k = 0; k < node->parameters; k++) {
        const nni_parameter *p = &m->parameters[theirs + k];
        m->parameters[node->parameters_at + k].shared = p->shared == NNI_NONE ? theirs + k : p->shared;
    }
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_MODEL_H */
