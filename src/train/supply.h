/* supply.h - batches of a dataset as a network takes them: gathered, augmented, with what the loss compares them to */
#ifndef NN_SUPPLY_H
#define NN_SUPPLY_H

#ifdef NN_IMPLEMENTATION

#include "../data/dataset.h"
#include "../graph/run.h"
#include "../image/augment_sample.h"
#include "../image/mix.h"

#define NNI_SUPPLY_SHARE 100000 /* floats worth a thread, by analogy with a map */
#define NNI_SUPPLY_CHUNK 4       /* samples that a thread takes at a time */

/* What the loss is fed. */
typedef enum nni_answer {
    NNI_ANSWER_LABELS,  /* the labels */
    NNI_ANSWER_TARGETS, /* the targets */
    NNI_ANSWER_ONE_HOT  /* 1 at the label, else 0; with one output, the label itself */
} nni_answer;

typedef struct nni_batch {
    size_t rows;
    float *x;         /* rows x in */
    uint32_t *labels; /* rows */
    float *targets;   /* rows x out, or NULL */
    float *weights;   /* rows, or NULL: all 1 */
} nni_batch;

typedef struct nni_supply {
    nn_model *m;
    const nn_dataset *data;
    const nn_augment *augment; /* NULL: samples stay as they are */
    nn_node input, loss;
    size_t source, in, out;    /* floats of a sample as stored, as fed, and of what the loss compares */
    size_t batch, count;       /* samples of a batch, of an epoch */
    const size_t *order;       /* sample i of the epoch is order[i]; NULL: i */
    uint64_t seed, epoch;      /* of the augmentation */
    nni_answer answer;
    nni_batch slots[2];        /* one is worked on while the next is made */
    float *work;               /* for each thread */
    size_t work_floats, workers;
} nni_supply;

/* ---- whether data and network go together ---- */

static nn_node nni_only(nn_model *m, unsigned flags, size_t *found) {
    nn_node node = {0};
    *found = 0;
    for (uint32_t i = 0; i < m->count; i++)
        if (m->nodes[i].flags & flags) {
            if (!(*found)++) node.id = i + 1;
        }
    return node;
}

static nn_status nni_supply_find_ends(nni_supply *s, const char *what) {
    nn_model *m = s->m;
    size_t inputs, losses;
    s->input = nni_only(m, NNI_INPUT, &inputs);
    s->loss = nni_only(m, NNI_LOSS, &losses);
    if (inputs == 1 && losses == 1) return NN_OK;
    return nni_report(m, NN_ERROR_ARGUMENT, "%s is for networks of one input and one loss, and this has %zu and %zu: "
                      "feed others with nn_feed, and step with nn_trainer_batch", what, inputs, losses);
}

static nn_status nni_supply_check_answers(nni_supply *s, const char *what) {
    const nn_dataset *d = s->data;
    const nni_node *loss = nni_node_of(s->m, s->loss), *compared = nni_input_node(s->m, loss, 0);
    const size_t columns = compared->shape.channels;
    s->out = nn_shape_size(compared->shape);
    if (d->targets && d->target_size == s->out) {
        s->answer = NNI_ANSWER_TARGETS;
        return NN_OK;
    }
    if (!d->labels && d->targets)
        return nni_report(s->m, NN_ERROR_SHAPE, "%s: samples have %zu targets, but %s compares %zu values", what,
                          d->target_size, loss->name, s->out);
    if (!d->labels) return nni_report(s->m, NN_ERROR_NULL, "%s: the data has neither labels nor targets for %s", what, loss->name);
    if (columns != s->out)
        return nni_report(s->m, NN_ERROR_SHAPE, "%s: %s compares %zu places a sample, and the data has one label for each",
                          what, loss->name, s->out / columns);
    if (d->classes > columns && !(columns == 1 && d->classes <= 2))
        return nni_report(s->m, NN_ERROR_LABEL, "%s: the data has %zu classes, but %s compares %zu outputs", what, d->classes,
                          loss->name, columns);
    s->answer = columns == 1 || loss->options.loss.custom ? NNI_ANSWER_ONE_HOT : NNI_ANSWER_LABELS;
    return NN_OK;
}

/* A label becomes a place in a row of targets: it must lie there. (Where labels are fed as they are the loss looks at them.) */
static nn_status nni_supply_check_labels(const nni_supply *s, const char *what) {
    const nn_dataset *d = s->data;
    if (s->answer != NNI_ANSWER_ONE_HOT || s->out == 1) return NN_OK;
    for (size_t i = 0; i < d->count; i++)
        if (d->labels[nn_dataset_row(d, i)] >= s->out)
            return nni_report(s->m, NN_ERROR_LABEL, "%s: sample %zu is of class %u, of %zu", what, i,
                              (unsigned)d->labels[nn_dataset_row(d, i)], s->out);
    return NN_OK;
}

static nn_status nni_supply_check_samples(nni_supply *s, const char *what) {
    const nn_dataset *d = s->data;
    const nni_node *input = nni_node_of(s->m, s->input);
    nn_shape shape = d->shape;
    if (d->count && !d->floats && !d->bytes) return nni_report(s->m, NN_ERROR_NULL, "%s: the dataset has no samples to read", what);
    if (s->augment) {
        const nn_status status = nn_augment_check(s->augment, shape);
        if (status != NN_OK)
            return nni_report(s->m, status, "%s: the augmentation does not suit samples of %zu x %zu x %zu", what, shape.height,
                              shape.width, shape.channels);
        shape = nn_augment_shape(s->augment, shape);
    }
    s->source = nn_shape_size(d->shape);
    s->in = nn_shape_size(shape);
    if (s->in == nn_shape_size(input->shape)) return NN_OK;
    return nni_report(s->m, NN_ERROR_SHAPE, "%s: a sample has %zu x %zu x %zu values, but %s takes %zu x %zu x %zu", what, shape.height,
                      shape.width, shape.channels, input->name, input->shape.height, input->shape.width, input->shape.channels);
}

/* ---- memory ---- */

static void nni_supply_free(nni_supply *s) {
    const nn_allocator *allocator = nni_allocator_of(s->m);
    for (int i = 0; i < 2; i++) {
        nni_free(allocator, s->slots[i].x);
        nni_free(allocator, s->slots[i].labels);
        nni_free(allocator, s->slots[i].targets);
        nni_free(allocator, s->slots[i].weights);
    }
    nni_free(allocator, s->work);
    memset(s->slots, 0, sizeof s->slots);
    s->work = NULL;
}

static int nni_supply_take(nni_supply *s, size_t slots) {
    const nn_allocator *allocator = nni_allocator_of(s->m);
    int complete = 1;
    for (size_t i = 0; i < slots; i++) {
        nni_batch *b = &s->slots[i];
        b->x = (float *)nni_alloc(allocator, s->batch * s->in, sizeof *b->x);
        b->labels = (uint32_t *)nni_alloc(allocator, s->batch, sizeof *b->labels);
        if (s->answer != NNI_ANSWER_LABELS) b->targets = (float *)nni_alloc(allocator, s->batch * s->out, sizeof *b->targets);
        if (s->data->weights) b->weights = (float *)nni_alloc(allocator, s->batch, sizeof *b->weights);
        complete = complete && b->x && b->labels && (b->targets || s->answer == NNI_ANSWER_LABELS) && (b->weights || !s->data->weights);
    }
    s->workers = nn_threads_in_use();
    if (s->augment) {
        s->work_floats = nni_round_up(s->in + s->out + nn_augment_work(s->augment, s->data->shape), 16);
        s->work = (float *)nni_alloc(allocator, s->workers * s->work_floats, sizeof *s->work);
        complete = complete && s->work;
    }
    return complete;
}

/* Batches of `data` for the model, with memory for 1 or 2 at a time; `what` is the call that complains. */
static nn_status nni_supply_new(nni_supply *s, nn_model *m, const nn_dataset *data, const nn_augment *augment, size_t batch, size_t slots,
                                const char *what) {
    memset(s, 0, sizeof *s);
    s->m = m;
    s->data = data;
    s->augment = augment;
    s->batch = batch;
    s->count = data->count;
    nn_status status = nni_supply_find_ends(s, what);
    if (status == NN_OK) status = nni_supply_check_samples(s, what);
    if (status == NN_OK) status = nni_supply_check_answers(s, what);
    if (status == NN_OK && augment && augment->mixup > 0.0f && s->answer == NNI_ANSWER_LABELS) s->answer = NNI_ANSWER_ONE_HOT;
    if (status == NN_OK) status = nni_supply_check_labels(s, what);
    if (status == NN_OK && !nni_supply_take(s, slots)) {
        nni_supply_free(s);
        status = nni_report(m, NN_ERROR_MEMORY, "%s: no memory for batches of %zu samples", what, batch);
    }
    return status;
}

/* ---- making a batch ---- */

/* Sample i of the data as fed: y is its `in` floats. */
static void nni_supply_sample(const nni_supply *s, float *y, size_t i, float *work) {
    const nn_dataset *d = s->data;
    const size_t at = nn_dataset_row(d, i) * s->source;
    if (s->augment && d->floats) nn_augment_sample(y, d->floats + at, d->shape, s->augment, s->seed, s->epoch, i, work);
    else if (s->augment) nn_augment_bytes(y, d->bytes + at, d->shape, s->augment, s->seed, s->epoch, i, work);
    else if (d->floats) memcpy(y, d->floats + at, s->in * sizeof *y);
    else nn_floats_from_bytes(y, d->bytes + at, s->in);
}

static void nni_supply_targets(const nni_supply *s, float *targets, size_t i) {
    const nn_dataset *d = s->data;
    const size_t row = nn_dataset_row(d, i);
    if (s->answer == NNI_ANSWER_TARGETS) {
        memcpy(targets, d->targets + row * s->out, s->out * sizeof *targets);
    } else if (s->out == 1) {
        *targets = (float)d->labels[row];
    } else {
        memset(targets, 0, s->out * sizeof *targets);
        targets[d->labels[row]] = 1.0f;
    }
}

/* Mixes x and targets, which are those of sample i, with those of its partner; `own` has room for the originals. */
static void nni_supply_mix(const nni_supply *s, float *x, float *targets, size_t i, float *own, float *work) {
    size_t partner;
    const float weight = nn_augment_mix(&partner, s->augment, s->seed, s->epoch, i, s->data->count);
    if (weight == 1.0f) return;
    memcpy(own, x, s->in * sizeof *x);
    memcpy(own + s->in, targets, s->out * sizeof *targets);
    nni_supply_sample(s, x, partner, work);
    nni_supply_targets(s, targets, partner);
    nn_mixup(x, own, x, s->in, weight);
    nn_mixup(targets, own + s->in, targets, s->out, weight);
}

static void nni_supply_one(const nni_supply *s, nni_batch *b, size_t at, size_t i, float *work) {
    const nn_dataset *d = s->data;
    const size_t row = nn_dataset_row(d, i);
    float *x = b->x + at * s->in, *targets = b->targets ? b->targets + at * s->out : NULL;
    float *own = work;
    if (work) work += s->in + s->out;
    if (d->labels) b->labels[at] = d->labels[row];
    if (b->weights) b->weights[at] = d->weights[row];
    if (targets) nni_supply_targets(s, targets, i);
    nni_supply_sample(s, x, i, work);
    if (s->augment && s->augment->mixup > 0.0f) nni_supply_mix(s, x, targets, i, own, work);
}

/* A batch that threads are to make together. */
typedef struct nni_supply_job {
    const nni_supply *supply;
    nni_batch *batch;
    size_t first; /* of the epoch's samples */
    size_t taken; /* samples that a thread has made or is making */
} nni_supply_job;

static nni_supply_job nni_supply_begin(nni_supply *s, size_t slot, size_t first) {
    const nni_supply_job job = {s, &s->slots[slot], first, 0};
    job.batch->rows = nni_min(s->batch, s->count - first);
    return job;
}

/* Thread i makes samples until there is none left to make. */
static void nni_supply_make(void *context, size_t i) {
    nni_supply_job *job = (nni_supply_job *)context;
    const nni_supply *s = job->supply;
    float *work = s->work ? s->work + i * s->work_floats : NULL;
    for (;;) {
        size_t at = __atomic_fetch_add(&job->taken, NNI_SUPPLY_CHUNK, __ATOMIC_RELAXED);
        const size_t end = nni_min(job->batch->rows, at + NNI_SUPPLY_CHUNK);
        if (at >= end) return;
        for (; at < end; at++) nni_supply_one(s, job->batch, at, s->order ? s->order[job->first + at] : job->first + at, work);
    }
}

/* Makes the batch that begins with sample `first` of the epoch. */
static void nni_supply_fill(nni_supply *s, size_t slot, size_t first) {
    nni_supply_job job = nni_supply_begin(s, slot, first);
    const size_t share = s->augment ? NNI_SUPPLY_SHARE / 16 : NNI_SUPPLY_SHARE; /* resampling costs that much more than copying */
    nni_parallel(nni_supply_make, &job, nni_min(s->workers, nni_threads_for(job.batch->rows * s->in, share)));
}

static nn_status nni_supply_feed(const nni_supply *s, size_t slot) {
    const nni_batch *b = &s->slots[slot];
    nn_status status = nn_feed(s->m, s->input, b->x);
    if (status == NN_OK)
        status = s->answer == NNI_ANSWER_LABELS ? nn_feed_labels(s->m, s->loss, b->labels) : nn_feed_targets(s->m, s->loss, b->targets);
    if (status == NN_OK) status = nn_feed_weights(s->m, s->loss, b->weights);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_SUPPLY_H */
