/* test_threads.c - sharing work: OpenMP where compiled in, a hook, small work alone, and equal bits for any number */
#include "hook.h"
#include "test.h"

enum { N = 600000, MIDDLE = 150000, SMALL = 1000 };

static float x[N], y[N], z[N];

/* Work on n floats, from x and y to z. */
static void run_exp(size_t n) { nn_exp(z, x, n); }
static void run_tanh(size_t n) { nn_tanh(z, x, n); }
static void run_backward(size_t n) { nn_activate_backward(z, x, y, n, NN_ELU, 0.5f); }
static void run_add(size_t n) { nn_add(z, x, y, n); }
static void run_axpy(size_t n) { memset(z, 0, n * sizeof *z), nn_axpy(z, x, n, 0.3f); }
static void run_dot(size_t n) { z[0] = nn_dot(x, y, n); }
static void run_sum(size_t n) { z[0] = nn_sum(x, n), z[1] = nn_sum_squares(x, n); }
static void run_softmax(size_t n) { nn_softmax(z, x, n / 100, 100); }
static void run_log_softmax(size_t n) { nn_log_softmax_backward(z, x, y, n / 100, 100); }
static void run_log_sum_exp(size_t n) { nn_log_sum_exp(z, x, n / 100, 100); }
static void run_normal(size_t n) { nn_random_normal(z, n, 0, 1, &(nn_random){1, 2, 3}); }
static void run_bits(size_t n) { nn_random_bits((uint32_t *)(void *)z, n, &(nn_random){1, 2, 60}); }
static nn_status status;
static void run_sgemm(size_t n) { status = nn_sgemm(z, x, y, n / 2000, 120, 380, 0.5f, 0, NULL); }
static void run_sgemm_wide(size_t n) { status = nn_sgemm(z, x, y, 30, n / 1000 + 1, 400, 1, 0, &(nn_sgemm_desc){.transpose_a = 1}); }
static void run_sgemm_dot(size_t n) { status = nn_sgemm(z, x, y, 9, n / 1000 + 3, 990, 1, 0, &(nn_sgemm_desc){.transpose_b = 1}); }
static void run_packed(size_t n) {
    nn_packed packed;
    status = nn_sgemm_pack(&packed, y, n / 2000, 400, NULL);
    if (status == NN_OK) status = nn_sgemm_packed(z, x, &packed, 100, 1, 0, NULL);
    nn_packed_free(&packed);
}

/* n that several threads share, and one too small to be shared. */
static const struct { const char *name; void (*run)(size_t n); size_t large, small; } works[] = {
    {"exp", run_exp, MIDDLE, SMALL}, {"tanh", run_tanh, MIDDLE, SMALL}, {"elu backward", run_backward, MIDDLE, SMALL},
    {"add", run_add, N, SMALL}, {"axpy", run_axpy, N, SMALL}, {"dot", run_dot, N, SMALL}, {"sum", run_sum, N, SMALL},
    {"softmax", run_softmax, MIDDLE, SMALL}, {"log_softmax backward", run_log_softmax, MIDDLE, SMALL},
    {"log_sum_exp", run_log_sum_exp, MIDDLE, SMALL}, {"normal", run_normal, N, SMALL}, {"bits", run_bits, N, SMALL},
    {"sgemm", run_sgemm, N, 2 * SMALL}, {"sgemm, wide", run_sgemm_wide, N, 2 * SMALL},
    {"sgemm, dot products", run_sgemm_dot, N, 2 * SMALL}, {"packed", run_packed, N, 2 * SMALL}};

static const size_t counts[] = {0, 1, 2, 7, 3};

/* Every work with every number of threads gives what one thread gives; `calls` counts those of the hook, if there is one. */
static void equal_bits(const char *how, const size_t *calls) {
    static float alone[N];
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t i = 0; i < COUNT(works); i++) {
            nn_threads(1);
            memset(z, 0, sizeof z);
            works[i].run(works[i].large);
            memcpy(alone, z, sizeof z);
            for (size_t c = test_quick() ? COUNT(counts) - 1 : 0; c < COUNT(counts); c++) {
                const size_t before = calls ? *calls : 0;
                nn_threads(counts[c]);
                memset(z, 0, sizeof z);
                works[i].run(works[i].large);
                test_case("%s, %s, %zu threads", works[i].name, how, counts[c]);
                CHECK(memcmp(alone, z, sizeof z) == 0);
                CHECK(status == NN_OK);
                if (calls) CHECK((*calls > before) == (counts[c] > 1));
                if (!calls) continue;
                const size_t now = *calls;
                works[i].run(works[i].small);
                test_case("%s, small, %zu threads", works[i].name, counts[c]);
                CHECK(*calls == now);
            }
        }
    nn_threads(1);
}

static void settings(void) {
#ifdef _OPENMP
    const int openmp = 1;
#else
    const int openmp = 0;
#endif
    test_case("settings");
    CHECK(nn_threads_in_use() == 1);
    for (int hook = 0; hook < 2; hook++) {
        nn_threads_hook(hook ? hook_backwards : NULL, NULL);
        for (size_t c = 0; c < COUNT(counts); c++) {
            nn_threads(counts[c]);
            test_case("%zu threads, OpenMP %d, hook %d", counts[c], openmp, hook);
            CHECK(nn_threads_in_use() == ((openmp || hook) && counts[c] ? counts[c] : 1));
        }
    }
    nn_threads_hook(NULL, NULL);
    nn_threads(1);
}

/* The allocator is called from the caller's thread only. */
static pthread_t caller;
static int strayed;
static void *own_alloc(size_t bytes, void *user) {
    (void)user;
    strayed |= !pthread_equal(pthread_self(), caller);
    return malloc(bytes);
}
static void own_free(void *memory, void *user) {
    (void)user;
    strayed |= !pthread_equal(pthread_self(), caller);
    free(memory);
}

static void allocator(void) {
    const nn_allocator hook = {own_alloc, own_free, NULL};
    caller = pthread_self();
    nn_threads(3);
    test_case("allocator");
    CHECK(nn_sgemm(z, x, y, 400, 400, 400, 0.5f, 0, &(nn_sgemm_desc){.allocator = &hook}) == NN_OK && !strayed);
    nn_threads(1);
}

int main(void) {
    uint64_t state = 1;
    size_t calls = 0;
    test_fill(x, N, &state);
    test_fill(y, N, &state);
    settings();
#ifdef _OPENMP
    equal_bits("OpenMP", NULL);
    allocator();
#endif
    nn_threads_hook(hook_pthreads, &calls);
    equal_bits("pthreads", &calls);
    allocator();
    if (test_quick()) return test_end("threads");
    nn_threads_hook(hook_backwards, &calls);
    equal_bits("backwards", &calls);
    return test_end("threads");
}
