/* alloc.h - the one way in which nn.h takes memory */
#ifndef NN_ALLOC_H
#define NN_ALLOC_H

#include "config.h"

/* Where memory comes from. `alloc` behaves like malloc (any alignment will do; NULL means none left) and `free` like
 * free, but for the pointer `user` that both are given. They are called from the thread that called nn.h, never from
 * its workers. A NULL nn_allocator stands for malloc and free. */
typedef struct nn_allocator {
    void *(*alloc)(size_t bytes, void *user);
    void (*free)(void *memory, void *user);
    void *user;
} nn_allocator;

#ifdef NN_IMPLEMENTATION

#include <stdlib.h>

#define NNI_ALIGNMENT 64 /* a cache line, and the widest vector */

/* *product = a*b; false when that overflows. */
static inline int nni_mul_size(size_t a, size_t b, size_t *product) { return !__builtin_mul_overflow(a, b, product); }

/* count elements of `size` bytes, aligned to NNI_ALIGNMENT; NULL when they overflow or there is no memory.
 * The address that the allocator gave is kept in the pointer-sized slot just before the block. */
static NNI_UNUSED void *nni_alloc(const nn_allocator *allocator, size_t count, size_t size) {
    size_t bytes;
    if (!nni_mul_size(count, size, &bytes) || bytes > SIZE_MAX - NNI_ALIGNMENT - sizeof(void *)) return NULL;
    const size_t padded = bytes + NNI_ALIGNMENT + sizeof(void *);
    char *raw = (char *)(allocator ? allocator->alloc(padded, allocator->user) : malloc(padded));
    if (!raw) return NULL;
    const uintptr_t start = (uintptr_t)raw + sizeof(void *);
    char *block = raw + sizeof(void *) + (NNI_ALIGNMENT - start % NNI_ALIGNMENT) % NNI_ALIGNMENT;
    memcpy(block - sizeof(void *), &raw, sizeof raw);
    return block;
}

static NNI_UNUSED void nni_free(const nn_allocator *allocator, void *block) {
    if (!block) return;
    void *raw;
    memcpy(&raw, (char *)block - sizeof(void *), sizeof raw);
    if (allocator) allocator->free(raw, allocator->user);
    else free(raw);
}

/* Room for one more element of `size` bytes. */
static NNI_UNUSED int nni_grow(const nn_allocator *allocator, void **array, size_t count, size_t *room, size_t size) {
    if (count < *room) return 1;
    const size_t more = *room ? 2 * *room : 16;
    void *grown = nni_alloc(allocator, more, size);
    if (!grown) return 0;
    if (count) memcpy(grown, *array, count * size);
    nni_free(allocator, *array);
    *array = grown;
    *room = more;
    return 1;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_ALLOC_H */
