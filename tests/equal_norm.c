/* equal_norm.c - the bits of what runs by columns: sums, moments, normalisation, and dropout and noise */
#include "equal.h"

#define MOST 300000

static float x[MOST], dy[MOST], y[MOST], dx[MOST], mean[MOST], deviation[MOST];
static float gain[MOST], beta[MOST], dgamma[MOST], dbeta[MOST];

/* rows and columns: tails of every kind, several blocks of rows, several panels of columns, enough for threads */
static const size_t shapes[][2] = {{1, 1},   {5, 3},     {16, 16},   {50, 300}, {9, 31},    {257, 17},
                                   {600, 100}, {70000, 4}, {3000, 100}, {64, 784}, {3, 5003}, {300, 1000}};

static void set(size_t rows, size_t n, uint64_t seed) {
    fill_narrow(x, rows * n, seed), fill_narrow(dy, rows * n, seed + 1);
    fill_narrow(gain, n, seed + 2), fill_narrow(beta, n, seed + 3);
    fill_narrow(dgamma, n, seed + 4), fill_narrow(dbeta, n, seed + 5);
    for (size_t i = 0; i < rows * n; i++) x[i] = x[i] * 3 + 10;
}
static void hash_gradients(size_t rows, size_t n) {
    hash_floats(dx, rows * n), hash_floats(dgamma, n), hash_floats(dbeta, n);
}

static void all_columns(void) {
    begin();
    for (size_t s = 0; s < COUNT(shapes); s++) {
        set(shapes[s][0], shapes[s][1], s);
        nn_sum_columns(dgamma, x, shapes[s][0], shapes[s][1], (int)(s % 2));
        hash_floats(dgamma, shapes[s][1]);
    }
    end("sum_columns");
    begin();
    for (size_t s = 0; s < COUNT(shapes); s++) {
        const size_t rows = shapes[s][0], n = shapes[s][1];
        double *moments = (double *)calloc(2 * n, sizeof *moments);
        nn_moments m = {n, 0, moments, moments + n};
        set(rows, n, s);
        nn_moments_add(&m, x, rows);
        nn_moments_add(&m, dy, (rows + 1) / 2);
        nn_moments_get(mean, deviation, &m);
        hash_floats(mean, n), hash_floats(deviation, n);
        free(moments);
    }
    end("moments");
    begin();
    for (size_t s = 0; s < COUNT(shapes); s++) {
        set(shapes[s][0], shapes[s][1], s);
        nn_affine(y, x, gain, beta, shapes[s][0], shapes[s][1]);
        hash_floats(y, shapes[s][0] * shapes[s][1]);
    }
    end("affine");
}

static void batch_norm(size_t s, int options) {
    const size_t rows = shapes[s][0], n = shapes[s][1];
    const float *const g = options & 1 ? gain : NULL, *const b = options & 2 ? beta : NULL;
    set(rows, n, 10 * s);
    nn_batch_norm_statistics(mean, deviation, x, rows, n);
    nn_batch_norm(y, x, mean, deviation, g, b, rows, n, 1e-5f);
    hash_floats(mean, n), hash_floats(deviation, n), hash_floats(y, rows * n);
    nn_batch_norm_backward(dx, dgamma, dbeta, dy, x, mean, deviation, g, rows, n, 1e-5f, options & 1);
    hash_gradients(rows, n);
    nn_batch_norm_backward_frozen(dx, dgamma, dbeta, dy, x, mean, deviation, g, rows, n, 1e-5f, options & 1);
    hash_gradients(rows, n);
    nn_batch_norm_average(dgamma, dbeta, mean, deviation, rows, n, 0.1f);
    hash_floats(dgamma, n), hash_floats(dbeta, n);
    nn_batch_norm_affine(dgamma, dbeta, mean, deviation, g, b, n, 1e-5f);
    hash_floats(dgamma, n), hash_floats(dbeta, n);
    nn_batch_norm_fold(x, dbeta, s % 2 ? dbeta : NULL, mean, deviation, g, b, rows, n, 1e-5f);
    hash_floats(x, rows * n), hash_floats(dbeta, n);
}

static void layer_norm(size_t s, int options) {
    const size_t rows = shapes[s][0], n = shapes[s][1];
    const float *const g = options & 1 ? gain : NULL;
    set(rows, n, 10 * s);
    nn_layer_norm(y, mean, deviation, x, g, options & 2 ? beta : NULL, rows, n, 1e-5f);
    hash_floats(mean, rows), hash_floats(deviation, rows), hash_floats(y, rows * n);
    nn_layer_norm_backward(dx, dgamma, dbeta, dy, x, mean, deviation, g, rows, n, options & 1);
    hash_gradients(rows, n);
}

static void group_norm(int options) {
    static const size_t images[][4] = {{1, 1, 1, 1},    {3, 49, 24, 4}, {2, 300, 17, 17}, {2, 9, 600, 2}, {7, 300, 100, 5},
                                       {5, 70, 520, 1}, {3, 50, 600, 300}};
    for (size_t s = 0; s < COUNT(images); s++) {
        const size_t batch = images[s][0], pixels = images[s][1], n = images[s][2], groups = images[s][3];
        const float *const g = options & 1 ? gain : NULL;
        set(batch * pixels, n, 10 * s);
        must(nn_group_norm(y, mean, deviation, x, g, options & 2 ? beta : NULL, batch, pixels, n, groups, 1e-5f));
        hash_floats(mean, batch * groups), hash_floats(deviation, batch * groups), hash_floats(y, batch * pixels * n);
        must(nn_group_norm_backward(dx, dgamma, dbeta, dy, x, mean, deviation, g, batch, pixels, n, groups, options & 1));
        hash_gradients(batch * pixels, n);
    }
}

static void all_norms(void) {
    for (int options = 0; options < 4; options += 3) {
        begin();
        for (size_t s = 0; s < COUNT(shapes); s++) batch_norm(s, options);
        end(options ? "batch_norm_scaled" : "batch_norm");
        begin();
        for (size_t s = 0; s < COUNT(shapes); s++) layer_norm(s, options);
        end(options ? "layer_norm_scaled" : "layer_norm");
        begin();
        group_norm(options);
        end(options ? "group_norm_scaled" : "group_norm");
    }
}

static void all_noise(void) {
    static const size_t lengths[] = {1, 7, 16, 31, 100, 1000, 4099, 250007};
    nn_random random = {11, 12, 13};
    fill_wide(x, MOST, 1);
    begin();
    for (size_t l = 0; l < COUNT(lengths); l++) {
        nn_dropout(y, x, lengths[l], 0.7f, 1 / 0.7f, &random);
        hash_floats(y, lengths[l]);
    }
    end("dropout");
    begin();
    for (size_t n = 1; n < 400; n = 3 * n + 1) {
        nn_dropout_channels(y, x, 7, 100, n, 0.7f, 1, &random);
        hash_floats(y, 700 * n);
    }
    end("dropout_channels");
    begin();
    for (size_t l = 0; l < COUNT(lengths); l++) {
        nn_add_normal(y, x, lengths[l], 0.3f, &random);
        hash_floats(y, lengths[l]);
    }
    end("add_normal");
}

static void all(void) {
    all_columns();
    all_norms();
    all_noise();
}

int main(int count, char **arguments) { return equal_main(count, arguments, all); }
