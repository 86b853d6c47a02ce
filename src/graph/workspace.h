/* workspace.h - the memory of one pass over a network: what flows through its nodes, and what it is fed */
#ifndef NN_WORKSPACE_H
#define NN_WORKSPACE_H

#include "model.h"

#ifdef NN_IMPLEMENTATION

#include "../random.h"
#include "plan.h"

/* Memory for the operations' own needs, handed out from one end of a planned block and counted back. What does not fit, as
 * when threads were added after the plan was made, comes from the model's allocator. */
typedef struct nni_arena {
    char *base;
    size_t bytes, used, taken; /* taken: how many are out */
    const nn_allocator *otherwise;
} nni_arena;

/* What the caller gives to a node, and what a pass leaves there. */
typedef struct nni_feed {
    const float *values;    /* of an input; or the targets of a loss */
    const uint32_t *labels;
    const float *weights;
    const float *gradient;  /* of an output */
    float loss;
    int has_gradient;       /* something was written to the node's gradient in this pass */
} nni_feed;

struct nn_workspace {
    const nn_model *model;
    const nni_plan *plan;
    float *block;
    nni_feed *feeds; /* one a node */
    float **dx;      /* one for each input of a node */
    nni_arena arena;
    nn_allocator scratch; /* the arena as an allocator */
    size_t rows;          /* of the last pass forward; 0 before */
    nn_mode mode;
    int ready;            /* the pass may be followed by one back */
};

/* A node at work. */
typedef struct nni_call {
    nn_workspace *w;
    nn_model *m;
    const nni_node *node;
    const nni_place *place;
    size_t rows;   /* samples */
    size_t places; /* rows of the first input as a matrix: samples times height times width */
    size_t n;      /* and its columns, the channels */
    nn_mode mode;
    const float *x; /* of the first input */
    float *y, *dy, *kept;
    float **dx; /* NULL where not wanted */
    int accumulate;
    const nn_allocator *scratch;
} nni_call;

static void *nni_arena_alloc(size_t bytes, void *user) {
    nni_arena *arena = (nni_arena *)user;
    const size_t need = nni_round_up(bytes, NNI_ALIGNMENT);
    if (need <= arena->bytes - arena->used) {
        void *memory = arena->base + arena->used;
        arena->used += need;
        arena->taken++;
        return memory;
    }
    const nn_allocator *a = arena->otherwise;
    return a ? a->alloc(bytes, a->user) : malloc(bytes);
}

static void nni_arena_free(void *memory, void *user) {
    nni_arena *arena = (nni_arena *)user;
    const uintptr_t at = (uintptr_t)memory, base = (uintptr_t)arena->base;
    if (at >= base && at < base + arena->bytes) {
        if (--arena->taken == 0) arena->used = 0;
        return;
    }
    const nn_allocator *a = arena->otherwise;
    if (a) a->free(memory, a->user);
    else free(memory);
}

/* Bytes of the arena for an allocation of `bytes` by nni_alloc. */
static inline size_t nni_arena_need(size_t bytes) {
    return bytes ? nni_round_up(bytes + NNI_ALIGNMENT + sizeof(void *), NNI_ALIGNMENT) : 0;
}

static void nni_workspace_free(const nn_allocator *allocator, nn_workspace *w) {
    if (!w) return;
    nni_free(allocator, w->dx);
    nni_free(allocator, w->feeds);
    nni_free(allocator, w->block);
    nni_free(allocator, w);
}

/* Memory for `plan`, which is or will be at the place `kept`. */
static nn_workspace *nni_workspace_new(const nn_model *m, const nni_plan *kept, const nni_plan *plan) {
    const nn_allocator *allocator = nni_allocator_of(m);
    nn_workspace *w = (nn_workspace *)nni_alloc(allocator, 1, sizeof *w);
    if (!w) return NULL;
    memset(w, 0, sizeof *w);
    size_t most = 1;
    for (size_t i = 0; i < m->count; i++) most = nni_max(most, m->nodes[i].inputs);
    w->model = m;
    w->plan = kept;
    w->block = (float *)nni_alloc(allocator, nni_max(plan->floats, 1), sizeof *w->block);
    w->feeds = (nni_feed *)nni_alloc(allocator, m->count, sizeof *w->feeds);
    w->dx = (float **)nni_alloc(allocator, most, sizeof *w->dx);
    if (!w->block || !w->feeds || !w->dx) {
        nni_workspace_free(allocator, w);
        return NULL;
    }
    memset(w->feeds, 0, m->count * sizeof *w->feeds);
    memset(w->block, 0, plan->floats * sizeof *w->block);
    w->arena.base = (char *)(w->block + plan->work);
    w->arena.bytes = plan->work_floats * sizeof(float);
    w->arena.otherwise = allocator;
    w->scratch.alloc = nni_arena_alloc;
    w->scratch.free = nni_arena_free;
    w->scratch.user = &w->arena;
    return w;
}

/* The value of a node: the caller's array for an input. NULL where nothing is. */
static const float *nni_value(const nn_workspace *w, uint32_t id) {
    const uint32_t owner = w->plan->places[id - 1].owner;
    if (w->model->nodes[owner - 1].flags & NNI_INPUT) return w->feeds[owner - 1].values;
    const size_t at = w->plan->places[owner - 1].value;
    return at == NNI_NONE ? NULL : w->block + at;
}

static float *nni_gradient(const nn_workspace *w, uint32_t id) {
    const uint32_t owner = w->plan->places[id - 1].gradient_owner;
    const size_t at = w->plan->places[owner - 1].gradient;
    return at == NNI_NONE ? NULL : w->block + at;
}

static inline size_t nni_floats(const nn_workspace *w, const nni_node *node) { return w->rows * nn_shape_size(node->shape); }

/* ---- what operations ask of their call ---- */

static inline const float *nni_call_x(const nni_call *c, size_t i) { return nni_value(c->w, nni_input(c->m, c->node, i)); }
static inline size_t nni_call_size(const nni_call *c) { return c->rows * nn_shape_size(c->node->shape); }

/* The parameter whose memory parameter k of the node uses. */
static nni_parameter *nni_root(const nn_model *m, const nni_node *node, size_t k) {
    nni_parameter *p = &m->parameters[node->parameters_at + k];
    return p->shared == NNI_NONE ? p : &m->parameters[p->shared];
}
static float *nni_weights(const nni_call *c, size_t k) {
    return k < c->node->parameters ? c->m->values + nni_root(c->m, c->node, k)->at : NULL;
}

/* The bias of a layer whose second parameter it is. */
static const float *nni_bias(const nni_call *c) { return c->node->folded_bias ? c->node->folded_bias : nni_weights(c, 1); }

/* The gradient of parameter k, and whether to add to it; NULL if it is frozen or there is none. */
static float *nni_weights_gradient(const nni_call *c, size_t k, int *accumulate) {
    if (k >= c->node->parameters) return NULL;
    nni_parameter *p = nni_root(c->m, c->node, k);
    if (p->frozen || !p->trained) return NULL;
    *accumulate = c->accumulate || p->written;
    p->written = 1;
    return c->m->gradients + p->at;
}

/* The random numbers of a node at this step: the same in the backward pass. */
static nn_random nni_call_random(const nni_call *c) {
    nn_random random = {c->m->seed, 0xcbf29ce484222325u, 0};
    for (const char *name = c->node->name; *name; name++) random.stream = (random.stream ^ (unsigned char)*name) * 0x100000001b3u;
    random.stream += c->m->step * 0x9e3779b97f4a7c15u;
    return random;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_WORKSPACE_H */
