/* equal.h - the proof of equal bits: a program runs functions on fixed data and prints a hash of what each returns
 *
 *   equal_NAME [threads]      NN_ISA chooses the instruction set; threads are OpenMP's if compiled with it, else pthreads
 *
 * The lines must be those of tests/golden/equal_NAME.BACKEND.txt, where the first line names the backend of exp and log,
 * whatever the instruction set, compiler, optimisation or number of threads. Exit status 77: it cannot run here.
 */
#ifndef EQUAL_H
#define EQUAL_H

#include "hook.h"
#include "test.h"

static uint64_t hash;

static inline void hash_words(const uint32_t *words, size_t n) {
    for (size_t i = 0; i < n; i++) hash = (hash ^ words[i]) * 0x100000001b3u;
}
static inline void hash_floats(const float *from, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = from[i] != from[i] ? 0x7fc00000u : bits_of(from[i]); /* all NaNs are one */
        hash_words(&bits, 1);
    }
}
static inline void hash_float(float value) { hash_floats(&value, 1); }

/* What is hashed in between is one line of the output. */
static inline void begin(void) { hash = 0xcbf29ce484222325u; }
static inline void end(const char *name) { printf("%s %016llx\n", name, (unsigned long long)hash); }

/* A third around zero, a third up to 100, a third any float there is. */
static inline void fill_wide(float *to, size_t n, uint64_t seed) {
    uint64_t state = seed;
    for (size_t i = 0; i < n; i++)
        to[i] = i % 3 == 0 ? test_float(&state) : i % 3 == 1 ? 100 * test_float(&state) : float_of((uint32_t)test_random(&state));
}
static inline void fill_narrow(float *to, size_t n, uint64_t seed) { test_fill(to, n, &seed); }

static inline void must(nn_status status) {
    if (status == NN_OK) return;
    puts(nn_status_message(status));
    exit(1);
}

static inline int equal_main(int count, char **arguments, void (*all)(void)) {
    const size_t threads = count > 1 ? (size_t)atoi(arguments[1]) : 1;
#ifndef _OPENMP
    if (threads > 1) nn_threads_hook(hook_pthreads, NULL);
#endif
    nn_threads(threads);
    if (nn_isa_status() == NN_ERROR_ISA_MISSING) return 77;
    must(nn_isa_status());
    printf("%s\n", nn_maths_backend());
    all();
    return 0;
}

#endif /* EQUAL_H */
