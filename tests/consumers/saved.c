/* saved.c - a network that nn_export_c wrote (tests/golden/xor_network.c), loaded without a file and asked; C11 and C++17 */
#define NN_IMPLEMENTATION
#include "../../nn.h"

#include "../golden/xor_network.c"

int main(void) {
    const float x[8] = {0, 0, 0, 1, 1, 0, 1, 1};
    float y[4] = {9, 9, 9, 9};
    nn_model *m;
    if (xor_network_load(&m, NULL, NULL) != NN_OK || nn_predict(m, y, x, 4) != NN_OK) return 1;
    nn_model_free(m);
    return y[0] == 0 && y[1] == 1 && y[2] == 1 && y[3] == 0 ? 0 : 1;
}
