/* computational_graph.c - a neuron taken apart: f(w, x) = 1/(1 + e^-(w0 x0 + w1 x1 + w2)), gate by gate
 *
 * Forward, every gate computes a number from its inputs. Backward, starting from df/df = 1, every gate multiplies what comes
 * from behind by its own derivative and hands it to its inputs: add passes it on, mul exchanges its inputs, and so on. Four
 * of the gates together are the sigmoid, whose derivative is s(1 - s): taken as one gate it gives the same gradients.
 *
 *   cc -O2 -I. examples/computational_graph.c -o computational_graph -lsleef -lm && ./computational_graph
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include <stdio.h>

enum { INPUTS = 5, MOST = 16 };

static const float inputs[INPUTS] = {2, -1, -3, -2, -3};
static const char *const input_names[INPUTS] = {"w0", "x0", "w1", "x1", "w2"};

/* The gates of a graph in order, with what to call them, and the one behind each: in this graph no gate feeds two. */
typedef struct graph {
    nn_model *m;
    nn_node gate[MOST];
    const char *what[MOST];
    int behind[MOST], count;
} graph;

static void goes_into(graph *g, nn_node from, int to) {
    for (int i = 0; i < to; i++)
        if (g->gate[i].id == from.id) g->behind[i] = to;
}

/* A gate with one input, or two; {0} is none. */
static nn_node gate(graph *g, const char *what, nn_node node, nn_node a, nn_node b) {
    goes_into(g, a, g->count);
    goes_into(g, b, g->count);
    g->what[g->count] = what;
    g->gate[g->count++] = node;
    return node;
}

/* w0 x0 + w1 x1 + w2 */
static nn_node weighted_sum(graph *g) {
    const nn_node none = {0};
    nn_node in[INPUTS];
    for (int i = 0; i < INPUTS; i++) {
        in[i] = gate(g, input_names[i], nn_layer_input(g->m, nn_shape_vector(1)), none, none);
        nn_want_gradient(g->m, in[i]); /* or none would be computed: nothing here is trained */
    }
    const nn_node first = gate(g, "w0 * x0", nn_layer_mul(g->m, in[0], in[1]), in[0], in[1]);
    const nn_node second = gate(g, "w1 * x1", nn_layer_mul(g->m, in[2], in[3]), in[2], in[3]);
    const nn_node both = gate(g, "w0 x0 + w1 x1", nn_layer_add(g->m, first, second), first, second);
    return gate(g, "... + w2", nn_layer_add(g->m, both, in[4]), both, in[4]);
}

static nn_node sigmoid_by_gates(graph *g, nn_node x) {
    const nn_node none = {0};
    const nn_node negative = gate(g, "* -1", nn_layer_linear(g->m, x, -1, 0), x, none);
    const nn_node power = gate(g, "exp", nn_layer_exp(g->m, negative), negative, none);
    const nn_node sum = gate(g, "+ 1", nn_layer_linear(g->m, power, 1, 1), power, none);
    return gate(g, "1 / x", nn_layer_reciprocal(g->m, sum), sum, none);
}

static nn_status run(graph *g, nn_node f) {
    const nn_build_desc build = {.batch = 1, .keep = 1}; /* keep: every value and gradient can be looked at */
    const float one = 1;                                  /* df/df */
    nn_status status = nn_model_build(g->m, &build);
    for (int i = 0; i < INPUTS && status == NN_OK; i++) status = nn_feed(g->m, g->gate[i], &inputs[i]);
    if (status == NN_OK) status = nn_feed_gradient(g->m, f, &one);
    if (status == NN_OK) status = nn_forward(g->m, 1, NN_TRAIN);
    return status == NN_OK ? nn_backward(g->m, 0) : status;
}

static int show(const char *title, int by_gates) {
    graph g = {.m = nn_model_new(NULL)};
    const nn_node sum = weighted_sum(&g), none = {0};
    const nn_node f = by_gates ? sigmoid_by_gates(&g, sum) : gate(&g, "sigmoid", nn_layer_sigmoid(g.m, sum), sum, none);
    const nn_status status = run(&g, f);
    if (status != NN_OK) return fprintf(stderr, "computational_graph: %s\n", nn_error(g.m)), 1;
    printf("%s\n  %-15s %9s %10s   from behind * the next gate's derivative\n", title, "gate", "forward", "backward");
    for (int i = 0; i < g.count; i++) {
        const double gradient = (double)*nn_gradient_of(g.m, g.gate[i]);
        printf("  %-15s %9.4f %10.4f", g.what[i], (double)*nn_activation_of(g.m, g.gate[i]), gradient);
        if (!g.behind[i]) puts("   df/df"); /* the last gate */
        else {
            const double from_behind = (double)*nn_gradient_of(g.m, g.gate[g.behind[i]]);
            printf("   %11.4f * %-8.4f (of %s)\n", from_behind, gradient / from_behind, g.what[g.behind[i]]);
        }
    }
    putchar('\n');
    nn_model_free(g.m);
    return 0;
}

int main(void) { return show("gate by gate", 1) || show("with the sigmoid as one gate", 0); }
