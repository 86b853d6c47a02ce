/* hello.c - a look at the machine, and one layer of a network: the same digits on every one
 *
 *   cc -O2 -I. examples/hello.c -o hello -lsleef -lm && ./hello
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include <stdio.h>

enum { BATCH = 5, IN = 16, OUT = 4 };

static void about(void) {
    printf("nn.h %s on %s, exp and log from %s, %zu thread%s\n", NN_VERSION, nn_isa(), nn_maths_backend(),
           nn_threads_in_use(), nn_threads_in_use() == 1 ? "" : "s");
    for (size_t i = 0; nn_isa_name(i); i++) {
        const nn_status status = nn_isa_supported(nn_isa_name(i));
        printf("  %-7s %s\n", nn_isa_name(i), status == NN_OK ? "can run here" : nn_status_message(status));
    }
}

static nn_status layer(float *p, nn_random *random) {
    float x[BATCH * IN], w[IN * OUT], b[OUT];
    nn_random_normal(x, BATCH * IN, 0.0f, 1.0f, random);
    nn_random_normal(w, IN * OUT, 0.0f, 0.25f, random); /* 1/sqrt(IN): Xavier */
    nn_random_uniform(b, OUT, -0.1f, 0.1f, random);
    nn_sgemm_desc dense = {0};
    dense.bias = b;
    const nn_status status = nn_sgemm(p, x, w, BATCH, OUT, IN, 1.0f, 0.0f, &dense);
    if (status == NN_OK) nn_softmax(p, p, BATCH, OUT);
    return status;
}

int main(void) {
    nn_status status = nn_isa_status();
    nn_random random = {2026, 0, 0};
    float p[BATCH * OUT];
    if (status == NN_OK) status = layer(p, &random);
    if (status != NN_OK) {
        fprintf(stderr, "hello: %s\n", nn_status_message(status));
        return 1;
    }
    about();
    printf("\nsoftmax(x w + b) of %d random rows:\n", BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        for (size_t j = 0; j < OUT; j++) printf("  %.7f", (double)p[i * OUT + j]);
        printf("   class %zu\n", nn_argmax(p + i * OUT, OUT));
    }
    return 0;
}
