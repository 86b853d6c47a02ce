/* by_hand.c - the sums that the lectures do by hand: one neuron, losses in bits, three ways to pair softmax, penalties
 *
 * Decks 000, 001 and 003. What is printed beside a figure in brackets is the deck's.
 *
 *   cc -O2 -I. examples/by_hand.c -o by_hand -lsleef -lm && ./by_hand
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

/* One row of outputs x beside one row of targets: its loss, and the gradient in dx. */
static double loss_of(nn_loss loss, int bits, const float *x, const float *targets, size_t n, float *dx) {
    const nn_loss_desc desc = {.loss = loss, .targets = targets, .bits = bits};
    float value;
    stop_unless(nn_loss_run(&value, NULL, dx, x, 1, n, &desc), NULL);
    return (double)value;
}

/* o = sigmoid(w x + b) should be 0. Where the sigmoid saturates the squared error hardly moves it; cross-entropy does. (The deck
 * rounds o to 0.7503 before it squares: 0.2815.) */
static void neuron(float w, float b, const char *deck) {
    const float x = 1.5f, y = 0, z = w * x + b;
    float o, d;
    nn_sigmoid(&o, &z, 1);
    const double squared = loss_of(NN_LOSS_MSE, 0, &o, &y, 1, &d);
    nn_activate_backward(&d, &d, &o, 1, NN_SIGMOID, 0); /* from the output back to z */
    printf("  w = %.1f, b = %.1f: o = %.4f\n", (double)w, (double)b, (double)o);
    printf("    squared error %.4f   de/dw %.4f   de/db %.4f   [%s]\n", squared, (double)(x * d), (double)d, deck);
    const double entropy = loss_of(NN_LOSS_SIGMOID_BCE, 0, &z, &y, 1, &d);
    printf("    cross-entropy %.4f   de/dw %.4f   de/db %.4f\n", entropy, (double)(x * d), (double)d);
}

/* How surprising an answer is, in bits: -log2 of the probability that was given to the right one. */
static void bits(void) {
    const float yes = 1, sure = 0.98f, wrong = 0.0001f, p[3] = {0.1131f, 0.0508f, 0.8360f};
    static const char *const deck[] = {"3.1443", "4.2990", "0.2584"};
    printf("\nin bits\n");
    printf("  binary cross-entropy of 0.98, right:   %.4f   [0.0291]\n", loss_of(NN_LOSS_BCE, 1, &sure, &yes, 1, NULL));
    printf("  binary cross-entropy of 0.0001, right: %.4f  [13.28]\n", loss_of(NN_LOSS_BCE, 1, &wrong, &yes, 1, NULL));
    for (int i = 0; i < 3; i++) {
        const float both[2] = {p[i], 1 - p[i]}, right[2] = {1, 0};
        printf("  log-likelihood of %.4f:              %.4f   [%s]\n", (double)p[i],
               loss_of(NN_LOSS_CE, 1, both, right, 2, NULL), deck[i]);
    }
}

/* The same three scores, of which the second should be the largest. */
static void pairs(void) {
    static const struct {
        const char *name;
        nn_loss loss;
    } losses[] = {{"softmax, log-likelihood", NN_LOSS_SOFTMAX_CE},
                  {"softmax, CEE of each output", NN_LOSS_SOFTMAX_BCE},
                  {"softmax, squared error", NN_LOSS_SOFTMAX_MSE},
                  {"hinge", NN_LOSS_HINGE}};
    const float scores[3] = {3.2f, 5.1f, -1.7f}, right[3] = {0, 1, 0}, close[3] = {4.8f, 5.1f, -1.7f};
    float d[3];
    printf("\nscores 3.2, 5.1, -1.7, the second is right          if the first were 4.8\n");
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        printf("  %-28s %.4f", losses[i].name, loss_of(losses[i].loss, 0, scores, right, 3, d));
        printf("   %.4f, by the scores", loss_of(losses[i].loss, 0, close, right, 3, d));
        printf(" %7.4f %7.4f %7.4f\n", (double)d[0], (double)d[1], (double)d[2]);
    }
}

/* L1 cannot tell these weights apart, L2 prefers the even ones, the elastic net is both. */
static void penalties(void) {
    const float uneven[6] = {1, 1, 1, 1, 4, 4}, even[6] = {2, 2, 2, 2, 2, 2};
    printf("\nweights        L1        L2         both   (nn_penalty halves l2: 2 for the deck's sum of squares)\n");
    printf("  1 1 1 1 4 4  %g [12]   %g [36]    %g\n", (double)nn_penalty(uneven, 6, 1, 0), (double)nn_penalty(uneven, 6, 0, 2),
           (double)nn_penalty(uneven, 6, 1, 2));
    printf("  2 2 2 2 2 2  %g [12]   %g [24]    %g\n", (double)nn_penalty(even, 6, 1, 0), (double)nn_penalty(even, 6, 0, 2),
           (double)nn_penalty(even, 6, 1, 2));
}

/* In a network only weights are penalised, unless a bias is asked to be. */
static void unless_asked(void) {
    const nn_build_desc build = {.l1 = 0.1f};
    nn_model *m = nn_model_new(NULL);
    nn_parameter bias;
    nn_layer_loss(m, nn_layer_dense(m, nn_layer_input(m, nn_shape_vector(2)), 2), NN_LOSS_SOFTMAX_CE);
    stop_unless(nn_model_build(m, &build), nn_error(m));
    stop_unless(nn_parameter_named(m, "dense_1.bias", &bias), nn_error(m));
    bias.values[0] = bias.values[1] = 10;
    const double weights = (double)nn_penalties(m);
    stop_unless(nn_parameter_penalty(m, "dense_1.bias", 0.1f, 0), nn_error(m));
    printf("\n0.1 L1 of a layer whose biases are 10, 10: %.4f; when these are asked to count, too: %.4f\n", weights,
           (double)nn_penalties(m));
    nn_model_free(m);
}

int main(void) {
    printf("one neuron, x = 1.5, y = 0\n");
    neuron(0.4f, 0.5f, "0.2815, 0.2109, 0.1406");
    neuron(1.9f, 3.0f, "0.4971, 0.0043, 0.0029");
    bits();
    pairs();
    penalties();
    unless_asked();
    return 0;
}
