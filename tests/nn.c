/* nn.c - the implementation for all test programs of a configuration, and doors to the few internals that they test */
#define NN_IMPLEMENTATION
#define NN_THREADS_EAGER 16 /* small arrays must do to have their work shared */
#include "../nn.h"

#include "internal.h"

#ifdef __cplusplus
extern "C" {
#endif
void *test_nni_alloc(const nn_allocator *allocator, size_t count, size_t size) { return nni_alloc(allocator, count, size); }
void test_nni_free(const nn_allocator *allocator, void *block) { nni_free(allocator, block); }
void test_nni_philox(uint32_t word[4], uint64_t key, const uint32_t counter[4]) { nni_philox(word, key, counter); }
void test_nni_random_bits(uint32_t *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks) {
    nni_get_tier()->random_bits(y, key, stream, first, blocks);
}
#ifdef __cplusplus
}
#endif
