/* tensors.h - what goes into a file: named arrays and texts, in the container of the safetensors format
 *
 * A file is the length of a header (8 bytes, the lowest first), the header, which is JSON, and data. The header tells of every tensor
 * its type, shape and place in the data; under "__metadata__" it holds texts. It is padded by spaces to whole 8 bytes, and tensors
 * with the widest numbers come first, so that every number is aligned. Text "nn.checksum" is the CRC-64 of the whole file, taken
 * with zeros in its place, in 16 hexadecimal digits.
 *
 *   nni_tensors t;
 *   nni_tensors_begin(&t, allocator);
 *   nni_tensors_add(&t, NNI_F32, speed, "train.speed", 1, &n);         arrays are not copied: they must stay until the end
 *   nni_tensors_text(&t, "nn.train", json);                            texts are
 *   nn_status status = nni_tensors_save(&t, "model.nn", report);
 *   nni_tensors_end(&t);
 *
 * What goes wrong between begin and save is kept and reported there.
 */
#ifndef NN_FILE_TENSORS_H
#define NN_FILE_TENSORS_H

#include "../alloc.h"
#include "../report.h"

#ifdef NN_IMPLEMENTATION

#include "checksum.h"
#include "disk.h"
#include "dtype.h"
#include "json.h"

#define NNI_TENSOR_NAME_MOST 192
#define NNI_TENSORS_MOST 16384     /* so that the index of a file stays below 1 MiB */
#define NNI_HEADER_MOST 100000000u /* bytes, as safetensors has it */
#define NNI_RANK_MOST 8
#define NNI_CHECKSUM_KEY "nn.checksum"
#define NNI_CHECKSUM_DIGITS 16

typedef struct nni_tensor {
    char name[NNI_TENSOR_NAME_MOST];
    nni_dtype dtype;
    size_t rank, shape[NNI_RANK_MOST];
    size_t n; /* numbers */
    const void *values;
} nni_tensor;

typedef struct nni_file_text {
    const char *key; /* not copied */
    char *value;
} nni_file_text;

typedef struct nni_tensors {
    const nn_allocator *allocator;
    nni_tensor *list;
    size_t count, room;
    nni_file_text *texts;
    size_t texts_count, texts_room;
    nn_status status;
} nni_tensors;

static void nni_tensors_begin(nni_tensors *t, const nn_allocator *allocator) {
    memset(t, 0, sizeof *t);
    t->allocator = allocator;
}

static void nni_tensors_end(nni_tensors *t) {
    for (size_t i = 0; i < t->texts_count; i++) nni_free(t->allocator, t->texts[i].value);
    nni_free(t->allocator, t->texts);
    nni_free(t->allocator, t->list);
}

/* An array that exists, so that its size does not overflow. Names must differ. */
static void nni_tensors_add(nni_tensors *t, nni_dtype dtype, const void *values, const char *name, size_t rank, const size_t *shape) {
    void *list = t->list;
    if (t->status != NN_OK) return;
    if (strlen(name) >= NNI_TENSOR_NAME_MOST || rank > NNI_RANK_MOST) t->status = NN_ERROR_ARGUMENT;
    else if (!nni_grow(t->allocator, &list, t->count, &t->room, sizeof *t->list)) t->status = NN_ERROR_MEMORY;
    t->list = (nni_tensor *)list;
    if (t->status != NN_OK) return;
    nni_tensor *tensor = &t->list[t->count++];
    memcpy(tensor->name, name, strlen(name) + 1);
    tensor->dtype = dtype;
    tensor->rank = rank;
    tensor->n = 1;
    for (size_t i = 0; i < rank; i++) tensor->n *= tensor->shape[i] = shape[i];
    tensor->values = values;
}

/* Room for a text of that length, to be filled by the caller and closed with a 0; NULL if there is no memory. */
static char *nni_tensors_room(nni_tensors *t, const char *key, size_t length) {
    if (t->status != NN_OK) return NULL;
    void *texts = t->texts;
    const int room = nni_grow(t->allocator, &texts, t->texts_count, &t->texts_room, sizeof *t->texts);
    char *value = room ? (char *)nni_alloc(t->allocator, length + 1, 1) : NULL;
    t->texts = (nni_file_text *)texts;
    if (!value) return t->status = NN_ERROR_MEMORY, (char *)NULL;
    value[0] = '\0';
    t->texts[t->texts_count].key = key;
    t->texts[t->texts_count++].value = value;
    return value;
}
static void nni_tensors_text(nni_tensors *t, const char *key, const char *text) {
    char *value = nni_tensors_room(t, key, strlen(text));
    if (value) memcpy(value, text, strlen(text) + 1);
}

/* ---- the header ---- */

static void nni_write_tensor(nni_writer *w, const nni_tensor *tensor, size_t *at) {
    const size_t bytes = tensor->n * nni_dtypes[tensor->dtype].bytes;
    nni_write_text(w, ",", 1);
    nni_write_json_string(w, tensor->name);
    nni_write(w, ":{\"dtype\":\"%s\",\"shape\":[", nni_dtypes[tensor->dtype].name);
    for (size_t i = 0; i < tensor->rank; i++) nni_write(w, "%s%zu", i ? "," : "", tensor->shape[i]);
    nni_write(w, "],\"data_offsets\":[%zu,%zu]}", *at, *at + bytes);
    *at += bytes;
}

/* Calls for each tensor in the order of the file: wide numbers first. */
#define NNI_EACH_TENSOR(t, tensor)                       \
    for (size_t nni_width = 8; nni_width > 0; nni_width /= 2) \
        for (const nni_tensor *tensor = (t)->list; tensor < (t)->list + (t)->count; tensor++) \
            if (nni_dtypes[tensor->dtype].bytes == nni_width)

/* The JSON with its padding, zeros for the checksum; *digits is where they are. */
static void nni_write_header(nni_writer *w, const nni_tensors *t, size_t *digits) {
    size_t at = 0;
    nni_write(w, "{\"__metadata__\":{\"%s\":\"", NNI_CHECKSUM_KEY);
    *digits = w->length;
    nni_write(w, "%0*d\"", NNI_CHECKSUM_DIGITS, 0);
    for (size_t i = 0; i < t->texts_count; i++) {
        nni_write_text(w, ",", 1);
        nni_write_json_string(w, t->texts[i].key);
        nni_write_text(w, ":", 1);
        nni_write_json_string(w, t->texts[i].value);
    }
    nni_write_text(w, "}", 1);
    NNI_EACH_TENSOR(t, tensor) nni_write_tensor(w, tensor, &at);
    nni_write_text(w, "}", 1);
    while (w->length % 8) nni_write_text(w, " ", 1);
}

/* ---- where the bytes go ---- */

/* Into the checksum, a file, or memory; what is NULL gets none. */
typedef struct nni_sink {
    nni_checksum *checksum;
    nni_replacement *file;
    unsigned char *memory;
} nni_sink;

static void nni_sink_write(nni_sink *s, const void *bytes, size_t n) {
    if (s->checksum) nni_checksum_add(s->checksum, bytes, n);
    if (s->file) nni_replace_write(s->file, bytes, n);
    if (s->memory) {
        if (n) memcpy(s->memory, bytes, n);
        s->memory += n;
    }
}

static void nni_sink_values(nni_sink *s, const void *values, size_t n, size_t width) {
    unsigned char swapped[512];
    const unsigned char *from = (const unsigned char *)values;
    if (!NNI_BIG_ENDIAN || width == 1) {
        nni_sink_write(s, values, n * width);
        return;
    }
    for (size_t done = 0; done < n * width;) {
        const size_t part = nni_min(sizeof swapped, n * width - done);
        for (size_t i = 0; i < part; i++) swapped[i] = from[done + i / width * width + (width - 1 - i % width)];
        nni_sink_write(s, swapped, part);
        done += part;
    }
}

static void nni_sink_file(nni_sink *s, const nni_tensors *t, const char *header, size_t length) {
    unsigned char prefix[8];
    nni_store_little(prefix, length, sizeof prefix);
    nni_sink_write(s, prefix, sizeof prefix);
    nni_sink_write(s, header, length);
    NNI_EACH_TENSOR(t, tensor) nni_sink_values(s, tensor->values, tensor->n, nni_width);
}

/* ---- the whole ---- */

/* *header, for nni_free, with its checksum; *size is that of the whole file. */
static nn_status nni_tensors_header(const nni_tensors *t, char **header, size_t *length, size_t *size, nn_report *report) {
    nni_writer w = {NULL, NULL, 0, 0};
    nni_checksum checksum;
    nni_sink sink = {&checksum, NULL, NULL};
    size_t digits, data = 0;
    if (t->status != NN_OK) return nni_say(report, t->status, "the parts of the file: %s", nn_status_message(t->status));
    nni_write_header(&w, t, &digits);
    *length = w.length;
    if (w.length > NNI_HEADER_MOST || t->count > NNI_TENSORS_MOST)
        return nni_say(report, NN_ERROR_SIZE, "a file has room for %d tensors and %u bytes that tell of them, and these are %zu and %zu",
                       NNI_TENSORS_MOST, NNI_HEADER_MOST, t->count, w.length);
    *header = (char *)nni_alloc(t->allocator, w.length + 1, 1);
    if (!*header) return nni_say(report, NN_ERROR_MEMORY, "no memory for the %zu bytes of the file's header", w.length);
    w.text = *header;
    w.size = w.length + 1;
    w.length = 0;
    nni_write_header(&w, t, &digits);
    nni_checksum_begin(&checksum);
    nni_sink_file(&sink, t, *header, *length);
    char text[NNI_CHECKSUM_DIGITS + 1];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)nni_checksum_end(&checksum));
    memcpy(*header + digits, text, NNI_CHECKSUM_DIGITS);
    for (size_t i = 0; i < t->count; i++) data += t->list[i].n * nni_dtypes[t->list[i].dtype].bytes;
    *size = 8 + *length + data;
    return NN_OK;
}

/* Into a file, which is replaced when all is well. */
static nn_status nni_tensors_save(const nni_tensors *t, const char *path, nn_report *report) {
    char *header = NULL;
    size_t length, size;
    nn_status status = nni_tensors_header(t, &header, &length, &size, report);
    if (status == NN_OK) {
        nni_replacement file;
        nni_sink sink = {NULL, &file, NULL};
        nni_replace_begin(&file, path, t->allocator, report);
        nni_sink_file(&sink, t, header, length);
        status = nni_replace_end(&file);
    }
    nni_free(t->allocator, header);
    return status;
}

/* Into memory of `room` bytes, if it is enough; *size says how many are needed. */
static nn_status nni_tensors_store(const nni_tensors *t, void *memory, size_t room, size_t *size, nn_report *report) {
    char *header = NULL;
    size_t length;
    nn_status status = nni_tensors_header(t, &header, &length, size, report);
    if (status == NN_OK && memory) {
        nni_sink sink = {NULL, NULL, (unsigned char *)memory};
        if (*size <= room) nni_sink_file(&sink, t, header, length);
        else status = nni_say(report, NN_ERROR_SIZE, "the file takes %zu bytes, and there is room for %zu", *size, room);
    }
    nni_free(t->allocator, header);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_TENSORS_H */
