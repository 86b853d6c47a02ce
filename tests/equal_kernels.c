/* equal_kernels.c - the bits of the kernels: elementwise functions, reductions, rows, random numbers, products */
#include "equal.h"

#define MOST 300000 /* enough elements for seven threads to share */

static float x[MOST], y[MOST], z[MOST], w[MOST];

/* Lengths with every kind of tail, and one long enough to be shared among threads. */
static const size_t lengths[] = {1, 3, 7, 16, 31, 100, 1000, 4099, 250007};

/* ---- element by element ---- */

typedef struct map_case {
    const char *name;
    void (*f)(size_t n); /* from x and y to z */
} map_case;

static const float slope = 0.3f;

static void run_exp(size_t n) { nn_exp(z, x, n); }
static void run_log(size_t n) { nn_log(z, x, n); }
static void run_tanh(size_t n) { nn_tanh(z, x, n); }
static void run_sigmoid(size_t n) { nn_sigmoid(z, x, n); }
static void run_softplus(size_t n) { nn_softplus(z, x, n); }
static void run_relu(size_t n) { nn_relu(z, x, n); }
static void run_leaky_relu(size_t n) { nn_leaky_relu(z, x, n, slope); }
static void run_elu(size_t n) { nn_elu(z, x, n, slope); }
static void run_step(size_t n) { nn_step(z, x, n); }
static void run_selu(size_t n) { nn_selu(z, x, n); }
static void run_gelu(size_t n) { nn_gelu(z, x, n); }
static void run_gelu_tanh(size_t n) { nn_gelu_tanh(z, x, n); }
static void run_silu(size_t n) { nn_silu(z, x, n); }
static void run_exp_backward(size_t n) { nn_exp_backward(z, y, x, n); }
static void run_log_backward(size_t n) { nn_log_backward(z, y, x, n); }
static void run_add(size_t n) { nn_add(z, x, y, n); }
static void run_mul(size_t n) { nn_mul(z, x, y, n); }
static void run_sub(size_t n) { nn_sub(z, x, y, n); }
static void run_reciprocal(size_t n) { nn_reciprocal(z, x, n); }
static void run_reciprocal_backward(size_t n) { nn_reciprocal_backward(z, y, x, n); }
static void run_clip(size_t n) { nn_clip(z, x, n, -20, 0.5f); }
static void run_add_row(size_t n) { nn_add_row(z, x, y, n / 10, 10); memcpy(z + n / 10 * 10, x, n % 10 * sizeof *z); }
static void run_mul_add(size_t n) {
    memcpy(z, x, n * sizeof *z);
    nn_mul_add(z, x, y, n);
}
static void run_scale(size_t n) { nn_scale(z, x, n, slope); }
static void run_axpy(size_t n) {
    memcpy(z, y, n * sizeof *z);
    nn_axpy(z, x, n, slope);
}

static const map_case maps[] = {
    {"exp", run_exp}, {"log", run_log}, {"tanh", run_tanh}, {"sigmoid", run_sigmoid}, {"softplus", run_softplus},
    {"relu", run_relu}, {"leaky_relu", run_leaky_relu}, {"elu", run_elu}, {"step", run_step},
    {"exp_backward", run_exp_backward}, {"log_backward", run_log_backward}, {"add", run_add}, {"mul", run_mul},
    {"scale", run_scale}, {"axpy", run_axpy},
    {"selu", run_selu}, {"gelu", run_gelu}, {"gelu_tanh", run_gelu_tanh}, {"silu", run_silu}, {"sub", run_sub},
    {"mul_add", run_mul_add}, {"add_row", run_add_row}, {"reciprocal", run_reciprocal},
    {"reciprocal_backward", run_reciprocal_backward}, {"clip", run_clip}};

static void all_maps(void) {
    fill_wide(x, MOST, 1);
    fill_wide(y, MOST, 2);
    for (size_t i = 0; i < COUNT(maps); i++) {
        begin();
        for (size_t l = 0; l < COUNT(lengths); l++) {
            maps[i].f(lengths[l]);
            hash_floats(z, lengths[l]);
        }
        end(maps[i].name);
    }
}

static void all_activations(void) {
#define NAME(name, function, keeps_input) #function,
    static const char *const names[] = {NN_ACTIVATION_LIST(NAME)};
    for (int a = 0; a < NN_ACTIVATION_COUNT; a++) {
        char name[64];
        begin();
        for (size_t l = 0; l < COUNT(lengths); l++) {
            nn_activate(z, x, lengths[l], (nn_activation)a, slope);
            nn_activate_backward(w, y, nn_activation_keeps_input((nn_activation)a) ? x : z, lengths[l], (nn_activation)a, slope);
            hash_floats(z, lengths[l]);
            hash_floats(w, lengths[l]);
        }
        snprintf(name, sizeof name, "activate_backward_%s", names[a]);
        end(name);
    }
}

/* ---- one number from many ---- */

static void all_reductions(void) {
    static float (*const reductions[])(const float *, size_t) = {nn_sum, nn_sum_squares, nn_max};
    static const char *const names[] = {"sum", "sum_squares", "max"};
    for (size_t r = 0; r < COUNT(reductions); r++) {
        begin();
        for (int wide = 0; wide < 2; wide++) {
            (wide ? fill_wide : fill_narrow)(x, MOST, 3);
            for (size_t l = 0; l < COUNT(lengths); l++)
                for (size_t skip = 0; skip < 3; skip++) hash_float(reductions[r](x + skip, lengths[l]));
        }
        end(names[r]);
    }
    fill_narrow(x, MOST, 3);
    fill_narrow(y, MOST, 4);
    begin();
    for (size_t l = 0; l < COUNT(lengths); l++) hash_float(nn_dot(x, y, lengths[l]));
    end("dot");
    begin();
    for (size_t l = 0; l < COUNT(lengths); l++) {
        const uint32_t at = (uint32_t)nn_argmax(x, lengths[l]);
        hash_words(&at, 1);
    }
    end("argmax");
}

/* ---- rows ---- */

static void all_rows(void) {
    static void (*const forward[])(float *, const float *, size_t, size_t) = {nn_softmax, nn_log_softmax, nn_log_sum_exp};
    static void (*const backward[])(float *, const float *, const float *, size_t, size_t) = {nn_softmax_backward,
                                                                                             nn_log_softmax_backward, NULL};
    static const char *const names[] = {"softmax", "log_softmax", "log_sum_exp"};
    static const size_t shapes[][2] = {{1, 1}, {5, 3}, {7, 10}, {3, 17}, {64, 100}, {2, 5003}, {257, 1000}};
    for (size_t f = 0; f < COUNT(forward); f++) {
        begin();
        for (size_t s = 0; s < COUNT(shapes); s++) {
            const size_t rows = shapes[s][0], n = shapes[s][1];
            fill_narrow(x, rows * n, 10 + s);
            fill_narrow(y, rows * n, 20 + s);
            for (size_t i = 0; i < rows * n; i++) x[i] *= 32;
            forward[f](z, x, rows, n);
            hash_floats(z, backward[f] ? rows * n : rows);
            if (!backward[f]) continue;
            backward[f](w, y, z, rows, n);
            hash_floats(w, rows * n);
        }
        end(names[f]);
    }
}

/* ---- learned slopes: shapes with few and many columns, shared by rows and by columns ---- */

static void all_prelu(void) {
    static const size_t shapes[][2] = {{1, 1}, {5, 3}, {300, 7}, {1000, 16}, {40000, 5}, {513, 300}, {9, 5003}};
    fill_narrow(x, MOST, 30);
    fill_narrow(y, MOST, 31);
    for (int shared = 0; shared < 2; shared++) {
        begin();
        for (size_t s = 0; s < COUNT(shapes); s++) {
            const size_t rows = shapes[s][0], n = shapes[s][1];
            float dslope[5003] = {0.5f};
            fill_narrow(w, n, 32);
            nn_prelu(z, x, w, rows, n, shared);
            hash_floats(z, rows * n);
            nn_prelu_backward(z, dslope, y, x, w, rows, n, shared, 1);
            hash_floats(z, rows * n);
            hash_floats(dslope, shared ? 1 : n);
        }
        end(shared ? "prelu_shared" : "prelu");
    }
}

/* ---- random numbers ---- */

static void all_random(void) {
    nn_random random = {11, 12, 13};
    uint32_t *bits = (uint32_t *)malloc(MOST * sizeof *bits);
    size_t *order = (size_t *)malloc(5000 * sizeof *order);
    begin();
    for (size_t l = 0; l < COUNT(lengths); l++) {
        nn_random_bits(bits, lengths[l], &random);
        hash_words(bits, lengths[l]);
    }
    end("random_bits");
    begin();
    for (size_t l = 0; l < COUNT(lengths); l++) {
        nn_random_uniform(z, lengths[l], -2.5f, 0.7f, &random);
        hash_floats(z, lengths[l]);
    }
    end("random_uniform");
    begin();
    for (size_t l = 0; l < COUNT(lengths); l++) {
        nn_random_normal(z, lengths[l], 0.1f, 3, &random);
        hash_floats(z, lengths[l]);
    }
    end("random_normal");
    begin();
    for (size_t l = 0; l < COUNT(lengths); l++) {
        nn_random_mask(z, lengths[l], 0.8f, 1.25f, &random);
        hash_floats(z, lengths[l]);
    }
    end("random_mask");
    begin();
    for (uint64_t n = 1; n < UINT64_MAX / 7; n *= 7) {
        const uint64_t below = nn_random_below(n, &random);
        const uint32_t words[2] = {(uint32_t)below, (uint32_t)(below >> 32)};
        hash_words(words, 2);
    }
    end("random_below");
    begin();
    nn_random_permutation(order, 5000, &random);
    for (size_t i = 0; i < 5000; i++) hash_words(&(uint32_t){(uint32_t)order[i]}, 1);
    end("random_permutation");
    free(order);
    free(bits);
}

/* ---- products ---- */

#define SHAPES 40

/* Fixed shapes at the borders of paths and blocks, large enough for threads; then random ones. */
static void get_shape(size_t s, size_t *m, size_t *n, size_t *k) {
    static const size_t fixed[][3] = {{1, 1, 1},    {1, 300, 200}, {300, 1, 200}, {12, 40, 64},  {13, 40, 64},
                                      {64, 10, 256}, {33, 70, 600}, {200, 130, 129}, {130, 333, 130}, {3, 1900, 100}};
    uint64_t state = 100 + s;
    if (s < COUNT(fixed)) *m = fixed[s][0], *n = fixed[s][1], *k = fixed[s][2];
    else *m = test_size(&state, 100), *n = test_size(&state, 100), *k = test_size(&state, 300);
}

static void set_operands(size_t s, size_t m, size_t n, size_t k) {
    fill_narrow(x, m * k, 200 + s);
    fill_narrow(y, k * n, 300 + s);
    fill_narrow(z, m * n, 400 + s);
    fill_narrow(w, n, 500 + s);
}

static void product(size_t s, const nn_sgemm_desc *d, float alpha, float beta, int packed) {
    size_t m, n, k;
    get_shape(s, &m, &n, &k);
    set_operands(s, m, n, k);
    if (packed) {
        nn_packed weights;
        must(nn_sgemm_pack(&weights, y, n, k, d));
        must(nn_sgemm_packed(z, x, &weights, m, alpha, beta, d));
        nn_packed_free(&weights);
    } else {
        must(nn_sgemm(z, x, y, m, n, k, alpha, beta, d));
    }
    hash_floats(z, m * n);
}

static void all_products(void) {
    static const float factors[] = {1, 0, 0.6f};
    for (int t = 0; t < 8; t++) {
        char name[64];
        begin();
        for (size_t s = 0; s < SHAPES; s++) {
            const nn_sgemm_desc d = {.transpose_a = t & 1, .transpose_b = t >> 1 & 1};
            product(s, &d, factors[s % 3 == 1 ? 2 : 0], factors[s % 7 % 3], t >> 2);
        }
        snprintf(name, sizeof name, "%s_%c%c", t >> 2 ? "sgemm_packed" : "sgemm", "nt"[t & 1], "nt"[t >> 1 & 1]);
        end(name);
    }
    begin();
    for (size_t s = 0; s < SHAPES; s++) {
        const nn_sgemm_desc d = {.bias = w, .activation = (nn_activation)(s % NN_SELU), .slope = slope};
        product(s, &d, 1, factors[s % 3], 0);
    }
    end("sgemm_epilogue");
    begin();
    for (size_t s = 0; s < SHAPES; s++) {
        const nn_activation activation = (nn_activation)(NN_SELU + (int)s % (NN_ACTIVATION_COUNT - NN_SELU));
        const nn_sgemm_desc d = {.bias = w, .activation = activation, .slope = slope};
        product(s, &d, 1, factors[s % 3], 0);
    }
    end("sgemm_epilogue_gates");
}

static void all(void) {
    all_maps();
    all_activations();
    all_reductions();
    all_rows();
    all_prelu();
    all_random();
    all_products();
}

int main(int count, char **arguments) { return equal_main(count, arguments, all); }
