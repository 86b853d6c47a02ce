/* xor.c - the smallest network that needs a hidden layer: 2-3-1 learns exclusive or by plain gradient descent
 *
 *   cc -O2 -I. examples/xor.c -o xor -lsleef -lm && ./xor
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include <stdio.h>

int main(void) {
    static const float x[4 * 2] = {0, 0, 0, 1, 1, 0, 1, 1}, targets[4] = {0, 1, 1, 0};
    nn_model *m = nn_model_new(NULL);
    const nn_node in = nn_layer_input(m, nn_shape_vector(2));
    const nn_node hidden = nn_layer_tanh(m, nn_layer_dense(m, in, 3));
    const nn_node loss = nn_layer_loss(m, nn_layer_sigmoid(m, nn_layer_dense(m, hidden, 1)), NN_LOSS_BCE);
    const nn_build_desc build = {.seed = 1, .batch = 4};
    nn_status status = nn_model_build(m, &build); /* reports the first mistake of the calls above */
    if (status == NN_OK) status = nn_feed(m, in, x);
    if (status == NN_OK) status = nn_feed_targets(m, loss, targets);
    for (int step = 0; step <= 1000 && status == NN_OK; step++) {
        status = nn_forward(m, 4, NN_TRAIN);
        if (step % 200 == 0) printf("step %4d   loss %.6f\n", step, (double)nn_loss_value(m, loss));
        if (status == NN_OK) status = nn_backward(m, 0);
        const nn_parameters all = nn_parameters_of(m);
        nn_axpy(all.values, all.gradients, all.trained, -0.5f); /* w = w - 0.5 dw: all weights and biases at once */
    }
    float y[4];
    if (status == NN_OK) status = nn_predict(m, y, x, 4);
    if (status != NN_OK) return fprintf(stderr, "xor: %s\n", nn_error(m)), 1;
    for (int i = 0; i < 4; i++) printf("%g xor %g = %.4f\n", (double)x[2 * i], (double)x[2 * i + 1], (double)y[i]);
    nn_model_free(m);
    return 0;
}
