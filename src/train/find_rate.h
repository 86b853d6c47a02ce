/* find_rate.h - a learning rate to start with: the loss of a few steps at ever higher rates */
#ifndef NN_FIND_RATE_H
#define NN_FIND_RATE_H

#include "fit.h"

/* What to try; zero means the usual value. rates and losses may be NULL, or have room for `steps`: the curve to look at. */
typedef struct nn_rate_search {
    float from, to;       /* 1e-6 to 1, each step the same factor above the one before */
    size_t steps;         /* 100 */
    float *rates, *losses;
    size_t count;         /* out: steps made; fewer than `steps` if the loss went beyond 4 times its best */
    float best;           /* out: the rate at which the loss fell fastest, a good one for the start */
} nn_rate_search;

/* Trains with the settings of desc (as for nn_fit; its rate and schedule do not count), one batch at each rate, and puts the
 * model back as it was. Losses are smoothed with 0.9 of the past. */
NN_API NN_MUST_USE nn_status nn_find_rate(nn_model *model, const nn_dataset *train, const nn_fit_desc *desc, nn_rate_search *search);

#ifdef NN_IMPLEMENTATION

#include "../maths.h"

#include <float.h>

#define NNI_SEARCH_SMOOTH 0.9
#define NNI_SEARCH_END 4.0

typedef struct nni_search {
    nni_fit fit;
    nn_rate_search *asked;
    double smooth, share;    /* of the losses so far; share: what the average's start still lacks */
    double least, before;    /* the smallest smoothed loss, and the one of the last step */
    double steepest;
} nni_search;

/* Whether to go on after a loss at this rate. */
static int nni_search_note(nni_search *s, float rate, float loss) {
    nn_rate_search *r = s->asked;
    s->smooth = NNI_SEARCH_SMOOTH * s->smooth + (1 - NNI_SEARCH_SMOOTH) * (double)loss;
    s->share *= NNI_SEARCH_SMOOTH;
    const double mean = s->smooth / (1 - s->share);
    if (r->rates) r->rates[r->count] = rate;
    if (r->losses) r->losses[r->count] = (float)mean;
    if (r->count && mean - s->before < s->steepest) {
        s->steepest = mean - s->before;
        r->best = rate;
    }
    if (!r->count || mean < s->least) s->least = mean;
    s->before = mean;
    r->count++;
    return mean <= NNI_SEARCH_END * s->least;
}

static nn_status nni_search_run(nni_search *s) {
    nni_fit *f = &s->fit;
    nn_rate_search *r = s->asked;
    float factor;
    const float span = r->to / r->from;
    nn_log(&factor, &span, 1);
    factor /= (float)nni_max(r->steps - 1, 1);
    nn_exp(&factor, &factor, 1);
    double rate = (double)r->from;
    nn_status status = NN_OK;
    for (size_t i = 0, at = f->supply.count; i < r->steps && status == NN_OK; i++, at += f->supply.batch) {
        if (at >= f->supply.count) {
            at = 0;
            nn_dataset_free(&f->drawn);
            status = nni_fit_draw(f, i + 1);
        }
        if (status != NN_OK) break;
        f->t->d.optimizer.rate = (float)rate;
        nni_supply_fill(&f->supply, 0, at);
        status = nni_fit_batch(f, 0, 0, 1);
        if (status == NN_ERROR_NOT_FINITE) return NN_OK; /* the end of the curve */
        if (status == NN_OK && !nni_search_note(s, (float)rate, nn_loss_value(f->t->m, f->supply.loss))) break;
        rate *= (double)factor;
    }
    return status;
}

static nn_status nni_search_check(nn_model *m, const nn_rate_search *r) {
    if (r->from > 0.0f && r->to > r->from && r->to <= FLT_MAX && r->steps >= 2) return NN_OK;
    return nni_report(m, NN_ERROR_ARGUMENT, "nn_find_rate needs 0 < from < to and at least 2 steps, not %g, %g and %zu", (double)r->from,
                      (double)r->to, r->steps);
}

/* With the model's weights kept aside. */
static nn_status nni_search_aside(nni_search *s, nn_model *m, const nn_dataset *train, const nn_fit_desc *desc) {
    nn_fit_desc d;
    memset(&d, 0, sizeof d);
    if (desc) d = *desc;
    memset(&d.schedule, 0, sizeof d.schedule);
    d.accumulate = 1;
    nn_status status = nn_trainer_new(&s->fit.t, m, &d);
    if (status != NN_OK) return status;
    s->fit.train = train;
    s->fit.event.epoch = 1;
    status = nni_supply_new(&s->fit.supply, m, train, d.augment, s->fit.t->d.batch, 1, "nn_find_rate");
    s->fit.supply.seed = d.seed;
    s->fit.checks.m = m;
    if (status == NN_OK) status = nni_search_run(s);
    nni_fit_free(&s->fit);
    nn_trainer_free(s->fit.t);
    return status;
}

NN_API nn_status nn_find_rate(nn_model *m, const nn_dataset *train, const nn_fit_desc *desc, nn_rate_search *search) {
    if (!m || !train || !search) return NN_ERROR_NULL;
    if (!m->built) return nni_report(m, NN_ERROR_ORDER, "nn_find_rate before nn_model_build");
    if (!train->count) return nni_report(m, NN_ERROR_ARGUMENT, "there are no samples to search with");
    nni_search s;
    memset(&s, 0, sizeof s);
    s.asked = search;
    s.share = 1.0;
    if (search->from == 0.0f) search->from = 1e-6f;
    if (search->to == 0.0f) search->to = 1.0f;
    if (search->steps == 0) search->steps = 100;
    search->count = 0;
    search->best = search->from;
    nn_status status = nni_search_check(m, search);
    if (status != NN_OK) return status;
    float *values = (float *)nni_alloc(nni_allocator_of(m), nni_max(m->total, 1), sizeof *values);
    if (!values) return nni_no_memory(m, "a copy of the weights", m->total);
    memcpy(values, m->values, m->total * sizeof *values);
    const uint64_t step = nn_step_of(m);
    status = nni_search_aside(&s, m, train, desc);
    memcpy(m->values, values, m->total * sizeof *values);
    nn_step_set(m, step);
    nni_free(nni_allocator_of(m), values);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FIND_RATE_H */
