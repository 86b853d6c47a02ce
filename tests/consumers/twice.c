/* twice.c - the header included twice, before and after asking for the implementation, and then used; C11 and C++17 */
#include "../../nn.h"
#include "../../nn.h"
#define NN_IMPLEMENTATION
#include "../../nn.h"
#include "../../nn.h"

#include <stdio.h>
#include <string.h>

int main(void) {
    const float a[4] = {1, 2, 3, 4}, identity[4] = {1, 0, 0, 1};
    float c[4] = {0, 0, 0, 0}, share[4];
    nn_random random = {1, 0, 0};
    nn_sgemm_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.activation = NN_RELU;
    if (nn_sgemm(c, a, identity, 2, 2, 2, 1, 0, &desc) != NN_OK) return 1;
    nn_softmax(share, c, 1, 4);
    nn_random_uniform(c, 4, 0, 1, &random);
    nn_exp(c, c, 4);
    printf("%s %s\n", nn_isa(), nn_maths_backend());
    return share[3] > share[0] && c[0] >= 1 ? 0 : 1;
}
