/* checkpoint.h - a training in a file, from where it goes on as if it had never stopped */
#ifndef NN_CHECKPOINT_H
#define NN_CHECKPOINT_H

#include "trainer.h"

/* The model with its weights as they are to be used, so that nn_model_load reads the file too, and beside them what the trainer
 * must remember: the optimizer's state, averages, the weights in training, the best so far, the history. The old file is
 * replaced when the new one is complete. */
NN_API NN_MUST_USE nn_status nn_trainer_save(nn_trainer *trainer, const char *path);

/* Back to where nn_trainer_save was called, into a new trainer of the same settings for a network of the same layers: training
 * then goes on with the same bits. Nothing has changed if it fails. nn_fit does both by itself: see `checkpoint`. */
NN_API NN_MUST_USE nn_status nn_trainer_load(nn_trainer *trainer, const char *path);

#ifdef NN_IMPLEMENTATION

#include "../file/load.h"
#include "../file/save.h"
#include "history.h"

/* ---- the numbers among a trainer's state ---- */

#define NNI_COUNTERS 5
static void nni_trainer_counters(const nn_trainer *t, uint64_t n[NNI_COUNTERS]) {
    const uint64_t now[] = {t->state.step, t->passes, t->history.all.count, t->history.all.best, (uint64_t)t->positioned};
    memcpy(n, now, sizeof now);
}

#define NNI_NUMBERS 8
static void nni_trainer_numbers(const nn_trainer *t, double n[NNI_NUMBERS]) {
    const double now[] = {t->state.product_1, t->state.product_2, t->state.momentum, t->state.momentum_before,
                          t->position, (double)t->history.score, (double)t->rate, (double)t->gradient_norm};
    memcpy(n, now, sizeof now);
}

#define NNI_EPOCH_NUMBERS 10
static void nni_epoch_numbers(const nn_epoch *e, double n[NNI_EPOCH_NUMBERS]) {
    const double now[] = {(double)e->train.samples, (double)e->train.loss, (double)e->train.accuracy,
                          (double)e->valid.samples, (double)e->valid.loss, (double)e->valid.accuracy, (double)e->rate,
                          (double)e->gradient_norm, e->seconds, (double)e->best};
    memcpy(n, now, sizeof now);
}
static nn_epoch nni_epoch_of(size_t number, const double n[NNI_EPOCH_NUMBERS]) {
    nn_epoch e;
    e.epoch = number;
    e.train.samples = (size_t)n[0];
    e.train.loss = (float)n[1];
    e.train.accuracy = (float)n[2];
    e.valid.samples = (size_t)n[3];
    e.valid.loss = (float)n[4];
    e.valid.accuracy = (float)n[5];
    e.rate = (float)n[6];
    e.gradient_norm = (float)n[7];
    e.seconds = n[8];
    e.best = n[9] != 0.0;
    return e;
}

/* ---- its arrays: what both ways go through, in one order ---- */

enum { NNI_ARRAYS_MOST = 8 };

typedef struct nni_trainer_array {
    char prefix[64]; /* of the tensors' names */
    float *block;    /* as the model's values or, if only what is trained is in it, as its gradients */
    int trained;
} nni_trainer_array;

static size_t nni_trainer_array_add(nni_trainer_array *list, size_t count, const char *what, float *block, int trained) {
    if (!block) return count;
    snprintf(list[count].prefix, sizeof list[count].prefix, "%s/", what);
    list[count].block = block;
    list[count].trained = trained;
    return count + 1;
}

/* The arrays besides the model's own; `weights` are those in training, NULL if they are the same. */
static size_t nni_trainer_arrays(const nn_trainer *t, nni_trainer_array list[NNI_ARRAYS_MOST], float *weights, float *best, int passes) {
    size_t count = 0;
    for (size_t slot = 0; slot < nn_optimizer_slots(&t->d.optimizer); slot++) {
        char what[48];
        snprintf(what, sizeof what, "train.%s", nn_optimizer_slot_name(&t->d.optimizer, slot));
        count = nni_trainer_array_add(list, count, what, t->state.slots + slot * t->state.stride, 1);
    }
    count = nni_trainer_array_add(list, count, "train.average", t->average, 1);
    count = nni_trainer_array_add(list, count, "train.weights", weights, 1);
    count = nni_trainer_array_add(list, count, "train.best", best, 0);
    return nni_trainer_array_add(list, count, "train.gradients", passes ? t->m->gradients : NULL, 1);
}

/* ---- to the file ---- */

static nn_status nni_checkpoint_write(nn_trainer *t, const char *path, const double *epochs, nn_report *report) {
    nni_tensors file;
    nni_trainer_array arrays[NNI_ARRAYS_MOST];
    uint64_t counters[NNI_COUNTERS];
    double numbers[NNI_NUMBERS];
    const size_t counters_shape = NNI_COUNTERS, numbers_shape = NNI_NUMBERS;
    const size_t epochs_shape[2] = {t->history.all.count, NNI_EPOCH_NUMBERS};
    nni_tensors_begin(&file, nni_allocator_of(t->m));
    nni_tensors_model(&file, t->m);
    nni_tensors_text(&file, "nn.optimizer", nn_optimizer_name(t->d.optimizer.kind));
    nni_trainer_counters(t, counters);
    nni_trainer_numbers(t, numbers);
    nni_tensors_add(&file, NNI_U64, counters, "train.counters", 1, &counters_shape);
    nni_tensors_add(&file, NNI_F64, numbers, "train.numbers", 1, &numbers_shape);
    nni_tensors_add(&file, NNI_F64, epochs, "train.history", 2, epochs_shape);
    const size_t count = nni_trainer_arrays(t, arrays, t->aside, t->best, t->passes > 0);
    for (size_t i = 0; i < count; i++) nni_tensors_block(&file, t->m, arrays[i].prefix, arrays[i].block, arrays[i].trained);
    const nn_status status = nni_tensors_save(&file, path, report);
    nni_tensors_end(&file);
    return status;
}

NN_API nn_status nn_trainer_save(nn_trainer *t, const char *path) {
    nn_report report;
    if (!t || !path) return NN_ERROR_NULL;
    const nni_history *h = &t->history;
    double *epochs = (double *)nni_alloc(nni_allocator_of(t->m), nni_max(h->all.count, 1) * NNI_EPOCH_NUMBERS, sizeof *epochs);
    if (!epochs) return nni_no_memory(t->m, "the history", 2 * h->all.count * NNI_EPOCH_NUMBERS);
    for (size_t i = 0; i < h->all.count; i++) nni_epoch_numbers(&h->all.epochs[i], epochs + i * NNI_EPOCH_NUMBERS);
    const int testing = t->testing;
    nn_trainer_test(t, 1);
    const nn_status status = nni_checkpoint_write(t, path, epochs, &report);
    nn_trainer_test(t, testing);
    nni_free(nni_allocator_of(t->m), epochs);
    return status == NN_OK ? status : nni_report(t->m, status, "%s", report.sentence);
}

/* ---- and back ---- */

/* n numbers of 8 bytes, as they are; NULL: only looks whether they are there. */
static nn_status nni_archive_words(const nni_archive *a, const char *name, nni_dtype dtype, size_t n, void *words) {
    nni_found found;
    if (!nni_archive_find(a, name, &found)) return nni_archive_bad(a, "it has no \"%s\": it holds a model, and no training", name);
    if (found.dtype != dtype || found.n != n) return nni_archive_bad(a, "\"%s\" has another type or size than a training's", name);
    for (size_t i = 0; words && i < n; i++) {
        const uint64_t word = nni_load_little(found.bytes + 8 * i, 8);
        memcpy((char *)words + 8 * i, &word, sizeof word);
    }
    return NN_OK;
}

/* What a file holds, before any of it is taken over. */
typedef struct nni_checkpoint {
    uint64_t counters[NNI_COUNTERS], model_step, model_seed;
    double numbers[NNI_NUMBERS], *epochs;
    nn_epoch *history;
    float *best;
    size_t count; /* of epochs */
    nni_trainer_array arrays[NNI_ARRAYS_MOST];
    size_t arrays_count;
} nni_checkpoint;

static nn_status nni_checkpoint_numbers(nni_checkpoint *c, const nn_trainer *t, const nni_archive *a) {
    const char *optimizer = nni_archive_text(a, "nn.optimizer");
    nn_status status = nni_archive_is_model(a);
    if (status == NN_OK && !optimizer) status = nni_archive_bad(a, "it holds a model, and no training");
    if (status == NN_OK && strcmp(optimizer, nn_optimizer_name(t->d.optimizer.kind)) != 0)
        status = nni_archive_bad(a, "it was trained by \"%s\", and the trainer uses \"%s\"", optimizer,
                                 nn_optimizer_name(t->d.optimizer.kind));
    if (status == NN_OK) status = nni_archive_number(a, "nn.seed", &c->model_seed);
    if (status == NN_OK) status = nni_archive_number(a, "nn.step", &c->model_step);
    if (status == NN_OK) status = nni_archive_words(a, "train.counters", NNI_U64, NNI_COUNTERS, c->counters);
    if (status == NN_OK) status = nni_archive_words(a, "train.numbers", NNI_F64, NNI_NUMBERS, c->numbers);
    if (status != NN_OK) return status;
    c->count = (size_t)c->counters[2];
    if (c->counters[2] > SIZE_MAX / 1024 || c->counters[3] > c->counters[2]) return nni_archive_bad(a, "its history cannot be");
    return nni_archive_words(a, "train.history", NNI_F64, c->count * NNI_EPOCH_NUMBERS, NULL);
}

/* The memory that taking over will need; the history's size is known to be that of a tensor in the file. */
static int nni_checkpoint_take(nni_checkpoint *c, const nn_trainer *t, const nni_archive *a) {
    const nn_allocator *allocator = nni_allocator_of(t->m);
    nni_found found;
    char name[NNI_TENSOR_NAME_MOST];
    const nni_parameter *first = t->m->parameters;
    c->epochs = (double *)nni_alloc(allocator, nni_max(c->count, 1) * NNI_EPOCH_NUMBERS, sizeof *c->epochs);
    c->history = (nn_epoch *)nni_alloc(allocator, nni_max(c->count, 1), sizeof *c->history);
    if (!c->epochs || !c->history) return 0;
    if (t->m->parameters_count) nni_parameter_name(name, "train.best/", t->m, first);
    if (!t->m->parameters_count || !nni_archive_find(a, name, &found)) return 1;
    c->best = (float *)nni_alloc(allocator, nni_max(t->m->total, 1), sizeof *c->best);
    if (c->best) memset(c->best, 0, t->m->total * sizeof *c->best);
    return c->best != NULL;
}

static void nni_checkpoint_free(nni_checkpoint *c, const nn_allocator *allocator) {
    nni_free(allocator, c->best);
    nni_free(allocator, c->history);
    nni_free(allocator, c->epochs);
}

/* Reads every array into its place, or with `look` only sees whether all are there. */
static nn_status nni_checkpoint_arrays(const nni_checkpoint *c, const nn_trainer *t, const nni_archive *a, int look) {
    nn_status status = nni_archive_block(a, t->m, "", look ? NULL : t->m->values, 0);
    for (size_t i = 0; i < c->arrays_count && status == NN_OK; i++)
        status = nni_archive_block(a, t->m, c->arrays[i].prefix, look ? NULL : c->arrays[i].block, c->arrays[i].trained);
    return status;
}

/* Nothing can fail here. */
static void nni_checkpoint_apply(nni_checkpoint *c, nn_trainer *t) {
    const nn_allocator *allocator = nni_allocator_of(t->m);
    for (size_t i = 0; i < c->count; i++) c->history[i] = nni_epoch_of(i + 1, c->epochs + i * NNI_EPOCH_NUMBERS);
    t->m->step = c->model_step;
    t->m->seed = c->model_seed;
    t->state.step = c->counters[0];
    t->passes = (size_t)c->counters[1];
    t->positioned = c->counters[4] != 0;
    t->state.product_1 = c->numbers[0];
    t->state.product_2 = c->numbers[1];
    t->state.momentum = c->numbers[2];
    t->state.momentum_before = c->numbers[3];
    t->position = c->numbers[4];
    t->rate = (float)c->numbers[6];
    t->gradient_norm = (float)c->numbers[7];
    nni_free(allocator, t->history.all.epochs);
    t->history.all.epochs = c->history;
    t->history.all.count = t->history.room = c->count;
    t->history.all.best = (size_t)c->counters[3];
    t->history.score = (float)c->numbers[5];
    nni_free(allocator, t->best);
    t->best = c->best;
    t->testing = 0;
    c->history = NULL;
    c->best = NULL;
}

static nn_status nni_checkpoint_read(nn_trainer *t, const nni_archive *a) {
    nni_checkpoint c;
    memset(&c, 0, sizeof c);
    nn_status status = nni_checkpoint_numbers(&c, t, a);
    if (status != NN_OK) return status;
    if (!nni_checkpoint_take(&c, t, a)) status = nni_say(a->report, NN_ERROR_MEMORY, "no memory for the training in %s", a->path);
    /* the weights in training come last of all into the model's own block, over those to be used */
    c.arrays_count = nni_trainer_arrays(t, c.arrays, t->aside ? t->m->values : NULL, c.best, c.counters[1] > 0);
    if (status == NN_OK) status = nni_checkpoint_arrays(&c, t, a, 1);
    if (status == NN_OK) status = nni_archive_words(a, "train.history", NNI_F64, c.count * NNI_EPOCH_NUMBERS, c.epochs);
    if (status == NN_OK) status = nni_checkpoint_arrays(&c, t, a, 0);
    if (status == NN_OK) nni_checkpoint_apply(&c, t);
    nni_checkpoint_free(&c, nni_allocator_of(t->m));
    return status;
}

NN_API nn_status nn_trainer_load(nn_trainer *t, const char *path) {
    nni_archive a;
    nn_report report;
    if (!t || !path) return NN_ERROR_NULL;
    nni_say_nothing(&report);
    nn_status status = nni_archive_open(&a, path, nni_allocator_of(t->m), &report);
    if (status == NN_OK) status = nni_checkpoint_read(t, &a);
    nni_archive_close(&a);
    return status == NN_OK ? status : nni_report(t->m, status, "%s", report.sentence);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_CHECKPOINT_H */
