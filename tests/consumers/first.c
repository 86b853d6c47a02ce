/* first.c - one of two translation units; this one has the implementation, or (NN_STATIC) a private copy of its own */
#define NN_IMPLEMENTATION
#include "../../nn.h"

float second_sum(const float *x, size_t n);

int main(void) {
    const float x[3] = {1, 2, 4};
    return nn_sum(x, 3) == 7 && second_sum(x, 3) == 7 ? 0 : 1;
}
