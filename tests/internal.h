/* internal.h - the internals of nn.h that tests reach through nn.c */
#ifndef INTERNAL_H
#define INTERNAL_H

#include "../nn.h"

#ifdef __cplusplus
extern "C" {
#endif
void *test_nni_alloc(const nn_allocator *allocator, size_t count, size_t size);
void test_nni_free(const nn_allocator *allocator, void *block);
void test_nni_philox(uint32_t word[4], uint64_t key, const uint32_t counter[4]);
/* The kernel of the instruction set in use: blocks of 64 words from block `first` on. */
void test_nni_random_bits(uint32_t *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks);
#ifdef __cplusplus
}
#endif

#endif /* INTERNAL_H */
