/* plan.h - where in one block of memory everything lies that a pass over the graph computes
 *
 * Time runs 0 .. n-1 over the nodes forward and on to 2n over them backward. Every value, gradient and other array has a first
 * and a last moment, and two that are not alive together may have the same place. Activations and reshapes take no memory of
 * their own where nobody misses what they overwrite.
 */
#ifndef NN_PLAN_H
#define NN_PLAN_H

#ifdef NN_IMPLEMENTATION

#include "model.h"

#include <stdlib.h>

/* An array while the plan is made; `offset` is where its place is to be written. */
typedef struct nni_span {
    size_t floats, first, last, at;
    size_t *offset;
} nni_span;

typedef struct nni_planner {
    nn_model *m;
    nni_plan *plan;
    int training;
    size_t rows;
    uint32_t *users; /* by node: how many inputs it feeds in this plan; a loss counts in training only */
    nni_span *spans;
    size_t count;
    int overflow;
} nni_planner;

#define NNI_SPANS_A_NODE 3 /* value, gradient, kept */

static inline size_t nni_forward_time(size_t node) { return node; }
static inline size_t nni_backward_time(const nn_model *m, size_t node) { return 2 * m->count - node; }
static inline size_t nni_end_of_time(const nn_model *m) { return 2 * m->count + 1; }

static int nni_used_by(const nni_planner *p, const nni_node *user, size_t node) {
    if (!p->training && (user->flags & NNI_LOSS)) return 0;
    for (size_t k = 0; k < user->inputs; k++)
        if (nni_input(p->m, user, k) == node + 1) return 1;
    return 0;
}

/* ---- who shares memory with whom ---- */

/* Whether `node` may write over the memory of its first input: nobody else reads that, now, in the backward pass, or when the
 * pass is over. */
static int nni_may_overwrite(const nni_planner *p, const nni_node *node) {
    const nn_model *m = p->m;
    const uint32_t owner = p->plan->places[nni_input(m, node, 0) - 1].owner;
    if (m->nodes[owner - 1].flags & NNI_INPUT) return 0;
    if (p->training && (node->flags & NNI_NEEDS_X)) return 0;
    for (size_t j = 0; &m->nodes[j] < node; j++) {
        if (p->plan->places[j].owner != owner) continue;
        if (p->users[j] != 1 || (m->nodes[j].flags & NNI_OUTPUT)) return 0;
        if (!p->training) continue;
        if (m->keep || m->nodes[j].wanted || (m->nodes[j].flags & NNI_NEEDS_Y)) return 0;
        for (size_t u = j + 1; u < m->count; u++)
            if ((m->nodes[u].flags & NNI_NEEDS_X) && nni_used_by(p, &m->nodes[u], j)) return 0;
    }
    return 1;
}

/* The node before `node` that can apply it, an activation, as it writes; or NULL. What lies between changes nothing. */
static nni_place *nni_may_fuse(const nni_planner *p, const nni_node *node) {
    const nn_model *m = p->m;
    if (!(node->flags & NNI_ACTIVATION) || !nni_may_overwrite(p, node)) return NULL;
    const nni_node *from = nni_input_node(m, node, 0);
    while (from->flags & NNI_ALIAS) from = nni_input_node(m, from, 0);
    nni_place *place = &p->plan->places[from - m->nodes];
    return (from->flags & NNI_EPILOGUE) && place->epilogue.kind == NN_IDENTITY ? place : NULL;
}

static void nni_plan_owner(const nni_planner *p, size_t i) {
    nn_model *m = p->m;
    nni_node *node = &m->nodes[i];
    nni_place *place = &p->plan->places[i];
    place->owner = place->gradient_owner = (uint32_t)i + 1;
    place->value = place->gradient = place->kept = NNI_NONE;
    if (!node->inputs || (node->flags & NNI_LOSS)) return;
    const nni_place *from = &p->plan->places[nni_input(m, node, 0) - 1];
    nni_place *producer = nni_may_fuse(p, node);
    if (producer) {
        place->fused = 1;
        producer->epilogue = node->options.activation;
    }
    if (place->fused || (node->flags & NNI_ALIAS) || ((node->flags & NNI_IN_PLACE) && nni_may_overwrite(p, node)))
        place->owner = from->owner;
}

/* A node that feeds one gradient only may have it in the memory of the node that it feeds. */
static void nni_plan_gradient_owner(const nni_planner *p, size_t i) {
    nn_model *m = p->m;
    const nni_node *user = NULL;
    size_t users = 0;
    if (m->nodes[i].wanted || m->keep) return;
    for (size_t u = i + 1; u < m->count; u++)
        for (size_t k = 0; k < m->nodes[u].inputs; k++)
            if (nni_input(m, &m->nodes[u], k) == i + 1 && m->nodes[u].backward) {
                users++;
                user = k == 0 ? &m->nodes[u] : NULL;
            }
    if (users == 1 && user && !user->wanted && (user->flags & (NNI_GRADIENT_IN_PLACE | NNI_ALIAS)))
        p->plan->places[i].gradient_owner = p->plan->places[user - m->nodes].gradient_owner;
}

/* ---- how long they live ---- */

static nni_span *nni_plan_span(nni_planner *p, size_t per_row, size_t first, size_t last, size_t *offset) {
    nni_span *span = &p->spans[p->count++];
    if (!nni_mul_size(per_row, p->rows, &span->floats) || span->floats > PTRDIFF_MAX / 8) p->overflow = 1, span->floats = 0;
    span->floats = nni_round_up(span->floats, 16);
    span->first = first;
    span->last = last;
    span->offset = offset;
    return span;
}

/* The last moment at which the value of node i itself is read. */
static size_t nni_value_last(const nni_planner *p, size_t i) {
    const nn_model *m = p->m;
    const nni_node *node = &m->nodes[i];
    size_t last = nni_forward_time(i);
    if ((p->training && m->keep) || !p->users[i] || (node->flags & NNI_OUTPUT)) return nni_end_of_time(m);
    if (p->training && (node->flags & NNI_NEEDS_Y)) last = nni_backward_time(m, i);
    for (size_t u = i + 1; u < m->count; u++) {
        if (!nni_used_by(p, &m->nodes[u], i)) continue;
        if (m->nodes[u].flags & NNI_LOSS) return nni_end_of_time(m); /* metrics look at what a loss compares */
        const int again = p->training && (m->nodes[u].flags & NNI_NEEDS_X) != 0;
        last = nni_max(last, again ? nni_backward_time(m, u) : nni_forward_time(u));
    }
    return last;
}

static void nni_plan_value(nni_planner *p, size_t i) {
    nn_model *m = p->m;
    if (p->plan->places[i].owner != i + 1 || (m->nodes[i].flags & (NNI_INPUT | NNI_LOSS))) return;
    size_t last = i;
    for (size_t j = i; j < m->count; j++)
        if (p->plan->places[j].owner == i + 1) last = nni_max(last, nni_value_last(p, j));
    nni_plan_span(p, nn_shape_size(m->nodes[i].shape), nni_forward_time(i), last, &p->plan->places[i].value);
}

/* The gradient that node i owns: from the first node that writes it, the last one of its users, to the last that reads it. */
static void nni_plan_gradient(nni_planner *p, size_t i) {
    nn_model *m = p->m;
    const nni_node *node = &m->nodes[i];
    if (!node->backward || p->plan->places[i].gradient_owner != i + 1) return;
    size_t first = node->flags & NNI_LOSS ? nni_forward_time(i) : m->count, last = nni_backward_time(m, i);
    for (size_t u = m->count; u-- > i + 1 && first == m->count;)
        if (m->nodes[u].backward && nni_used_by(p, &m->nodes[u], i)) first = nni_backward_time(m, u);
    for (size_t j = 0; j <= i; j++)
        if (p->plan->places[j].gradient_owner == i + 1) {
            last = nni_max(last, nni_backward_time(m, j));
            if (m->nodes[j].wanted || m->keep) last = nni_end_of_time(m);
        }
    nni_plan_span(p, nn_shape_size(node->shape), first, last, &p->plan->places[i].gradient);
}

static void nni_plan_kept(nni_planner *p, size_t i) {
    nn_model *m = p->m;
    const nni_node *node = &m->nodes[i];
    const size_t floats = node->op->kept ? node->op->kept(m, node, p->rows) : 0;
    if (!floats) return;
    nni_span *span = nni_plan_span(p, 0, nni_forward_time(i), nni_backward_time(m, i), &p->plan->places[i].kept);
    span->floats = nni_round_up(floats, 16);
}

/* The most memory that the gradients of one node's inputs take which are added to what is there. */
static size_t nni_plan_sums(const nni_planner *p) {
    size_t most = 0;
    for (size_t i = 0; i < p->m->count; i++) {
        const nni_node *node = &p->m->nodes[i];
        size_t sums = 0;
        for (size_t k = 0; k < node->inputs; k++) {
            const nni_node *from = nni_input_node(p->m, node, k);
            if (from->backward && p->users[from - p->m->nodes] > 1) sums += nni_round_up(nn_shape_size(from->shape) * p->rows, 16);
        }
        most = nni_max(most, sums);
    }
    return most;
}

static size_t nni_plan_work(const nni_planner *p) {
    size_t most = 0;
    for (size_t i = 0; i < p->m->count; i++) {
        const nni_node *node = &p->m->nodes[i];
        if (node->op->work) most = nni_max(most, node->op->work(p->m, node, p->rows));
    }
    return nni_ceil_div(most, sizeof(float));
}

/* ---- placing them ---- */

static int nni_span_larger(const void *a, const void *b) {
    const nni_span *x = (const nni_span *)a, *y = (const nni_span *)b;
    if (x->floats != y->floats) return x->floats < y->floats ? 1 : -1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* The largest first, each at the lowest place that is free for as long as it lives. */
static void nni_plan_place(nni_planner *p) {
    qsort(p->spans, p->count, sizeof *p->spans, nni_span_larger);
    p->plan->floats = 0;
    for (size_t i = 0; i < p->count; i++) {
        nni_span *span = &p->spans[i];
        span->at = 0;
        for (size_t j = 0; j < i; j++) {
            const nni_span *other = &p->spans[j];
            const int together = span->first <= other->last && other->first <= span->last;
            if (together && span->at < other->at + other->floats && other->at < span->at + span->floats) {
                span->at = other->at + other->floats;
                j = SIZE_MAX; /* from the start: a place below may clash as well */
            }
        }
        *span->offset = span->at;
        p->plan->floats = nni_max(p->plan->floats, span->at + span->floats);
    }
}

/* Whether the caller finds the node's value after a pass: nobody is given its memory, and no later node has written over it. */
static int nni_plan_readable(const nni_planner *p, size_t i) {
    const nn_model *m = p->m;
    const uint32_t owner = p->plan->places[i].owner;
    if (nni_value_last(p, i) != nni_end_of_time(m)) return 0;
    for (size_t j = i + 1; j < m->count; j++)
        if (p->plan->places[j].owner == owner && !(m->nodes[j].flags & NNI_ALIAS)) return 0;
    return 1;
}

static void nni_plan_all(nni_planner *p) {
    nn_model *m = p->m;
    const size_t end = nni_end_of_time(m);
    for (size_t i = 0; i < m->count; i++) nni_plan_owner(p, i);
    for (size_t i = 0; i < m->count; i++) {
        nni_plan_value(p, i);
        p->plan->places[i].readable = nni_plan_readable(p, i);
    }
    for (size_t i = m->count; p->training && i-- > 0;) nni_plan_gradient_owner(p, i);
    for (size_t i = 0; p->training && i < m->count; i++) {
        nni_plan_gradient(p, i);
        nni_plan_kept(p, i);
    }
    if (p->training) nni_plan_span(p, 0, m->count, end, &p->plan->sum)->floats = nni_plan_sums(p);
    p->plan->work_floats = nni_round_up(nni_plan_work(p), 16);
    nni_plan_span(p, 0, 0, end, &p->plan->work)->floats = p->plan->work_floats;
    nni_plan_place(p);
}

/* Plans for batches of `rows`. The places of an earlier plan are used again if there are any. */
static nn_status nni_plan_make(nn_model *m, nni_plan *plan, int training, size_t rows) {
    const nn_allocator *allocator = nni_allocator_of(m);
    nni_planner p;
    memset(&p, 0, sizeof p);
    p.m = m;
    p.plan = plan;
    p.training = training;
    p.rows = rows;
    p.users = (uint32_t *)nni_alloc(allocator, m->count, sizeof *p.users);
    p.spans = (nni_span *)nni_alloc(allocator, NNI_SPANS_A_NODE * m->count + 2, sizeof *p.spans);
    if (!plan->places) plan->places = (nni_place *)nni_alloc(allocator, m->count, sizeof *plan->places);
    if (p.users && p.spans && plan->places) {
        memset(plan->places, 0, m->count * sizeof *plan->places);
        for (size_t i = 0; i < m->count; i++) {
            p.users[i] = 0;
            for (size_t u = i + 1; u < m->count; u++) {
                if (!training && (m->nodes[u].flags & NNI_LOSS)) continue;
                for (size_t k = 0; k < m->nodes[u].inputs; k++) p.users[i] += nni_input(m, &m->nodes[u], k) == i + 1;
            }
        }
        nni_plan_all(&p);
    }
    const int complete = p.users && p.spans && plan->places;
    nni_free(allocator, p.spans);
    nni_free(allocator, p.users);
    if (!complete) return nni_report(m, NN_ERROR_MEMORY, "no memory to plan the network");
    if (p.overflow) return nni_report(m, NN_ERROR_SIZE, "a batch of %zu samples of this network does not fit into memory", rows);
    return NN_OK;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_PLAN_H */
