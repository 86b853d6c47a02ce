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
/* Asked before each call of the system ("open", "create", "read", "write", "sync", "close", "rename", "folder"): the errno with which
 * it is to fail, or 0. */
extern int (*test_file_fault)(const char *call);
uint64_t test_nni_checksum(const void *bytes, size_t n);
/* What is wrong with a JSON text, or NULL. */
const char *test_nni_json_check(char *text, size_t n);
/* A JSON text that is one string or number; NULL or 0 if it is none. */
const char *test_nni_json_string(char *text, size_t n);
int test_nni_json_double(char *text, double *value);
int test_nni_json_uint(char *text, uint64_t *value);
/* A number as files have it. */
void test_nni_write_number(char *text, size_t size, double value, int single);
#ifdef __cplusplus
}
#endif

#endif /* INTERNAL_H */
