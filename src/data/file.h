/* file.h - the content of a file in memory: read, unpacked, or mapped */
#ifndef NN_DATA_FILE_H
#define NN_DATA_FILE_H

#include "dataset.h"

/* How the loaders of data files read; NULL or zeros for the usual. */
typedef struct nn_load_desc {
    const nn_allocator *allocator; /* where the data lies; NULL: malloc. It must outlive the dataset */
    int map; /* leave the samples in the file and let the system fetch the parts in use, so that it may be larger than memory.
              * POSIX, for files whose bytes are those of a dataset (the loaders say which); all others are read. The file must
              * neither change nor shrink meanwhile */
    size_t classes; /* labels must be below it; 0: as many as the largest label says */
} nn_load_desc;

#ifdef NN_IMPLEMENTATION

#include <errno.h>
#include <stdio.h>
#ifndef _WIN32
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif
#ifdef NN_ZLIB
#include <limits.h>
#include <zlib.h>
#endif

#define NNI_READ_FIRST 65536 /* bytes read at first where nothing says how long a file is */

/* All bytes of a file, which live in `memory`. */
typedef struct nni_content {
    const char *path;
    uint8_t *bytes;
    size_t size;
    int writable; /* may be changed in place: read, not mapped */
    nni_shared *memory;
} nni_content;

static void nni_content_free(nni_content *c) {
    nni_shared_drop(c->memory);
    c->memory = NULL;
}

/* ---- a block that grows ---- */

typedef struct nni_growing {
    const nn_allocator *allocator;
    uint8_t *bytes; /* behind the link of an nni_block */
    size_t size, room;
} nni_growing;

static void nni_growing_free(nni_growing *g) {
    if (g->bytes) nni_free(g->allocator, g->bytes - NNI_ALIGNMENT);
    g->bytes = NULL;
}

/* Room for exactly `room` bytes, no fewer than there are. */
static int nni_growing_resize(nni_growing *g, size_t room) {
    if (room > SIZE_MAX - NNI_ALIGNMENT) return 0;
    uint8_t *block = (uint8_t *)nni_alloc(g->allocator, room + NNI_ALIGNMENT, 1);
    if (!block) return 0;
    if (g->size) memcpy(block + NNI_ALIGNMENT, g->bytes, g->size);
    nni_growing_free(g);
    g->bytes = block + NNI_ALIGNMENT;
    g->room = room;
    return 1;
}
static int nni_growing_more(nni_growing *g) {
    return nni_growing_resize(g, g->room > SIZE_MAX / 2 ? SIZE_MAX : g->room ? 2 * g->room : NNI_READ_FIRST);
}

/* The bytes become the content; they are freed with its memory. */
static nn_status nni_growing_give(nni_growing *g, nni_content *c, nn_report *report) {
    c->memory = nni_shared_new(g->allocator, NULL);
    if (!c->memory) {
        nni_growing_free(g);
        return nni_say(report, NN_ERROR_MEMORY, "%s: no memory", c->path);
    }
    nni_block *block = (nni_block *)(void *)(g->bytes - NNI_ALIGNMENT);
    block->next = NULL;
    c->memory->blocks = block;
    c->bytes = g->bytes;
    c->size = g->size;
    c->writable = 1;
    return NN_OK;
}

/* ---- reading ---- */

/* Bytes of the file; 0 where it cannot be told: a pipe. */
static size_t nni_file_size(FILE *file) {
#ifdef _WIN32
    const long long end = _fseeki64(file, 0, SEEK_END) == 0 ? _ftelli64(file) : 0;
    _fseeki64(file, 0, SEEK_SET);
#else
    const long long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    rewind(file);
#endif
    clearerr(file);
    return end > 0 && (unsigned long long)end < SIZE_MAX / 2 ? (size_t)end : 0;
}

static nn_status nni_read_all(nni_growing *g, FILE *file, const char *path, nn_report *report) {
    const size_t size = nni_file_size(file);
    if (!nni_growing_resize(g, size ? size + 1 : NNI_READ_FIRST)) /* the byte more finds the end without growing */
        return nni_say(report, NN_ERROR_MEMORY, "%s: no memory for its %zu bytes", path, size);
    for (;;) {
        errno = 0;
        const size_t got = fread(g->bytes + g->size, 1, g->room - g->size, file);
        g->size += got;
        if (ferror(file))
            return nni_say(report, NN_ERROR_FILE, "%s, byte %zu: cannot be read: %s", path, g->size, strerror(errno));
        if (feof(file)) return NN_OK;
        if (g->size == g->room && !nni_growing_more(g))
            return nni_say(report, NN_ERROR_MEMORY, "%s: no memory for more than %zu bytes", path, g->size);
    }
}

/* Reads to the end. */
static nn_status nni_content_read(nni_content *c, const char *path, const nn_allocator *allocator, nn_report *report) {
    nni_growing g;
    memset(c, 0, sizeof *c);
    memset(&g, 0, sizeof g);
    c->path = path;
    g.allocator = allocator;
    errno = 0;
    FILE *file = fopen(path, "rb");
    if (!file) return nni_say(report, NN_ERROR_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    const nn_status status = nni_read_all(&g, file, path, report);
    fclose(file);
    if (status == NN_OK) return nni_growing_give(&g, c, report);
    nni_growing_free(&g);
    return status;
}

/* ---- mapping ---- */

#ifndef _WIN32
/* 0 where the file cannot be mapped: then it is read, which finds out why. */
static int nni_map_file(nni_content *c, const char *path) {
    struct stat about;
    void *map = MAP_FAILED;
    const int file = open(path, O_RDONLY);
    if (file < 0) return 0;
    if (fstat(file, &about) == 0 && about.st_size > 0 && (unsigned long long)about.st_size < SIZE_MAX / 2) {
        c->size = (size_t)about.st_size;
        map = mmap(NULL, c->size, PROT_READ, MAP_PRIVATE, file, 0);
    }
    close(file);
    c->bytes = map == MAP_FAILED ? NULL : (uint8_t *)map;
    return c->bytes != NULL;
}

/* Maps or reads. */
static nn_status nni_map_or_read(nni_content *c, const char *path, const nn_allocator *allocator, nn_report *report) {
    memset(c, 0, sizeof *c);
    c->path = path;
    if (!nni_map_file(c, path)) return nni_content_read(c, path, allocator, report);
    c->memory = nni_shared_new(allocator, NULL);
    if (c->memory) {
        c->memory->map = c->bytes;
        c->memory->map_bytes = c->size;
        return NN_OK;
    }
    munmap(c->bytes, c->size);
    return nni_say(report, NN_ERROR_MEMORY, "%s: no memory", path);
}
#endif

/* ---- gzip ---- */

static int nni_is_gzip(const nni_content *c) { return c->size >= 2 && c->bytes[0] == 0x1f && c->bytes[1] == 0x8b; }

#ifdef NN_ZLIB

static void *nni_zlib_alloc(void *allocator, uInt count, uInt size) {
    void *memory = nni_alloc((const nn_allocator *)allocator, count, size);
    if (memory) memset(memory, 0, (size_t)count * size);
    return memory;
}
static void nni_zlib_free(void *allocator, void *memory) { nni_free((const nn_allocator *)allocator, memory); }

/* All members of the file, one after another. */
static nn_status nni_inflate(nni_growing *g, z_stream *z, const nni_content *packed, nn_report *report) {
    size_t used = 0;
    for (;;) {
        const size_t some = nni_min(packed->size - used, UINT_MAX / 2);
        if (g->size == g->room && !nni_growing_more(g))
            return nni_say(report, NN_ERROR_MEMORY, "%s: no memory for more than %zu unpacked bytes", packed->path, g->size);
        const size_t room = nni_min(g->room - g->size, UINT_MAX / 2);
        z->next_in = packed->bytes + used;
        z->avail_in = (uInt)some;
        z->next_out = g->bytes + g->size;
        z->avail_out = (uInt)room;
        const int code = inflate(z, Z_NO_FLUSH);
        used += some - z->avail_in;
        g->size += room - z->avail_out;
        if (code == Z_STREAM_END) {
            if (used == packed->size) return NN_OK;
            inflateReset(z);
        } else if (code == Z_MEM_ERROR) return nni_say(report, NN_ERROR_MEMORY, "%s: no memory to unpack it", packed->path);
        else if (code != Z_OK && !(code == Z_BUF_ERROR && z->avail_out == 0))
            return nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: cannot be unpacked: %s", packed->path, used,
                           code == Z_BUF_ERROR ? "it is cut short"
                           : z->msg            ? z->msg
                                               : "it is damaged");
    }
}

static nn_status nni_unpack(nni_content *c, const nn_allocator *allocator, nn_report *report) {
    nni_growing g;
    z_stream z;
    memset(&g, 0, sizeof g);
    memset(&z, 0, sizeof z);
    g.allocator = allocator;
    z.zalloc = nni_zlib_alloc;
    z.zfree = nni_zlib_free;
    z.opaque = (void *)(uintptr_t)allocator;
    nn_status status = NN_OK;
    if (inflateInit2(&z, 15 + 16) != Z_OK) status = nni_say(report, NN_ERROR_MEMORY, "%s: no memory to unpack it", c->path);
    else {
        status = nni_inflate(&g, &z, c, report);
        inflateEnd(&z);
    }
    nni_content_free(c);
    if (status == NN_OK) return nni_growing_give(&g, c, report);
    nni_growing_free(&g);
    return status;
}

#else

static nn_status nni_unpack(nni_content *c, const nn_allocator *allocator, nn_report *report) {
    const nn_status status =
        nni_say(report, NN_ERROR_UNSUPPORTED, "%s is packed by gzip: unpack it, or compile nn.h with NN_ZLIB and link with -lz",
                c->path);
    (void)allocator;
    nni_content_free(c);
    return status;
}

#endif

/* ---- all of it ---- */

/* The content of a file, unpacked if it is packed. With `map` it is mapped where that can be done, and then not writable. */
static NNI_UNUSED nn_status nni_load_content(nni_content *c, const char *path, const nn_allocator *allocator, int map,
                                             nn_report *report) {
    nn_status status = NN_OK;
    if (!path) return nni_say(report, NN_ERROR_NULL, "there is no path");
#ifdef _WIN32
    (void)map;
    status = nni_content_read(c, path, allocator, report);
#else
    status = map ? nni_map_or_read(c, path, allocator, report) : nni_content_read(c, path, allocator, report);
#endif
    return status == NN_OK && nni_is_gzip(c) ? nni_unpack(c, allocator, report) : status;
}

/* ---- numbers in files ---- */

static inline uint32_t nni_get_be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* An element of a data file: `size` bytes of an integer with or without sign, or of a float. */
typedef struct nni_element {
    char kind; /* 'u', 'i' or 'f' */
    unsigned size;
    int big; /* its first byte is the highest */
} nni_element;

static uint64_t nni_element_bits(const uint8_t *p, nni_element e) {
    uint64_t bits = 0;
    for (unsigned i = 0; i < e.size; i++) bits |= (uint64_t)p[e.big ? e.size - 1 - i : i] << 8 * i;
    return bits;
}

static int64_t nni_element_signed(uint64_t bits, unsigned size) {
    const uint64_t top = (uint64_t)1 << (8 * size - 1);
    return (int64_t)((bits ^ top) - top);
}

/* Its value, rounded to a float once. */
static float nni_element_float(const uint8_t *p, nni_element e) {
    const uint64_t bits = nni_element_bits(p, e);
    if (e.kind == 'u') return (float)bits;
    if (e.kind == 'i') return (float)nni_element_signed(bits, e.size);
    if (e.size == 4) {
        const uint32_t half = (uint32_t)bits;
        float value;
        memcpy(&value, &half, sizeof value);
        return value;
    }
    double value;
    memcpy(&value, &bits, sizeof value);
    return (float)value;
}

static inline int nni_is_big_endian(void) {
    const uint16_t one = 1;
    return *(const uint8_t *)&one == 0;
}

/* n elements from bytes to floats in memory of c: those that are there if they can stay, else a copy. NULL: no memory. */
static NNI_UNUSED const float *nni_elements_float(nni_content *c, uint8_t *from, size_t n, nni_element e) {
    if (e.kind == 'f' && e.size == 4 && (uintptr_t)from % sizeof(float) == 0) {
        if (e.big == nni_is_big_endian()) return (const float *)(void *)from;
        if (c->writable) {
            for (size_t i = 0; i < n; i++) {
                const float value = nni_element_float(from + i * 4, e);
                memcpy(from + i * 4, &value, sizeof value);
            }
            return (const float *)(void *)from;
        }
    }
    float *to = (float *)nni_shared_take(c->memory, n, sizeof *to);
    for (size_t i = 0; to && i < n; i++) to[i] = nni_element_float(from + i * e.size, e);
    return to;
}

/* n labels; NULL after a report. classes as in nn_load_desc; at: where they begin in the file. */
static NNI_UNUSED uint32_t *nni_elements_labels(nni_content *c, const uint8_t *from, size_t n, nni_element e, size_t *classes,
                                                nn_status *status, nn_report *report) {
    const size_t limit = *classes ? *classes : UINT32_MAX;
    uint32_t *to = (uint32_t *)nni_shared_take(c->memory, n, sizeof *to);
    size_t most = 0;
    if (!to) *status = nni_say(report, NN_ERROR_MEMORY, "%s: no memory for %zu labels", c->path, n);
    for (size_t i = 0; to && i < n; i++) {
        const uint64_t bits = nni_element_bits(from + i * e.size, e);
        if (e.kind == 'f' || (e.kind == 'i' && nni_element_signed(bits, e.size) < 0) || bits >= limit) {
            *status = nni_say(report, NN_ERROR_LABEL, "%s, byte %zu: sample %zu has a label that is not below %zu", c->path,
                              (size_t)(from - c->bytes) + i * e.size, i, limit);
            return NULL;
        }
        to[i] = (uint32_t)bits;
        most = nni_max(most, to[i] + (size_t)1);
    }
    if (!*classes) *classes = most;
    return to;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_DATA_FILE_H */
