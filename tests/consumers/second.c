/* second.c - the other translation unit: declarations only, or (NN_STATIC) a private copy of its own */
#ifdef NN_STATIC
#define NN_IMPLEMENTATION
#endif
#include "../../nn.h"

float second_sum(const float *x, size_t n);
float second_sum(const float *x, size_t n) { return nn_sum(x, n); }
