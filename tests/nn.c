/* nn.c - the implementation for all test programs of a configuration, and doors to the few internals that they test */
#define NN_IMPLEMENTATION
#define NN_THREADS_EAGER 16 /* small arrays must do to have their work shared */
#ifdef __cplusplus
extern "C" {
#endif
extern int (*test_file_fault)(const char *call);
#ifdef __cplusplus
}
#endif
#define NN_FILE_FAULT(call) (test_file_fault ? test_file_fault(call) : 0)
#include "../nn.h"

#include "internal.h"

#ifdef __cplusplus
extern "C" {
#endif
int (*test_file_fault)(const char *call);
uint64_t test_nni_checksum(const void *bytes, size_t n) {
    nni_checksum c;
    nni_checksum_begin(&c);
    nni_checksum_add(&c, bytes, n);
    return nni_checksum_end(&c);
}
const char *test_nni_json_check(char *text, size_t n) {
    nni_json j = nni_json_of(text, n);
    return nni_json_skip(&j) && nni_json_done(&j) ? NULL : j.mistake;
}
const char *test_nni_json_string(char *text, size_t n) {
    nni_json j = nni_json_of(text, n);
    char *string;
    return nni_json_string(&j, &string, NULL) && nni_json_done(&j) ? string : NULL;
}
int test_nni_json_double(char *text, double *value) {
    nni_json j = nni_json_of(text, strlen(text));
    return nni_json_double(&j, value) && nni_json_done(&j);
}
int test_nni_json_uint(char *text, uint64_t *value) {
    nni_json j = nni_json_of(text, strlen(text));
    return nni_json_uint(&j, value) && nni_json_done(&j);
}
void test_nni_write_number(char *text, size_t size, double value, int single) {
    nni_writer w = {NULL, text, size, 0};
    nni_write_digits(&w, value, single);
}
void *test_nni_alloc(const nn_allocator *allocator, size_t count, size_t size) { return nni_alloc(allocator, count, size); }
void test_nni_free(const nn_allocator *allocator, void *block) { nni_free(allocator, block); }
void test_nni_philox(uint32_t word[4], uint64_t key, const uint32_t counter[4]) { nni_philox(word, key, counter); }
void test_nni_random_bits(uint32_t *y, uint64_t key, uint64_t stream, uint64_t first, size_t blocks) {
    nni_get_tier()->random_bits(y, key, stream, first, blocks);
}
#ifdef __cplusplus
}
#endif
