/* usual.h - the network to begin with, in one call */
#ifndef NN_USUAL_H
#define NN_USUAL_H

#include "../graph/model.h"

/* The default configuration of the lectures (table 11-2): for each of `layers` hidden layers, dense without a bias, batch norm, ELU and
 * dropout; then one output a class, softmax and cross-entropy; weights by He. With nn_fit(m, train, valid, NULL), which is Adam
 * without a schedule, that is all of it. Built, with the usual batch of 256; `drop` is of the hidden units, 0.2 say.
 *
 *     nn_model *m;
 *     size_t hidden[] = {300, 100};
 *     nn_status status = nn_classifier(&m, nn_shape_image(28, 28, 1), hidden, 2, 10, 0.2f, 1);
 *
 * *model is there to be asked for its nn_error, and to be freed, even after a failure, unless there was no memory for that. */
NN_API NN_MUST_USE nn_status nn_classifier(nn_model **model, nn_shape in, const size_t *hidden, size_t layers, size_t classes, float drop,
                                           uint64_t seed);

#ifdef NN_IMPLEMENTATION

#include "../graph/build.h"
#include "../layers/dense.h"
#include "../layers/dropout.h"
#include "../layers/input.h"
#include "../layers/loss.h"
#include "../layers/norm.h"

NN_API nn_status nn_classifier(nn_model **model, nn_shape in, const size_t *hidden, size_t layers, size_t classes, float drop,
                               uint64_t seed) {
    if (!model || (layers && !hidden)) return NN_ERROR_NULL;
    nn_model *m = *model = nn_model_new(NULL);
    if (!m) return NN_ERROR_MEMORY;
    nn_node x = nn_layer_input(m, in);
    for (size_t i = 0; i < layers; i++) {
        x = nn_layer_elu(m, nn_layer_batch_norm(m, nn_layer_dense_no_bias(m, x, hidden[i])));
        if (drop > 0.0f) x = nn_layer_dropout(m, x, drop);
    }
    nn_layer_loss(m, nn_layer_dense(m, x, classes), NN_LOSS_SOFTMAX_CE);
    nn_build_desc build;
    memset(&build, 0, sizeof build);
    build.seed = seed;
    build.init = nn_init_he();
    return nn_model_build(m, &build);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_USUAL_H */
