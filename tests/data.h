/* data.h - what the tests of data share: a folder for files, memory that is counted and refused, datasets to compare */
#ifndef TEST_DATA_H
#define TEST_DATA_H

#include <dirent.h>
#include <sys/stat.h>

#include "test.h"

/* ---- files, in a folder of their own that goes at the end ---- */

static char data_folder[200];

static inline void data_begin(void) {
    const char *base = getenv("TMPDIR");
    snprintf(data_folder, sizeof data_folder, "%s/nn-test-XXXXXX", base && strlen(base) < 100 ? base : "/tmp");
    if (!mkdtemp(data_folder)) puts("no folder for files"), abort();
}
/* One of a few buffers in turn. */
static inline const char *data_path(const char *name) {
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", data_folder, name);
    return path;
}
static inline const char *data_write(const char *name, const void *bytes, size_t n) {
    const char *path = data_path(name);
    remove(path); /* writing over a file that is there waits for the disk, on ext4 */
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) puts("cannot write a file"), abort();
    return path;
}
static inline const char *data_text(const char *name, const char *text) { return data_write(name, text, strlen(text)); }
static inline size_t data_read(const char *path, uint8_t *bytes, size_t most) {
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    const size_t n = fread(bytes, 1, most, file);
    fclose(file);
    return n;
}
static inline void data_remove(const char *path) {
    DIR *folder = opendir(path);
    for (struct dirent *e; folder && (e = readdir(folder));) {
        char inside[800];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        snprintf(inside, sizeof inside, "%.500s/%.255s", path, e->d_name);
        data_remove(inside);
    }
    if (folder) closedir(folder);
    remove(path);
}
static inline void data_end(void) { data_remove(data_folder); }

/* ---- memory ---- */

typedef struct data_ledger {
    size_t calls, live, fail_at, largest; /* fail_at: the call that gets none, from 1; 0: all get some */
    nn_allocator hook;
} data_ledger;

static inline void *data_alloc(size_t bytes, void *user) {
    data_ledger *l = (data_ledger *)user;
    if (bytes > l->largest) l->largest = bytes;
    if (++l->calls == l->fail_at) return NULL;
    l->live++;
    return malloc(bytes);
}
static inline void data_free(void *memory, void *user) {
    ((data_ledger *)user)->live--;
    free(memory);
}
static inline void data_ledger_begin(data_ledger *l, size_t fail_at) {
    memset(l, 0, sizeof *l);
    l->fail_at = fail_at;
    l->hook.alloc = data_alloc;
    l->hook.free = data_free;
    l->hook.user = l;
}

/* Runs `call`, an expression of a status that uses `ledger.hook`, with every allocation failing in turn, then with none:
 * `after` is run when it succeeds, and everything must be given back. */
#define DATA_FAIL(ledger, call, after)                                                                                         \
    for (size_t fail_at = 1;; fail_at++) {                                                                                     \
        data_ledger_begin(&ledger, fail_at);                                                                                   \
        const nn_status status_ = (call);                                                                                      \
        if (status_ == NN_OK) {                                                                                                \
            after;                                                                                                             \
            CHECK(ledger.live == 0 && fail_at > ledger.calls);                                                                 \
            break;                                                                                                             \
        }                                                                                                                      \
        if (!CHECK(status_ == NN_ERROR_MEMORY && ledger.live == 0)) break;                                                     \
    }

/* ---- datasets ---- */

/* Everything is read, so that a sanitizer sees what is not there. */
static inline double data_touch(const nn_dataset *d) {
    double sum = 0;
    const size_t size = nn_shape_size(d->shape);
    for (size_t i = 0; i < d->count; i++) {
        const size_t row = nn_dataset_row(d, i);
        for (size_t j = 0; j < size; j++)
            sum += d->bytes ? (double)d->bytes[row * size + j] : (double)d->floats[row * size + j];
        if (d->labels) sum += d->labels[row];
        for (size_t j = 0; d->targets && j < d->target_size; j++) sum += (double)d->targets[row * d->target_size + j];
    }
    for (size_t i = 0; d->class_names && i < d->classes; i++) sum += (double)strlen(d->class_names[i]);
    return sum;
}
static inline float data_value(const nn_dataset *d, size_t i, size_t j) {
    const size_t at = nn_dataset_row(d, i) * nn_shape_size(d->shape) + j;
    return d->bytes ? (float)d->bytes[at] / 255.0f : d->floats[at];
}
static inline uint32_t data_label(const nn_dataset *d, size_t i) { return d->labels[nn_dataset_row(d, i)]; }

/* A sentence that names the file and holds these words. */
static inline int data_says(const nn_report *r, const char *words) {
    if (strstr(r->sentence, words)) return 1;
    printf("the sentence is: %s\n", r->sentence);
    return 0;
}

#endif /* TEST_DATA_H */
