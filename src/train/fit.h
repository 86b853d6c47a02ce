/* fit.h - trains a network on a dataset: epochs of shuffled batches, validation, early stopping */
#ifndef NN_FIT_H
#define NN_FIT_H

#include "../data/dataset.h"
#include "history.h"
#include "trainer.h"

/* Where the training stands. Sums and means are of the epoch so far. */
struct nn_fit_event {
    nn_model *model;
    nn_trainer *trainer;
    size_t epoch, epochs;   /* the one at work, from 1 */
    size_t batch, batches;  /* the one just done, from 1 */
    size_t samples;         /* of this epoch, so far and in all */
    size_t samples_in_all;
    nn_evaluation train;
    float rate;
    double seconds, since;  /* since the epoch began, and since the last event */
    const nn_epoch *done;   /* NULL after a batch; after an epoch, what it brought */
    const nn_history *history;
    nn_stop stopped;        /* after the last epoch: why it is the last */
};

/* Trains until all epochs are done, patience is at an end, or the watcher says so; `valid` may be NULL. The model is left
 * with the weights that nn_fit_desc asks for.
 *
 * Samples come in a new order each epoch, a function of seed and epoch; the last batch is short if it must be. While a batch
 * is worked on the next is gathered and augmented, on another thread where there is one. Results are the same bits for any
 * number of threads. A loss that is NaN or infinite ends the training with NN_ERROR_NOT_FINITE at that batch, before it
 * reaches the weights.
 *
 *   nn_fit_desc desc = {0};
 *   desc.optimizer = nn_adam(1e-3f);
 *   desc.epochs = 20;
 *   desc.patience = 3;
 *   desc.watch = nn_progress;
 *   nn_status status = nn_fit(m, &train, &valid, &desc); */
NN_API NN_MUST_USE nn_status nn_fit(nn_model *model, const nn_dataset *train, const nn_dataset *valid, const nn_fit_desc *desc);

/* The same with a trainer of the caller's, which holds the history afterwards. */
NN_API NN_MUST_USE nn_status nn_trainer_run(nn_trainer *trainer, const nn_dataset *train, const nn_dataset *valid);
NN_API const nn_history *nn_trainer_history(const nn_trainer *trainer);

#ifdef NN_IMPLEMENTATION

#include "../data/balance.h"
#include "checkpoint.h"
#include "evaluate.h"

#include <time.h>

#define NNI_FIT_WEIGHED 8 /* batches before it is settled what the threads do */

typedef struct nni_fit {
    nn_trainer *t;
    const nn_dataset *train, *valid;
    nn_dataset drawn;          /* this epoch's samples: a balanced view, or what was given */
    nni_supply supply, checks; /* batches of training, and of validation */
    size_t *order, order_room;
    nni_tally tally;
    nn_fit_event event;
    double began;
    double passing, making;    /* seconds of `weighed` batches, all threads at one thing: in the network, and for the next batch */
    size_t weighed;
    int apart;                 /* one thread is in the network, while the others make the next batch */
} nni_fit;

static double nni_seconds(void) {
#ifdef TIME_UTC
    struct timespec now;
    return timespec_get(&now, TIME_UTC) ? (double)now.tv_sec + 1e-9 * (double)now.tv_nsec : 0.0;
#else
    return (double)clock() / CLOCKS_PER_SEC; /* Windows: the time that has passed, not the processor's */
#endif
}

/* ---- the samples of an epoch ---- */

static nn_random nni_fit_random(const nni_fit *f, size_t epoch) {
    nn_random random = {f->t->d.seed, nni_stream_of("fit", "order") + epoch * 0x9e3779b97f4a7c15u, 0};
    return random;
}

static nn_status nni_fit_draw(nni_fit *f, size_t epoch) {
    nn_model *m = f->t->m;
    nn_random random = nni_fit_random(f, epoch);
    f->drawn = nn_dataset_share(f->train);
    if (f->t->d.order == NN_ORDER_BALANCED) {
        nn_dataset_free(&f->drawn);
        const nn_status status = nn_dataset_balance(&f->drawn, f->train, NN_BALANCE_OVER, random.seed ^ random.stream);
        if (status != NN_OK) return nni_report(m, status, "the classes cannot be balanced: %s", nn_status_message(status));
    }
    f->supply.data = &f->drawn;
    f->supply.count = f->drawn.count;
    f->supply.epoch = epoch;
    f->supply.order = NULL;
    if (f->t->d.order == NN_ORDER_KEPT) return NN_OK;
    if (f->order_room < f->drawn.count) {
        nni_free(nni_allocator_of(m), f->order);
        f->order = (size_t *)nni_alloc(nni_allocator_of(m), f->drawn.count, sizeof *f->order);
        f->order_room = f->order ? f->drawn.count : 0;
        if (!f->order) return nni_report(m, NN_ERROR_MEMORY, "no memory for the order of %zu samples", f->drawn.count);
    }
    nn_random_permutation(f->order, f->drawn.count, &random);
    f->supply.order = f->order;
    return NN_OK;
}

/* ---- batches ---- */

static int nni_fit_tell(nni_fit *f) {
    nn_fit_event *e = &f->event;
    const double now = nni_seconds() - f->began;
    e->since = now - e->seconds;
    e->seconds = now;
    return f->t->d.watch ? f->t->d.watch(e, f->t->d.user) : 0;
}

static nn_status nni_fit_batch(nni_fit *f, size_t slot, size_t batch, size_t batches) {
    nn_trainer *t = f->t;
    t->position = (double)(f->event.epoch - 1) + (double)batch / (double)batches;
    nn_status status = nni_supply_feed(&f->supply, slot);
    if (status == NN_OK) status = nni_trainer_forward(t, f->supply.slots[slot].rows);
    if (status != NN_OK) return status;
    nni_tally_add(&f->tally, &f->supply, slot);
    return nni_trainer_backward(t);
}

/* A batch on one thread, while others make the next; when it is over, the first thread helps them. */
typedef struct nni_fit_pair {
    nni_fit *f;
    nni_supply_job next;
    size_t slot, batch, batches;
    nn_status status;
} nni_fit_pair;

static void nni_fit_side(void *context, size_t i) {
    nni_fit_pair *pair = (nni_fit_pair *)context;
    nni_alone = 1;
    if (i == 0) pair->status = nni_fit_batch(pair->f, pair->slot, pair->batch, pair->batches);
    nni_supply_make(&pair->next, i);
    nni_alone = 0;
}

/* Whether that is faster than to share first the batch, then the making of the next, which took so many seconds. What a layer gains
 * from a thread is taken to be 3/4 of what it could. No bits depend on it. */
static void nni_fit_weigh(nni_fit *f, double pass, double making) {
    const double threads = (double)nni_min(nn_threads_in_use(), f->supply.workers);
    f->passing += pass;
    f->making += making;
    f->apart = ++f->weighed >= NNI_FIT_WEIGHED && threads > 1 && f->making > (0.75 * threads - 1) * f->passing;
}

static nn_status nni_fit_batch_and_next(nni_fit *f, size_t slot, size_t batch, size_t batches) {
    nni_supply *s = &f->supply;
    const size_t next = (batch + 1) * s->batch;
    if (batch + 1 == batches) return nni_fit_batch(f, slot, batch, batches);
    if (f->apart) {
        nni_fit_pair pair = {f, nni_supply_begin(s, 1 - slot, next), slot, batch, batches, NN_OK};
        nni_parallel(nni_fit_side, &pair, nni_min(nn_threads_in_use(), s->workers));
        return pair.status;
    }
    const double begin = nni_seconds();
    const nn_status status = nni_fit_batch(f, slot, batch, batches);
    const double between = nni_seconds();
    if (status == NN_OK) nni_supply_fill(s, 1 - slot, next);
    nni_fit_weigh(f, between - begin, nni_seconds() - between);
    return status;
}

static nn_status nni_fit_batches(nni_fit *f, int *stop) {
    nn_status status = NN_OK;
    nn_fit_event *e = &f->event;
    const size_t batches = nni_ceil_div(f->supply.count, f->supply.batch);
    memset(&f->tally, 0, sizeof f->tally);
    e->batches = batches;
    e->samples_in_all = f->supply.count;
    if (batches) nni_supply_fill(&f->supply, 0, 0);
    for (size_t b = 0; b < batches && status == NN_OK && !*stop; b++) {
        status = nni_fit_batch_and_next(f, b % 2, b, batches);
        if (status != NN_OK) break;
        e->batch = b + 1;
        e->train = nni_tally_result(&f->tally);
        e->samples = e->train.samples;
        e->rate = f->t->rate;
        *stop = nni_fit_tell(f);
    }
    if (status == NN_OK && f->t->passes) nn_trainer_step(f->t, f->t->passes);
    return status;
}

/* ---- epochs ---- */

static int nni_keeps_best(const nn_fit_desc *d) { return d->keep == NN_KEEP_BEST || (d->keep == NN_KEEP_USUAL && d->patience); }

/* Whether the epoch is the best so far. */
static int nni_fit_judge(nni_fit *f, nn_epoch *epoch) {
    nn_trainer *t = f->t;
    nni_history *h = &t->history;
    const nn_evaluation *seen = f->valid ? &epoch->valid : &epoch->train;
    const float score = t->d.monitor == NN_MONITOR_LOSS ? -seen->loss : seen->accuracy;
    epoch->best = !h->all.best || score > h->score + t->d.min_delta;
    if (!epoch->best) return 1;
    h->score = score;
    h->all.best = epoch->epoch;
    if (!nni_keeps_best(&t->d)) return 1;
    const size_t n = nni_max(t->m->total, 1);
    if (!t->best) t->best = (float *)nni_alloc(nni_allocator_of(t->m), n, sizeof *t->best);
    if (t->best) memcpy(t->best, t->m->values, t->m->total * sizeof *t->best);
    return t->best != NULL;
}

/* Validation of the weights as they are to be used, judgement, and a line in the history. */
static nn_status nni_fit_end_epoch(nni_fit *f, size_t number) {
    nn_trainer *t = f->t;
    nn_status status = NN_OK;
    nn_epoch epoch;
    memset(&epoch, 0, sizeof epoch);
    epoch.epoch = number;
    epoch.train = nni_tally_result(&f->tally);
    epoch.rate = t->rate;
    epoch.gradient_norm = t->gradient_norm;
    nn_trainer_test(t, 1);
    if (f->valid) status = nni_evaluate_supply(&f->checks, &epoch.valid);
    if (status == NN_OK && t->d.monitor == NN_MONITOR_ACCURACY && isnan(f->valid ? epoch.valid.accuracy : epoch.train.accuracy))
        status = nni_report(t->m, NN_ERROR_ARGUMENT, "accuracy is to be monitored, but this loss and these targets have none");
    const int room = status != NN_OK || nni_fit_judge(f, &epoch);
    nn_trainer_test(t, 0);
    epoch.seconds = nni_seconds() - f->began;
    if (status != NN_OK) return status;
    if (room && nni_history_add(&t->history, nni_allocator_of(t->m), &epoch)) return NN_OK;
    return nni_report(t->m, NN_ERROR_MEMORY, "no memory to keep what epoch %zu brought", number);
}

/* Whether the epochs so far are enough. */
static nn_stop nni_fit_verdict(const nn_trainer *t) {
    const nn_history *h = &t->history.all;
    if (t->d.patience && h->count && h->count - h->best >= t->d.patience) return NN_STOP_PATIENCE;
    return h->count >= t->d.epochs ? NN_STOP_EPOCHS : NN_STOP_NOT;
}

static nn_status nni_fit_epoch(nni_fit *f, size_t number) {
    nn_trainer *t = f->t;
    nn_history *h = &t->history.all;
    int stop = 0;
    f->began = nni_seconds();
    memset(&f->event, 0, sizeof f->event);
    f->event.model = t->m;
    f->event.trainer = t;
    f->event.history = h;
    f->event.epoch = number;
    f->event.epochs = t->d.epochs;
    nn_status status = nni_fit_draw(f, number);
    if (status == NN_OK) status = nni_fit_batches(f, &stop);
    if (status == NN_OK) status = nni_fit_end_epoch(f, number);
    const int whole = f->event.batch == f->event.batches; /* one that was cut is begun again by who resumes */
    if (status == NN_OK && t->d.checkpoint && whole) status = nn_trainer_save(t, t->d.checkpoint);
    if (status != NN_OK) return status;
    h->stopped = stop ? NN_STOP_WATCHER : nni_fit_verdict(t);
    f->event.done = &h->epochs[h->count - 1];
    f->event.stopped = h->stopped;
    if (nni_fit_tell(f) && h->stopped == NN_STOP_NOT) h->stopped = NN_STOP_WATCHER;
    return NN_OK;
}

static int nni_is_there(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file) fclose(file);
    return file != NULL;
}

static void nni_fit_free(nni_fit *f) {
    nn_dataset_free(&f->drawn);
    nni_free(nni_allocator_of(f->t->m), f->order);
    nni_supply_free(&f->supply);
    nni_supply_free(&f->checks);
}

NN_API nn_status nn_trainer_run(nn_trainer *t, const nn_dataset *train, const nn_dataset *valid) {
    nni_fit f;
    if (!t || !train) return NN_ERROR_NULL;
    nn_model *m = t->m;
    memset(&f, 0, sizeof f);
    f.t = t;
    f.train = train;
    f.valid = valid;
    f.supply.m = f.checks.m = m;
    if (!train->count) return nni_report(m, NN_ERROR_ARGUMENT, "there are no samples to train with");
    nn_status status = nni_supply_new(&f.supply, m, train, t->d.augment, t->d.batch, 2, "training");
    if (status == NN_OK && valid) status = nni_supply_new(&f.checks, m, valid, NULL, m->batch, 1, "validation");
    f.supply.seed = t->d.seed;
    t->positioned = 1;
    if (status == NN_OK && t->d.checkpoint && t->d.resume && nni_is_there(t->d.checkpoint)) status = nn_trainer_load(t, t->d.checkpoint);
    t->history.all.stopped = nni_fit_verdict(t);
    while (status == NN_OK && t->history.all.stopped == NN_STOP_NOT) {
        nn_dataset_free(&f.drawn);
        status = nni_fit_epoch(&f, t->history.all.count + 1);
    }
    nni_fit_free(&f);
    if (status != NN_OK) return status;
    nn_trainer_finish(t);
    if (t->best) memcpy(m->values, t->best, m->total * sizeof *m->values);
    return NN_OK;
}

NN_API const nn_history *nn_trainer_history(const nn_trainer *t) { return t ? &t->history.all : NULL; }

NN_API nn_status nn_fit(nn_model *m, const nn_dataset *train, const nn_dataset *valid, const nn_fit_desc *desc) {
    if (!m || !train) return NN_ERROR_NULL;
    nn_trainer *t;
    nn_status status = nn_trainer_new(&t, m, desc);
    if (status == NN_OK) status = nn_trainer_run(t, train, valid);
    nn_trainer_free(t);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FIT_H */
