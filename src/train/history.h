/* history.h - how a training went, epoch by epoch */
#ifndef NN_HISTORY_H
#define NN_HISTORY_H

#include "tally.h"

typedef struct nn_epoch {
    size_t epoch;         /* from 1 */
    nn_evaluation train;  /* as its batches went by: with dropout and augmentation, of weights that changed meanwhile */
    nn_evaluation valid;  /* after it; samples is 0 without validation data */
    float rate;           /* of the last step */
    float gradient_norm;  /* of the last step, if gradients are clipped by norm; else 0 */
    double seconds;
    int best;             /* better than all before it */
} nn_epoch;

/* Why a training ended. */
typedef enum nn_stop {
    NN_STOP_NOT,      /* it did not: it has not begun, was cut off by an error, or goes on */
    NN_STOP_EPOCHS,   /* all epochs are done */
    NN_STOP_PATIENCE, /* nothing better for long enough */
    NN_STOP_WATCHER   /* the caller's function said so */
} nn_stop;

typedef struct nn_history {
    nn_epoch *epochs;
    size_t count;
    size_t best;     /* the number of the best epoch, from 1; 0: none yet */
    nn_stop stopped;
} nn_history;

#ifdef NN_IMPLEMENTATION

#include "../alloc.h"
#include "../graph/model.h"

typedef struct nni_history {
    nn_history all;
    size_t room;
    float score; /* of the best epoch */
} nni_history;

static int nni_history_add(nni_history *h, const nn_allocator *allocator, const nn_epoch *epoch) {
    void *epochs = h->all.epochs;
    const int room = nni_grow(allocator, &epochs, h->all.count, &h->room, sizeof *epoch);
    h->all.epochs = (nn_epoch *)epochs;
    if (room) h->all.epochs[h->all.count++] = *epoch;
    return room;
}

static void nni_history_free(nni_history *h, const nn_allocator *allocator) { nni_free(allocator, h->all.epochs); }

#endif /* NN_IMPLEMENTATION */
#endif /* NN_HISTORY_H */
