/* xor.c - the smallest network that needs a hidden layer: 2-3-1 learns exclusive or
 *
 *   cc -O2 -I. examples/xor.c -o xor -lsleef -lm && ./xor
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include <stdio.h>

int main(void) {
    static const float x[4 * 2] = {0, 0, 0, 1, 1, 0, 1, 1}, y[4] = {0, 1, 1, 0};
    const nn_dataset data = nn_dataset_of_targets(x, 4, nn_shape_vector(2), y, 1);
    nn_model *m = nn_model_new(NULL);
    const nn_node input = nn_layer_input(m, nn_shape_vector(2));
    const nn_node hidden = nn_layer_tanh(m, nn_layer_dense(m, input, 3));
    nn_layer_loss(m, nn_layer_dense(m, hidden, 1), NN_LOSS_SIGMOID_BCE);
    const nn_fit_desc fit = {.optimizer = nn_adam(0.1f), .epochs = 200};
    float p[4];
    nn_status status = nn_model_build(m, NULL); /* reports the first mistake of the calls above */
    if (status == NN_OK) status = nn_fit(m, &data, NULL, &fit);
    if (status == NN_OK) status = nn_predict(m, p, x, 4);
    if (status != NN_OK) return fprintf(stderr, "xor: %s\n", nn_error(m)), 1;
    for (int i = 0; i < 4; i++) printf("%g xor %g = %.4f\n", (double)x[2 * i], (double)x[2 * i + 1], (double)p[i]);
    nn_model_free(m);
    return 0;
}
