/* test_isa.c - choosing an instruction set: by call, by NN_ISA, and what happens when it cannot be
 *
 * NN_ISA counts at the first use of nn.h: the runner starts this program once for each value.
 */
#include "test.h"

static int is(const char *name) { return strcmp(nn_isa(), name) == 0; }

#if defined(__x86_64__)
static const char *const compiled[] = {"avx512", "avx2", "scalar"};
static const char *const elsewhere = "neon";
#elif defined(__aarch64__)
static const char *const compiled[] = {"neon", "scalar"};
static const char *const elsewhere = "avx2";
#else
static const char *const compiled[] = {"scalar"};
static const char *const elsewhere = "avx2";
#endif

static void names(void) {
    test_case("names");
    for (size_t i = 0; i < COUNT(compiled); i++) CHECK(nn_isa_name(i) && strcmp(nn_isa_name(i), compiled[i]) == 0);
    for (size_t i = COUNT(compiled); i < COUNT(compiled) + 4; i++) CHECK(nn_isa_name(i) == NULL);
    CHECK(nn_isa_name(SIZE_MAX) == NULL);
    CHECK(nn_isa_supported("scalar") == NN_OK);
    CHECK(nn_isa_supported(elsewhere) == NN_ERROR_ISA_MISSING);
    CHECK(nn_isa_supported("sse9") == NN_ERROR_ISA_UNKNOWN);
    CHECK(nn_isa_supported("") == NN_ERROR_ISA_UNKNOWN);
    CHECK(nn_isa_supported(NULL) == NN_ERROR_NULL);
    const char *backend = nn_maths_backend();
    CHECK(strcmp(backend, "sleef") == 0 || strcmp(backend, "builtin") == 0);
#ifdef NN_NO_SLEEF
    CHECK(strcmp(backend, "builtin") == 0);
#endif
}

static void force(void) {
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        test_case("force %s", isa);
        CHECK(is(isa) && nn_isa_status() == NN_OK && nn_isa_supported(isa) == NN_OK);
        CHECK(nn_isa_force("sse9") == NN_ERROR_ISA_UNKNOWN && is(isa));
        CHECK(nn_isa_force(elsewhere) == NN_ERROR_ISA_MISSING && is(isa));
        CHECK(nn_isa_force("AVX2") == NN_ERROR_ISA_UNKNOWN && is(isa));
    }
    for (size_t i = 0; nn_isa_name(i); i++)
        if (nn_isa_supported(nn_isa_name(i)) != NN_OK) {
            test_case("force %s, which cannot run here", nn_isa_name(i));
            CHECK(nn_isa_force(nn_isa_name(i)) == NN_ERROR_ISA_MISSING && nn_isa_status() == NN_OK);
        }
}

/* ---- the environment ---- */

/* A name that cannot be had is reported by every function with a status, before anything is written, until a choice that
 * can run is made; functions without a status compute all the same. */
static void refused(nn_status error) {
    float c = 7, one = 1;
    nn_packed packed;
    CHECK(nn_sgemm(&c, &one, &one, 1, 1, 1, 1, 0, NULL) == error && c == 7);
    CHECK(is("scalar") && nn_isa_status() == error);
    CHECK(nn_sgemm_pack(&packed, &one, 1, 1, NULL) == error && packed.panels == NULL);
    CHECK(nn_sum(&c, 1) == 7);
    CHECK(nn_isa_force("sse9") == NN_ERROR_ISA_UNKNOWN && nn_isa_status() == error);
    CHECK(nn_isa_force("scalar") == NN_OK && nn_isa_status() == NN_OK);
    CHECK(nn_sgemm(&c, &one, &one, 1, 1, 1, 1, 0, NULL) == NN_OK && c == 1);
}

static void environment(const char *asked) {
    const nn_status status = asked && *asked ? nn_isa_supported(asked) : NN_OK;
    size_t best = 0;
    while (nn_isa_supported(nn_isa_name(best)) != NN_OK) best++;
    test_case("NN_ISA=%s", asked ? asked : "(unset)");
    if (status == NN_OK) CHECK(is(asked && *asked ? asked : nn_isa_name(best)) && nn_isa_status() == NN_OK);
    else refused(status);
}

int main(void) {
    environment(getenv("NN_ISA")); /* first: nn.h must not have been used yet */
    names();
    force();
    return test_end("isa");
}
