/* equal_loss.c - the bits of losses and their gradients, of penalties and bounds, and of first weights */
#include "equal.h"

#define MOST 300000

static float x[MOST], t[MOST], dx[MOST], y[5000], sample_weights[5000], class_weights[5003];
static uint32_t labels[5000];

static void run_loss(nn_loss_desc *d, size_t rows, size_t n) {
    float value;
    must(nn_loss_run(&value, y, dx, x, rows, n, d));
    hash_float(value);
    hash_floats(y, rows);
    hash_floats(dx, rows * n);
}

/* Widths on both sides of where rows are turned; batches long enough to be shared among threads. */
static void all_losses(void) {
    static const size_t shapes[][2] = {{1, 1}, {1, 10}, {50, 10}, {64, 3}, {37, 16}, {20, 17}, {3, 100}, {2, 5003}, {4500, 10}, {250, 1000}};
    for (int loss = 0; loss < NN_LOSS_COUNT; loss++) {
        begin();
        for (size_t s = 0; s < COUNT(shapes); s++) {
            const size_t rows = shapes[s][0], n = shapes[s][1];
            const int probabilities = loss == NN_LOSS_CE || loss == NN_LOSS_BCE;
            fill_narrow(x, rows * n, 30 + s);
            fill_narrow(t, rows * n, 40 + s);
            for (size_t i = 0; i < rows * n; i++) x[i] = probabilities ? 0.5f + 0.5f * x[i] : 16 * x[i], t[i] = 0.5f + 0.5f * t[i];
            uint64_t state = s;
            for (size_t r = 0; r < rows; r++) labels[r] = (uint32_t)test_below(&state, n), sample_weights[r] = 0.25f + t[r];
            for (size_t j = 0; j < n; j++) class_weights[j] = 0.5f + t[j];
            nn_loss_desc d = {.loss = (nn_loss)loss, .targets = t};
            run_loss(&d, rows, n);
            d.sample_weights = sample_weights;
            d.class_weights = class_weights;
            d.label_smoothing = loss == NN_LOSS_HINGE ? 0 : 0.1f;
            run_loss(&d, rows, n);
            d.targets = NULL;
            d.labels = labels;
            run_loss(&d, rows, n);
            d = (nn_loss_desc){.loss = (nn_loss)loss, .labels = labels, .reduction = NN_REDUCE_SUM};
            run_loss(&d, rows, n);
        }
        end(nn_loss_name((nn_loss)loss));
    }
}

static void all_penalties(void) {
    static const size_t lengths[] = {1, 7, 16, 100, 1025, 250007};
    static const size_t shapes[][2] = {{1, 1}, {7, 3}, {300, 70}, {513, 130}, {1000, 250}};
    begin();
    for (size_t l = 0; l < COUNT(lengths); l++) {
        fill_narrow(x, lengths[l], 60 + l);
        fill_narrow(dx, lengths[l], 70 + l);
        hash_float(nn_penalty(x, lengths[l], 0.3f, 0.7f));
        hash_float(nn_norm(x, lengths[l]));
        nn_penalty_backward(dx, x, lengths[l], 0.3f, 0.7f);
        hash_floats(dx, lengths[l]);
        const uint32_t small = (uint32_t)nn_zero_small(x, lengths[l], 0.1f);
        hash_words(&small, 1);
        hash_floats(x, lengths[l]);
    }
    end("penalty");
    begin();
    for (size_t s = 0; s < COUNT(shapes); s++) {
        const size_t in = shapes[s][0], out = shapes[s][1];
        fill_narrow(x, in * out, 80 + s);
        nn_max_norm(x, in, out, (float)sqrt((double)in / 3));
        hash_floats(x, in * out);
    }
    end("max_norm");
}

static void all_inits(void) {
    static const char *const names[] = {"init_constant", "init_normal", "init_truncated_normal", "init_uniform", "init_orthogonal"};
    for (int kind = NN_INIT_CONSTANT; kind <= NN_INIT_ORTHOGONAL; kind++) {
        nn_random random = {21, 22, 23};
        begin();
        for (int fan = NN_FAN_NONE; fan <= NN_FAN_AVERAGE; fan++)
            for (size_t s = 0; s < 4; s++) {
                static const size_t shapes[][2] = {{1, 1}, {5, 30}, {37, 20}, {100, 70}};
                const size_t in = shapes[s][0], out = shapes[s][1];
                const nn_init init = {(nn_init_kind)kind, (nn_fan)fan, 0.7f};
                nn_init_fill(x, in, out, in * out, init, &random);
                hash_floats(x, in * out);
            }
        if (kind != NN_INIT_ORTHOGONAL) {
            nn_init_fill(x, 500, 500, 250007, (nn_init){(nn_init_kind)kind, NN_FAN_IN, 2}, &random); /* shared among threads */
            hash_floats(x, 250007);
        }
        end(names[kind - NN_INIT_CONSTANT]);
    }
}

static void all(void) {
    all_losses();
    all_penalties();
    all_inits();
}

int main(int count, char **arguments) { return equal_main(count, arguments, all); }
