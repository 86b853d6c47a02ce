/* equal_network.c - the bits of training: a network with every kind of layer and loss learns for 64 steps
 *
 * Narrow, it takes many steps, in which a wrong bit spreads to all weights; wide, a few, large enough for several threads.
 */
#include "every_layer.h"

static void end_of(const net *n, const char *what, size_t number) {
    char line[64];
    snprintf(line, sizeof line, "%s_%s_%zu", n->name, what, number);
    end(line);
}

static void hash_parameters(const net *n, size_t number) {
    begin();
    hash_float(nn_total_loss(n->m));
    hash_floats(nn_parameters_of(n->m).values, nn_parameters_of(n->m).total);
    end_of(n, "parameters", number);
}

static void hash_predictions(const net *n, const char *what) {
    begin();
    must(nn_predict(n->m, predicted, images, SAMPLES));
    hash_floats(predicted, COUNT(predicted));
    end_of(n, what, SAMPLES);
}

static void collect(const net *n) {
    for (size_t left = nn_statistics_begin(n->m); left > 0; left = nn_statistics_next(n->m))
        for (size_t at = 0; at < SAMPLES; at += n->batch) {
            feed(n, at);
            must(nn_forward(n->m, at + n->batch > SAMPLES ? SAMPLES - at : n->batch, NN_STATISTICS));
        }
}

static void train(const char *name, size_t width, size_t batch, size_t steps, size_t next) {
    net n = build(name, width, batch);
    hash_parameters(&n, 0);
    for (size_t i = 1; i <= steps; i++) {
        step(&n, i - 1);
        if (i == next || i == steps) hash_parameters(&n, i);
        if (i == next) next *= 8;
    }
    hash_predictions(&n, "predictions");
    collect(&n);
    hash_predictions(&n, "exact_predictions");
    must(nn_fold(n.m, NULL));
    hash_predictions(&n, "folded_predictions");
    begin();
    hash_floats(nn_parameters_of(n.m).values, nn_parameters_of(n.m).total);
    end_of(&n, "folded_parameters", steps);
    free(n.speed);
    nn_model_free(n.m);
}

static void all(void) {
    draw_samples();
    train("narrow", 4, 10, 64, 1);
    train("wide", 32, 48, 2, 1);
}

int main(int count, char **arguments) { return equal_main(count, arguments, all); }
