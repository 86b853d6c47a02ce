/* trainer.h - what turns gradients into better weights, step by step, with all that it must remember between steps */
#ifndef NN_TRAINER_H
#define NN_TRAINER_H

#include "../graph/model.h"
#include "../image/augment.h"
#include "average.h"
#include "optimizer_step.h"
#include "schedule.h"

/* ---- settings: of the steps, and of nn_fit, which takes them ---- */

typedef struct nn_fit_event nn_fit_event;

/* Told after every batch and every epoch; what is not 0 ends the training there. */
typedef int (*nn_fit_watcher)(const nn_fit_event *event, void *user);

/* How an epoch draws its samples. */
typedef enum nn_order {
    NN_ORDER_SHUFFLED, /* every sample once, in an order of its own for each epoch */
    NN_ORDER_KEPT,     /* every sample once, as they lie */
    NN_ORDER_BALANCED  /* every class as often as the largest: samples of small ones come back, each time augmented anew */
} nn_order;

/* What early stopping looks at, after each epoch: of the validation data, or of the training where there is none. */
typedef enum nn_monitor {
    NN_MONITOR_LOSS,
    NN_MONITOR_ACCURACY
} nn_monitor;

typedef enum nn_keep {
    NN_KEEP_USUAL, /* those of the best epoch where patience is set, else the last */
    NN_KEEP_LAST,
    NN_KEEP_BEST
} nn_keep;

/* Zero means the usual value. */
typedef struct nn_fit_desc {
    nn_optimizer optimizer;    /* all zeros: nn_adam(1e-3f) */
    nn_schedule schedule;      /* of the rate; positions are epochs, a length of 0 is all of them. All zeros: constant */
    nn_schedule momentum;      /* of the momentum, in epochs likewise: its values. All zeros: the optimizer's own */
    size_t epochs;             /* 10 */
    size_t batch;              /* samples of one pass: as many as the model was built for */
    size_t accumulate;         /* passes whose mean gradient makes a step: 1 */
    float clip_norm;           /* the gradient is scaled down to this norm; 0: never */
    float average;             /* weights are tested, and left at the end, as their moving average with this share of the past (less
                                  in the first steps: nn_average_decay); 0: as they are */
    uint64_t seed;             /* of the order of samples and of the augmentation */
    nn_order order;
    const nn_augment *augment; /* of the training samples; NULL: none */
    nn_monitor monitor;
    size_t patience;           /* stop when so many epochs in a row brought nothing better; 0: never */
    float min_delta;           /* what counts as better */
    nn_keep keep;              /* which weights are left at the end */
    const char *checkpoint;    /* nn_trainer_save writes this file after every whole epoch; NULL: none. It must outlive the trainer */
    int resume;                /* go on from the checkpoint if it is there */
    nn_fit_watcher watch;      /* nn_progress prints */
    void *user;                /* for watch */
} nn_fit_desc;

/* ---- in a loop of the caller's ----
 *
 *   nn_fit_desc desc = {.optimizer = nn_momentum(0.1f, 0.9f), .clip_norm = 1};
 *   nn_trainer *t;
 *   if (nn_trainer_new(&t, m, &desc) != NN_OK) puts(nn_error(m));
 *   for each batch: nn_feed(m, x, ...), nn_feed_labels(m, loss, ...), nn_trainer_batch(t, rows);
 *   nn_trainer_finish(t);
 *   nn_trainer_free(t);
 *
 * Positions of the schedules are then steps, unless nn_trainer_position says otherwise. */
typedef struct nn_trainer nn_trainer;

/* The model must outlive it, and has at most one trainer at a time. *trainer is NULL after a failure. */
NN_API NN_MUST_USE nn_status nn_trainer_new(nn_trainer **trainer, nn_model *model, const nn_fit_desc *desc);
NN_API void nn_trainer_free(nn_trainer *trainer); /* NULL is fine */

/* Forward and back with what was fed, and a step if it is time for one. NN_ERROR_NOT_FINITE where the loss is NaN or infinite: then
 * there was no step, and the weights are those before the batch. */
NN_API NN_MUST_USE nn_status nn_trainer_batch(nn_trainer *trainer, size_t rows);

/* A step along the gradients as they are, after nn_backward calls of the caller's own; `passes` is how many they are the sum
 * of. Penalties are part of the step: a trainer takes them out of nn_backward as long as it lives. */
NN_API void nn_trainer_step(nn_trainer *trainer, size_t passes);

/* The weights as they are to be used: averaged, where `average` is set; not looked ahead, for Nesterov's momentum. Testing between steps
 * wants nn_trainer_test(t, 1) before and nn_trainer_test(t, 0) behind it; nn_trainer_finish leaves them so, at the end. */
NN_API void nn_trainer_test(nn_trainer *trainer, int testing);
NN_API void nn_trainer_finish(nn_trainer *trainer);

NN_API void nn_trainer_position(nn_trainer *trainer, double position);
NN_API uint64_t nn_trainer_steps(const nn_trainer *trainer);        /* made so far */
NN_API float nn_trainer_rate(const nn_trainer *trainer);            /* of the last step */
NN_API float nn_trainer_gradient_norm(const nn_trainer *trainer);   /* of the last step, before clipping; 0 unless clip_norm is set */

/* The rate of a layer's parameters as a multiple of the others'; 0 keeps them, but their gradient is computed. At any time. */
NN_API NN_MUST_USE nn_status nn_layer_rate(nn_model *model, nn_node node, float factor);

/* Whether decoupled weight decay takes hold of a parameter, "bn_1.gamma" say: the usual is weights only. */
NN_API NN_MUST_USE nn_status nn_parameter_decay(nn_model *model, const char *name, int decays);

#ifdef NN_IMPLEMENTATION

#include "../graph/build.h"
#include "../graph/run.h"
#include "history.h"

#define NNI_EPOCHS_USUAL 10

struct nn_trainer {
    nn_model *m;
    nn_fit_desc d; /* with the usual values in place of zeros */
    nn_optimizer_state state;
    float *average;          /* NULL, or trained floats: the moving average */
    float *aside;            /* NULL, or trained floats: the weights in training while others are tested */
    float *best;             /* NULL, or total floats: those of the best epoch */
    int testing, positioned;
    double position;         /* on the schedules */
    size_t passes;           /* since the last step */
    float rate, gradient_norm;
    nni_history history;
};

/* ---- settings ---- */

static nn_status nni_trainer_check(nn_model *m, const nn_fit_desc *d) {
    if (!m->built) return nni_report(m, NN_ERROR_ORDER, "training before nn_model_build");
    if (m->inference) return nni_report(m, NN_ERROR_ORDER, "the model was built for inference or folded: it cannot be trained");
    if (m->trainer) return nni_report(m, NN_ERROR_ORDER, "the model has a trainer already: free it first");
    nn_status status = nn_optimizer_check(&d->optimizer);
    if (status != NN_OK) return nni_report(m, status, "%s", nn_optimizer_mistake(&d->optimizer));
    status = nn_schedule_check(&d->schedule);
    if (status == NN_OK) status = nn_schedule_check(&d->momentum);
    if (status != NN_OK) return nni_report(m, status, "a setting of the schedules is outside its range");
    if (!(d->average >= 0.0f && d->average < 1.0f))
        return nni_report(m, NN_ERROR_ARGUMENT, "the share of the past in averaged weights must lie in [0, 1), and %g does not",
                          (double)d->average);
    if (!(d->clip_norm >= 0.0f))
        return nni_report(m, NN_ERROR_ARGUMENT, "a gradient cannot be clipped to a norm of %g", (double)d->clip_norm);
    if (!(d->min_delta >= 0.0f)) return nni_report(m, NN_ERROR_ARGUMENT, "min_delta must not be negative, and %g is", (double)d->min_delta);
    if (d->batch > m->batch)
        return nni_report(m, NN_ERROR_ARGUMENT, "batches of %zu samples, but the model was built for at most %zu", d->batch, m->batch);
    if ((unsigned)d->order > NN_ORDER_BALANCED || (unsigned)d->monitor > NN_MONITOR_ACCURACY || (unsigned)d->keep > NN_KEEP_BEST)
        return nni_report(m, NN_ERROR_ARGUMENT, "order, monitor or keep is none of those there are");
    return NN_OK;
}

static nn_fit_desc nni_fit_usual(const nn_model *m, const nn_fit_desc *given) {
    nn_fit_desc d;
    memset(&d, 0, sizeof d);
    if (given) d = *given;
    if (d.optimizer.kind == 0 && d.optimizer.rate == 0.0f && d.optimizer.clip == 0.0f) d.optimizer = nn_adam(1e-3f);
    if (!d.epochs) d.epochs = NNI_EPOCHS_USUAL;
    if (!d.batch) d.batch = m->batch;
    if (!d.accumulate) d.accumulate = 1;
    d.schedule = nn_schedule_over(d.schedule, (double)d.epochs);
    d.momentum = nn_schedule_over(d.momentum, (double)d.epochs);
    return d;
}

/* Whether the weights in training are not those to be used. */
static int nni_trainer_differs(const nn_fit_desc *d) {
    return d->average > 0.0f || (d->optimizer.kind == NN_NESTEROV && !d->optimizer.rate_outside);
}

static int nni_trainer_take(nn_trainer *t) {
    const nn_allocator *allocator = nni_allocator_of(t->m);
    const size_t n = t->m->trained, slots = nn_optimizer_slots(&t->d.optimizer);
    t->state.stride = n;
    t->state.slots = (float *)nni_alloc(allocator, nni_max(slots * n, 1), sizeof(float));
    if (!t->state.slots) return 0;
    if (t->d.average > 0.0f && !(t->average = (float *)nni_alloc(allocator, nni_max(n, 1), sizeof(float)))) return 0;
    return !nni_trainer_differs(&t->d) || (t->aside = (float *)nni_alloc(allocator, nni_max(n, 1), sizeof(float)));
}

NN_API nn_status nn_trainer_new(nn_trainer **trainer, nn_model *m, const nn_fit_desc *desc) {
    if (trainer) *trainer = NULL;
    if (!trainer || !m) return NN_ERROR_NULL;
    const nn_fit_desc d = nni_fit_usual(m, desc);
    const nn_status status = nni_trainer_check(m, &d);
    if (status != NN_OK) return status;
    nn_trainer *t = (nn_trainer *)nni_alloc(nni_allocator_of(m), 1, sizeof *t);
    if (!t) return nni_no_memory(m, "a trainer", sizeof *t / sizeof(float));
    memset(t, 0, sizeof *t);
    t->m = m;
    t->d = d;
    if (!nni_trainer_take(t)) {
        nn_trainer_free(t);
        return nni_no_memory(m, "the state of the optimizer", m->trained * nn_optimizer_slots(&d.optimizer));
    }
    nn_optimizer_start(&t->state, &t->d.optimizer, m->trained);
    if (t->average) memcpy(t->average, m->values, m->trained * sizeof *t->average);
    m->trainer = 1;
    *trainer = t;
    return NN_OK;
}

NN_API void nn_trainer_free(nn_trainer *t) {
    if (!t) return;
    const nn_allocator *allocator = nni_allocator_of(t->m);
    nni_history_free(&t->history, allocator);
    nni_free(allocator, t->best);
    nni_free(allocator, t->aside);
    nni_free(allocator, t->average);
    nni_free(allocator, t->state.slots);
    t->m->trainer = 0;
    nni_free(allocator, t);
}

/* ---- groups of parameters ---- */

NN_API nn_status nn_layer_rate(nn_model *m, nn_node node, float factor) {
    if (!m) return NN_ERROR_NULL;
    const nni_node *n = nni_node_of(m, node);
    if (!n) return nni_report(m, NN_ERROR_ARGUMENT, "nn_layer_rate is given a node that this model does not have");
    if (!(factor >= 0.0f && factor <= FLT_MAX))
        return nni_report(m, NN_ERROR_ARGUMENT, "the rate of %s cannot be %g times that of the others", n->name, (double)factor);
    for (size_t k = 0; k < n->parameters; k++) {
        nni_parameter *p = &m->parameters[n->parameters_at + k];
        p->rated_apart = factor != 1.0f;
        p->rate = factor;
    }
    return NN_OK;
}

NN_API nn_status nn_parameter_decay(nn_model *m, const char *name, int decays) {
    if (!m || !name) return NN_ERROR_NULL;
    const size_t i = nni_parameter_find(m, name);
    if (i == NNI_NONE) return nni_parameter_missing(m, name);
    m->parameters[i].decay_apart = 1;
    m->parameters[i].decoupled = decays != 0;
    return NN_OK;
}

/* A stretch of the parameters' block that the optimizer treats alike. */
typedef struct nni_stretch {
    size_t from, to;
    float rate, l1, l2;
    int decays;
} nni_stretch;

static nni_stretch nni_stretch_of(const nni_parameter *p) {
    nni_stretch s;
    s.from = p->at;
    s.to = p->at + nni_round_up(p->rows * p->columns, 16);
    s.rate = p->rated_apart ? p->rate : 1.0f;
    s.l1 = p->l1;
    s.l2 = p->l2;
    s.decays = p->decay_apart ? p->decoupled : p->decays;
    return s;
}

static int nni_stretch_goes_on(const nni_stretch *a, const nni_stretch *b) {
    return a->to == b->from && a->rate == b->rate && a->l1 == b->l1 && a->l2 == b->l2 && a->decays == b->decays;
}

static void nni_trainer_apply(nn_trainer *t, const nn_optimizer *now, const nni_stretch *s, float scale) {
    nn_optimizer o = *now;
    o.rate *= s->rate;
    o.l1 += s->l1;
    o.l2 += s->l2;
    if (!s->decays) o.decay = 0.0f;
    if (s->from < s->to && s->rate != 0.0f)
        nn_optimizer_apply(t->m->values + s->from, t->m->gradients + s->from, s->to - s->from, s->from, &t->state, &o, scale);
}

/* Parameters in the order of memory, those treated alike as one stretch; frozen ones are left out. */
static void nni_trainer_apply_all(nn_trainer *t, const nn_optimizer *now, float scale) {
    const nn_model *m = t->m;
    nni_stretch run = {0, 0, 0, 0, 0, 0};
    for (int decays = 1; decays >= 0; decays--)
        for (size_t i = 0; i < m->parameters_count; i++) {
            const nni_parameter *p = &m->parameters[i];
            if (p->shared != NNI_NONE || !p->trained || p->frozen || p->decays != decays) continue;
            const nni_stretch next = nni_stretch_of(p);
            if (nni_stretch_goes_on(&run, &next)) {
                run.to = next.to;
                continue;
            }
            nni_trainer_apply(t, now, &run, scale);
            run = next;
        }
    nni_trainer_apply(t, now, &run, scale);
}

/* ---- steps ---- */

/* The settings of this step. */
static nn_optimizer nni_trainer_now(nn_trainer *t) {
    nn_optimizer o = t->d.optimizer;
    const double position = t->positioned ? t->position : (double)t->state.step;
    o.rate *= nn_schedule_factor(&t->d.schedule, position);
    if (t->d.momentum.kind != NN_SCHEDULE_CONSTANT) o.momentum = nn_schedule_factor(&t->d.momentum, position);
    t->rate = o.rate;
    return o;
}

NN_API void nn_trainer_step(nn_trainer *t, size_t passes) {
    nn_model *m = t->m;
    const nn_optimizer o = nni_trainer_now(t);
    float scale = 1.0f / (float)nni_max(passes, 1);
    t->passes = 0;
    if (t->d.clip_norm > 0.0f) {
        t->gradient_norm = scale * nn_norm(m->gradients, m->trained);
        scale *= nn_clip_scale(t->gradient_norm, t->d.clip_norm);
    }
    nn_optimizer_advance(&t->state, &o);
    nni_trainer_apply_all(t, &o, scale);
    nn_constrain(m);
    if (t->average) nn_average_update(t->average, m->values, m->trained, nn_average_decay(t->d.average, t->state.step));
}

/* Forward, with the loss looked at before it can do harm. */
static nn_status nni_trainer_forward(nn_trainer *t, size_t rows) {
    nn_model *m = t->m;
    const nn_status status = nn_forward(m, rows, NN_TRAIN);
    if (status != NN_OK) return status;
    const double loss = nni_add_losses(0.0, m);
    if (loss - loss == 0.0) return NN_OK;
    nn_step_set(m, nn_step_of(m) - 1);
    return nni_report(m, NN_ERROR_NOT_FINITE,
                      "the loss is %s at step %llu: the rate %g may be too high, or the data hold what is no number",
                      loss != loss ? "NaN" : "infinite", (unsigned long long)t->state.step + 1, (double)t->d.optimizer.rate);
}

static nn_status nni_trainer_backward(nn_trainer *t) {
    const nn_status status = nn_backward(t->m, t->passes > 0);
    if (status == NN_OK && ++t->passes == t->d.accumulate) nn_trainer_step(t, t->passes);
    return status;
}

NN_API nn_status nn_trainer_batch(nn_trainer *t, size_t rows) {
    if (!t) return NN_ERROR_NULL;
    const nn_status status = nni_trainer_forward(t, rows);
    return status == NN_OK ? nni_trainer_backward(t) : status;
}

/* ---- weights to be used ---- */

NN_API void nn_trainer_test(nn_trainer *t, int testing) {
    nn_model *m = t->m;
    const size_t n = m->trained;
    if (!t->aside || testing == t->testing) return;
    t->testing = testing;
    if (!testing) {
        memcpy(m->values, t->aside, n * sizeof *m->values);
        return;
    }
    memcpy(t->aside, m->values, n * sizeof *m->values);
    if (t->average) memcpy(m->values, t->average, n * sizeof *m->values);
    else nn_optimizer_look_back(m->values, m->values, n, 0, &t->state, &t->d.optimizer);
}

NN_API void nn_trainer_finish(nn_trainer *t) {
    if (!t) return;
    if (t->passes) nn_trainer_step(t, t->passes); /* what the last batches brought */
    nn_trainer_test(t, 1);
    t->testing = 0; /* for good */
}

NN_API void nn_trainer_position(nn_trainer *t, double position) {
    t->position = position;
    t->positioned = 1;
}
NN_API uint64_t nn_trainer_steps(const nn_trainer *t) { return t ? t->state.step : 0; }
NN_API float nn_trainer_rate(const nn_trainer *t) { return t ? t->rate : 0.0f; }
NN_API float nn_trainer_gradient_norm(const nn_trainer *t) { return t ? t->gradient_norm : 0.0f; }

#endif /* NN_IMPLEMENTATION */
#endif /* NN_TRAINER_H */
