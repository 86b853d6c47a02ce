/* tally.h - loss and accuracy of many batches, added up */
#ifndef NN_TALLY_H
#define NN_TALLY_H

#include "../graph/model.h"

/* How well a network does on some data. */
typedef struct nn_evaluation {
    size_t samples;
    float loss;     /* the mean over the samples, or where they have weights the weighted one; without penalties */
    float accuracy; /* the share of right answers; NaN where right and wrong make no sense, as in regression */
} nn_evaluation;

#ifdef NN_IMPLEMENTATION

#include "../metrics.h"
#include "supply.h"

typedef struct nni_tally {
    double loss, weight; /* sums over samples */
    size_t samples, answers, right;
} nni_tally;

static int nni_loss_is_regression(nn_loss loss) { return loss == NN_LOSS_MSE || loss == NN_LOSS_MAE || loss == NN_LOSS_HUBER; }

/* How many of the batch's answers are right, and of how many; none where the loss measures distances to targets that are no
 * classes. With one label or with targets of which one stands out, the largest output counts; else each output by itself. */
static void nni_tally_answers(nni_tally *t, const nni_supply *s, const nni_batch *b, const float *x) {
    const nni_node *node = nni_node_of(s->m, s->loss);
    const nn_loss loss = node->options.loss.desc.loss;
    const int each = s->out == 1 || loss == NN_LOSS_SIGMOID_BCE || loss == NN_LOSS_BCE;
    if (node->options.loss.custom || (nni_loss_is_regression(loss) && !s->data->labels)) return;
    if (s->answer == NNI_ANSWER_LABELS || (s->data->labels && !each)) {
        t->right += nn_count_correct(x, b->labels, b->rows, s->out);
        t->answers += b->rows;
    } else if (each) {
        t->right += nn_count_binary(x, b->targets, b->rows * s->out, loss == NN_LOSS_SIGMOID_BCE ? 0.0f : 0.5f);
        t->answers += b->rows * s->out;
    } else {
        for (size_t r = 0; r < b->rows; r++) {
            uint32_t label;
            nn_argmax_rows(&label, b->targets + r * s->out, 1, s->out);
            t->right += nn_count_correct(x + r * s->out, &label, 1, s->out);
        }
        t->answers += b->rows;
    }
}

/* Adds the batch in a slot, which has just gone forward. */
static void nni_tally_add(nni_tally *t, const nni_supply *s, size_t slot) {
    const nni_batch *b = &s->slots[slot];
    const nni_node *loss = nni_node_of(s->m, s->loss);
    const float value = nn_loss_value(s->m, s->loss);
    nn_node compared = {nni_input(s->m, loss, 0)};
    double weight = (double)b->rows;
    if (b->weights) {
        weight = 0.0;
        for (size_t r = 0; r < b->rows; r++) weight += (double)b->weights[r];
    }
    t->loss += loss->options.loss.desc.reduction == NN_REDUCE_SUM ? (double)value : (double)value * weight;
    t->weight += weight;
    t->samples += b->rows;
    nni_tally_answers(t, s, b, nn_activation_of(s->m, compared));
}

static nn_evaluation nni_tally_result(const nni_tally *t) {
    nn_evaluation e;
    e.samples = t->samples;
    e.loss = t->weight > 0.0 ? (float)(t->loss / t->weight) : 0.0f;
    e.accuracy = t->answers ? (float)((double)t->right / (double)t->answers) : NAN;
    return e;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_TALLY_H */
