/* file.h - for the tests of files: a folder of their own, whole files, memory that is counted, containers made and mended by hand */
#ifndef FILE_H
#define FILE_H

#include "internal.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

/* ---- files ---- */

/* A path in a folder that this process made under build/ (or here); "" is the folder itself. */
static inline const char *file_path(const char *name) {
    static char paths[4][128];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    mkdir("build", 0777);
    snprintf(path, sizeof *paths, "build/test_file.%d", (int)getpid());
    mkdir(path, 0777);
    if (*name) snprintf(path, sizeof *paths, "build/test_file.%d/%s", (int)getpid(), name);
    return path;
}

/* How many files the folder has; removes them and the folder if asked. */
static inline size_t file_count(int clean) {
    size_t count = 0;
    char path[512];
    DIR *folder = opendir(file_path(""));
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        count++;
        snprintf(path, sizeof path, "%s/%s", file_path(""), entry->d_name);
        if (clean) remove(path);
    }
    if (folder) closedir(folder);
    if (clean) rmdir(file_path(""));
    return count;
}

static inline unsigned char *file_read(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    *size = 0;
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = (unsigned char *)malloc(*size + 1);
    if (!bytes || fread(bytes, 1, *size, file) != *size) abort();
    fclose(file);
    return bytes;
}
static inline void file_write(const char *path, const void *bytes, size_t n) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) abort();
}
static inline int file_same(const char *a, const char *b) {
    size_t m, n;
    unsigned char *x = file_read(a, &m), *y = file_read(b, &n);
    const int same = x && y && m == n && memcmp(x, y, m) == 0;
    free(x);
    free(y);
    return same;
}

/* ---- counted memory ---- */

typedef struct counted {
    size_t calls, fail_at; /* fail_at: the call that gets none, from 1; 0 for none */
    size_t live, bytes, peak;
} counted;

static inline void *counted_alloc(size_t bytes, void *user) {
    counted *c = (counted *)user;
    if (++c->calls == c->fail_at || bytes > (size_t)1 << 40) return NULL;
    size_t *memory = (size_t *)malloc(bytes + 16);
    if (!memory) return NULL;
    *memory = bytes;
    c->live++;
    c->bytes += bytes;
    if (c->bytes > c->peak) c->peak = c->bytes;
    return (char *)memory + 16;
}
static inline void counted_free(void *memory, void *user) {
    counted *c = (counted *)user;
    size_t *start = (size_t *)(void *)((char *)memory - 16);
    c->live--;
    c->bytes -= *start;
    free(start);
}
static inline nn_allocator counted_allocator(counted *c) {
    const nn_allocator allocator = {counted_alloc, counted_free, c};
    memset(c, 0, sizeof *c);
    return allocator;
}

/* ---- containers ---- */

typedef struct container {
    unsigned char *bytes;
    size_t size;
} container;

static inline void container_length(unsigned char *bytes, uint64_t length) {
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(length >> 8 * i);
}
static inline uint64_t container_header(const container *c) {
    uint64_t length = 0;
    for (int i = 8; i-- > 0;) length = length << 8 | c->bytes[i];
    return length;
}

/* A header and data, as they are. */
static inline container container_of(const char *header, size_t header_size, const void *data, size_t data_size) {
    container c = {(unsigned char *)malloc(8 + header_size + data_size + 1), 8 + header_size + data_size};
    container_length(c.bytes, header_size);
    memcpy(c.bytes + 8, header, header_size);
    if (data_size) memcpy(c.bytes + 8 + header_size, data, data_size);
    return c;
}

/* Puts the right checksum into one whose header was changed. */
static inline void container_seal(container *c) {
    static const char key[] = "\"nn.checksum\":\"";
    const size_t header = (size_t)container_header(c);
    for (size_t i = 8; i + sizeof key - 1 + 16 <= 8 + header && header <= c->size - 8; i++)
        if (memcmp(c->bytes + i, key, sizeof key - 1) == 0) {
            char text[17], *digits = (char *)c->bytes + i + sizeof key - 1;
            memset(digits, '0', 16);
            snprintf(text, sizeof text, "%016llx", (unsigned long long)test_nni_checksum(c->bytes, c->size));
            memcpy(digits, text, 16);
            return;
        }
}

/* A model as a container in memory. */
static inline container container_of_model(nn_model *m) {
    container c = {NULL, 0};
    CHECK(nn_model_save_memory(m, NULL, 0, &c.size) == NN_OK);
    c.bytes = (unsigned char *)malloc(c.size + 1);
    CHECK(nn_model_save_memory(m, c.bytes, c.size, &c.size) == NN_OK);
    return c;
}

#endif /* FILE_H */
