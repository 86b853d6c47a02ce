/* test_alloc.c - the allocator hook: alignment, overflow, failure, and that everything comes back */
#include "hook.h"
#include "internal.h"
#include "test.h"

typedef struct ledger {
    size_t calls, live, fail_at; /* fail_at: the call that gets no memory, from 1; 0 for none */
    size_t bytes;
    size_t skew;                 /* bytes by which addresses are shifted, to be as badly aligned as can be */
} ledger;

static void *ledger_alloc(size_t bytes, void *user) {
    ledger *l = (ledger *)user;
    if (++l->calls == l->fail_at) return NULL;
    l->live++;
    l->bytes += bytes;
    char *raw = (char *)malloc(bytes + 64);
    return raw ? raw + l->skew : NULL;
}
static void ledger_free(void *memory, void *user) {
    ledger *l = (ledger *)user;
    l->live--;
    free((char *)memory - l->skew);
}

/* nn_sgemm asks for no more than nn_sgemm_workspace says, which counts what is aligned, not what that takes. */
static void workspace(void) {
    uint64_t state = 8;
    enum { MOST = 200 * 200 };
    static float a[MOST], b[MOST], c[MOST];
    test_fill(a, MOST, &state);
    test_fill(b, MOST, &state);
    nn_threads_hook(hook_pthreads, NULL);
    for (int i = 0; i < (test_quick() ? 100 : 600); i++) {
        const size_t m = test_size(&state, 200), n = test_size(&state, 200), k = test_size(&state, 200);
        ledger l = {0, 0, 0, 0, 0};
        const nn_allocator hook = {ledger_alloc, ledger_free, &l};
        const size_t gap = test_below(&state, 2);
        nn_sgemm_desc d = {.transpose_a = (int)test_below(&state, 2), .transpose_b = (int)test_below(&state, 2), .ldc = n + (n < 200) * gap};
        if (m * d.ldc > MOST) continue;
        nn_threads(1 + test_below(&state, 3));
        size_t times;
        const size_t bytes = nn_sgemm_workspace(m, n, k, &d, &times);
        d.allocator = &hook;
        test_case("%zu x %zu x %zu, transposed %d %d", m, n, k, d.transpose_a, d.transpose_b);
        CHECK(nn_sgemm(c, a, b, m, n, k, 1, 0, &d) == NN_OK);
        CHECK(l.calls <= times && l.bytes <= bytes + times * (64 + sizeof(void *)));
    }
    nn_threads(1);
    nn_threads_hook(NULL, NULL);
}

static void alignment(void) {
    for (size_t skew = 0; skew < 64; skew++)
        for (size_t size = 1; size < 5000; size = size * 3 + 1) {
            ledger l = {0, 0, 0, 0, skew};
            const nn_allocator hook = {ledger_alloc, ledger_free, &l};
            char *block = (char *)test_nni_alloc(&hook, size, 1);
            test_case("skew %zu size %zu", skew, size);
            if (!CHECK(block && (uintptr_t)block % 64 == 0 && l.live == 1)) return;
            memset(block, 1, size);
            test_nni_free(&hook, block);
            CHECK(l.live == 0 && l.calls == 1);
        }
    char *block = (char *)test_nni_alloc(NULL, 1000, 4);
    test_case("malloc");
    CHECK(block && (uintptr_t)block % 64 == 0);
    test_nni_free(NULL, block);
    test_nni_free(NULL, NULL);
}

static void overflow(void) {
    ledger l = {0, 0, 0, 0, 0};
    const nn_allocator hook = {ledger_alloc, ledger_free, &l};
    const struct { size_t count, size; } cases[] = {
        {SIZE_MAX, 4}, {SIZE_MAX / 4 + 1, 4}, {SIZE_MAX, 1}, {SIZE_MAX - 64, 1}, {SIZE_MAX / 2, SIZE_MAX / 2}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_case("count %zu size %zu", cases[i].count, cases[i].size);
        CHECK(test_nni_alloc(&hook, cases[i].count, cases[i].size) == NULL && l.calls == 0);
    }
}

/* Products that need workspace, with an allocator that fails at each of its calls in turn. */
static void failure(void) {
    enum { M = 300, N = 200, K = 300 };
    static float a[M * K], b[K * N], c[M * N], before[M * N];
    uint64_t state = 1;
    test_fill(a, COUNT(a), &state);
    test_fill(b, COUNT(b), &state);
    test_fill(before, COUNT(before), &state);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (int transposed = 0; transposed < 4; transposed++)
            for (size_t fail_at = 0, calls = 1; fail_at <= calls; fail_at++) {
                ledger l = {0, 0, fail_at, 0, 4};
                const nn_allocator hook = {ledger_alloc, ledger_free, &l};
                nn_sgemm_desc d = {.transpose_a = transposed & 1, .transpose_b = transposed >> 1, .allocator = &hook};
                memcpy(c, before, sizeof c);
                const nn_status status = nn_sgemm(c, a, b, M, N, K, 0.5f, 1.0f, &d);
                test_case("sgemm transposed %d, allocation %zu fails", transposed, fail_at);
                if (fail_at == 0) CHECK(status == NN_OK && (calls = l.calls) > 0);
                else CHECK(status == NN_ERROR_MEMORY && memcmp(c, before, sizeof c) == 0);
                CHECK(l.live == 0);
            }
}

static void failure_packed(void) {
    float b[60] = {0};
    ledger l = {0, 0, 1, 0, 0};
    const nn_allocator hook = {ledger_alloc, ledger_free, &l};
    const nn_sgemm_desc d = {.allocator = &hook};
    nn_packed packed;
    test_case("sgemm_pack");
    CHECK(nn_sgemm_pack(&packed, b, 6, 10, &d) == NN_ERROR_MEMORY && packed.panels == NULL && l.live == 0);
    nn_packed_free(&packed);
    CHECK(nn_sgemm_pack(&packed, b, 6, 10, &d) == NN_OK && l.live == 1 && (uintptr_t)packed.panels % 64 == 0);
    nn_packed_free(&packed);
    CHECK(l.live == 0 && packed.panels == NULL);
    nn_packed_free(&packed);
    nn_packed_free(NULL);
    CHECK(l.live == 0);
}

int main(void) {
    alignment();
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) workspace();
    overflow();
    failure();
    failure_packed();
    return test_end("alloc");
}
