/* archive.h - a file of tensors opened for reading: everything about it is checked before anything is believed
 *
 * Memory: the bytes of the file, if it is read from a path, or a copy of its header, if it lies in memory; and an index of less
 * than 1 MiB. Whatever the header says, no more is taken.
 *
 *   nni_archive a;
 *   nn_status status = nni_archive_open(&a, path, allocator, report);     or nni_archive_open_memory
 *   if (status == NN_OK) {
 *       nni_found speed;
 *       if (nni_archive_find(&a, "train.speed", &speed)) ...
 *       const char *json = nni_archive_text(&a, "nn.train");
 *   }
 *   nni_archive_close(&a);                                                also after a failure
 */
#ifndef NN_FILE_ARCHIVE_H
#define NN_FILE_ARCHIVE_H

#include "../alloc.h"
#include "../report.h"

#ifdef NN_IMPLEMENTATION

#include "checksum.h"
#include "disk.h"
#include "dtype.h"
#include "json.h"
#include "tensors.h"

#define NNI_TEXTS_MOST 1024

/* A tensor in the index: name and shape are places in the header. */
typedef struct nni_entry {
    uint64_t begin, end; /* in the data */
    uint32_t name, shape;
    uint8_t dtype, rank;
} nni_entry;

typedef struct nni_archive {
    const nn_allocator *allocator;
    nn_report *report;
    const char *path; /* for sentences */
    char *owned;      /* the file, or a copy of its header */
    char *header;     /* which is taken apart while it is read */
    size_t header_size;
    const unsigned char *data;
    size_t data_size;
    nni_entry *entries; /* by their place in the data */
    size_t count;
    uint32_t *slots;    /* a hash table: an index into entries plus 1, or 0 */
    size_t slots_count; /* a power of 2 */
    uint32_t (*texts)[2]; /* key and value, places in the header */
    size_t texts_count;
    int sealed;         /* it has a checksum, which is right */
} nni_archive;

/* What a tensor turned out to be. */
typedef struct nni_found {
    const char *name;
    nni_dtype dtype;
    size_t rank, shape[NNI_RANK_MOST];
    size_t n;
    const unsigned char *bytes;
} nni_found;

NNI_FORMATS(2, 3) static nn_status nni_archive_bad(const nni_archive *a, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return nni_say(a->report, NN_ERROR_FORMAT, "%s: %s", a->path, text);
}

/* ---- the checksum ---- */

/* The digits of the checksum: quotes inside strings are escaped, so the key cannot be part of one. NULL: there are none. */
static char *nni_archive_digits(const nni_archive *a) {
    static const char key[] = "\"" NNI_CHECKSUM_KEY "\":\"";
    const size_t n = sizeof key - 1;
    if (a->header_size < n + NNI_CHECKSUM_DIGITS) return NULL;
    for (size_t i = 0; i <= a->header_size - n - NNI_CHECKSUM_DIGITS; i++)
        if (a->header[i] == '"' && memcmp(a->header + i, key, n) == 0) return a->header + i + n;
    return NULL;
}

/* Compares it, if the file has one, with what is there. */
static nn_status nni_archive_verify(nni_archive *a) {
    char *digits = nni_archive_digits(a), mine[NNI_CHECKSUM_DIGITS + 1], theirs[NNI_CHECKSUM_DIGITS + 1];
    unsigned char prefix[8];
    nni_checksum c;
    if (!digits) return NN_OK;
    memcpy(theirs, digits, NNI_CHECKSUM_DIGITS);
    theirs[NNI_CHECKSUM_DIGITS] = '\0';
    nni_store_little(prefix, a->header_size, sizeof prefix);
    nni_checksum_begin(&c);
    nni_checksum_add(&c, prefix, sizeof prefix);
    nni_checksum_add(&c, a->header, (size_t)(digits - a->header));
    nni_checksum_add(&c, "0000000000000000", NNI_CHECKSUM_DIGITS);
    nni_checksum_add(&c, digits + NNI_CHECKSUM_DIGITS, a->header_size - (size_t)(digits - a->header) - NNI_CHECKSUM_DIGITS);
    nni_checksum_add(&c, a->data, a->data_size);
    snprintf(mine, sizeof mine, "%016llx", (unsigned long long)nni_checksum_end(&c));
    a->sealed = memcmp(mine, theirs, NNI_CHECKSUM_DIGITS) == 0;
    return a->sealed ? NN_OK : nni_archive_bad(a, "it was damaged or changed: its checksum does not fit what is in it");
}

/* ---- the header ---- */

/* How many tensors and texts there are; the whole header is JSON then. */
static void nni_archive_count(nni_archive *a, nni_json j) {
    char *const metadata = (char *)"\"__metadata__\"";
    for (int more = nni_json_begin(&j, '{'); more; more = nni_json_more(&j, '}')) {
        nni_json_peek(&j);
        const int texts = (size_t)(j.end - j.at) > strlen(metadata) && memcmp(j.at, metadata, strlen(metadata)) == 0;
        if (!nni_json_string(&j, NULL, NULL) || !nni_json_colon(&j)) break;
        if (!texts) {
            a->count++;
            if (!nni_json_skip(&j)) break;
            continue;
        }
        for (int text = nni_json_begin(&j, '{'); text; text = nni_json_more(&j, '}')) {
            a->texts_count++;
            if (!nni_json_string(&j, NULL, NULL) || !nni_json_colon(&j) || !nni_json_string(&j, NULL, NULL)) break;
        }
    }
    if (nni_json_done(&j)) return;
    nni_archive_bad(a, "byte %zu: %s", (size_t)(j.at - a->header) + 8, j.mistake);
    a->count = SIZE_MAX;
}

/* The numbers of a shape; 0 if there are too many or their product overflows. */
static int nni_json_shape(nni_json *j, size_t *shape, size_t *rank, size_t *n) {
    *rank = 0;
    *n = 1;
    for (int more = nni_json_begin(j, '['); more; more = nni_json_more(j, ']')) {
        if (*rank == NNI_RANK_MOST) return nni_json_fail(j, "a tensor has more than 8 dimensions");
        if (!nni_json_size(j, &shape[*rank])) return 0;
        if (!nni_mul_size(*n, shape[(*rank)++], n) || *n > PTRDIFF_MAX) return nni_json_fail(j, "a tensor's size overflows");
    }
    return !j->mistake;
}

/* One tensor: each of its three keys once. */
static int nni_archive_entry(const nni_archive *a, nni_json *j, nni_entry *e) {
    size_t shape[NNI_RANK_MOST], rank = 0, n = 0, bytes;
    unsigned seen = 0;
    for (int more = nni_json_begin(j, '{'); more; more = nni_json_more(j, '}')) {
        const char *key = nni_json_key(j);
        char *type = j->none;
        const unsigned bit = strcmp(key, "dtype") == 0 ? 1 : strcmp(key, "shape") == 0 ? 2 : strcmp(key, "data_offsets") == 0 ? 4 : 0;
        if (j->mistake) return 0;
        if (!bit || (seen & bit)) return nni_json_fail(j, bit ? "a key occurs twice" : "a key that no tensor has");
        seen |= bit;
        if (bit == 1) {
            if (!nni_json_string(j, &type, NULL)) return 0;
            e->dtype = (uint8_t)nni_dtype_named(type);
            if (e->dtype == NNI_DTYPE_COUNT) return nni_json_fail(j, "an unknown type of numbers");
        } else if (bit == 2) {
            nni_json_peek(j);
            e->shape = (uint32_t)(j->at - a->header);
            if (!nni_json_shape(j, shape, &rank, &n)) return 0;
            e->rank = (uint8_t)rank;
        } else if (!(nni_json_begin(j, '[') && nni_json_uint(j, &e->begin) && nni_json_more(j, ']') && nni_json_uint(j, &e->end) &&
                     !nni_json_more(j, ']') && !j->mistake)) {
            return nni_json_fail(j, "data_offsets are two numbers");
        }
    }
    if (j->mistake) return 0;
    if (seen != 7) return nni_json_fail(j, "a tensor lacks its dtype, shape or data_offsets");
    if (e->begin > e->end || e->end > a->data_size) return nni_json_fail(j, "a tensor lies outside of the data");
    if (!nni_mul_size(n, nni_dtypes[e->dtype].bytes, &bytes) || bytes != e->end - e->begin)
        return nni_json_fail(j, "a tensor's shape and its place in the data do not fit");
    return 1;
}

static int nni_archive_texts(nni_archive *a, nni_json *j) {
    size_t i = 0;
    for (int more = nni_json_begin(j, '{'); more; more = nni_json_more(j, '}'), i++) {
        char *key = nni_json_key(j), *value = j->none;
        if (i == a->texts_count) return nni_json_fail(j, "__metadata__ in other words"); /* escaped, and so not counted */
        if (j->mistake || !nni_json_string(j, &value, NULL)) return 0;
        a->texts[i][0] = (uint32_t)(key - a->header);
        a->texts[i][1] = (uint32_t)(value - a->header);
        for (size_t k = 0; k < i; k++)
            if (strcmp(a->header + a->texts[k][0], key) == 0) return nni_json_fail(j, "a key of the metadata occurs twice");
    }
    return !j->mistake;
}

/* Takes the header apart, which is JSON already. */
static nn_status nni_archive_parse(nni_archive *a, nni_json j) {
    size_t i = 0;
    int metadata = 0;
    const char *key = "";
    for (int more = nni_json_begin(&j, '{'); more; more = nni_json_more(&j, '}')) {
        key = nni_json_key(&j);
        if (j.mistake) break;
        if (strcmp(key, "__metadata__") == 0) {
            if (metadata++) nni_json_fail(&j, "a key occurs twice");
            else nni_archive_texts(a, &j);
        } else if (i == a->count) {
            nni_json_fail(&j, "a tensor too many");
        } else {
            a->entries[i].name = (uint32_t)(key - a->header);
            i += (size_t)nni_archive_entry(a, &j, &a->entries[i]);
        }
    }
    if (j.mistake) return nni_archive_bad(a, "\"%.80s\": %s", key, j.mistake);
    return i == a->count ? NN_OK : nni_archive_bad(a, "its header is ambiguous");
}

/* ---- the index ---- */

static int nni_entry_order(const void *a, const void *b) {
    const nni_entry *x = (const nni_entry *)a, *y = (const nni_entry *)b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* No byte of the data may belong to two tensors, or to none. */
static nn_status nni_archive_cover(const nni_archive *a) {
    uint64_t at = 0;
    for (size_t i = 0; i < a->count; at = a->entries[i++].end)
        if (a->entries[i].begin != at)
            return nni_archive_bad(a, "\"%.80s\" begins at byte %llu of the data, and the tensor before it ends at %llu",
                                   a->header + a->entries[i].name, (unsigned long long)a->entries[i].begin, (unsigned long long)at);
    if (at != a->data_size)
        return nni_archive_bad(a, "%zu bytes of data, and its tensors end at %llu: it was cut short, or something was added", a->data_size,
                               (unsigned long long)at);
    return NN_OK;
}

/* The slot of that name, or the free one where it belongs. */
static size_t nni_archive_slot(const nni_archive *a, const char *name) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    size_t slot = (size_t)(hash ^ hash >> 32) & (a->slots_count - 1);
    while (a->slots[slot] && strcmp(a->header + a->entries[a->slots[slot] - 1].name, name) != 0) slot = (slot + 1) & (a->slots_count - 1);
    return slot;
}

static nn_status nni_archive_names(nni_archive *a) {
    memset(a->slots, 0, a->slots_count * sizeof *a->slots);
    for (size_t i = 0; i < a->count; i++) {
        const char *name = a->header + a->entries[i].name;
        const size_t slot = nni_archive_slot(a, name);
        if (a->slots[slot]) return nni_archive_bad(a, "two tensors are named \"%.80s\"", name);
        a->slots[slot] = (uint32_t)i + 1;
    }
    return NN_OK;
}

/* A file of nn.h has a checksum: one that lost it was damaged there. */
static nn_status nni_archive_is_sealed(const nni_archive *a) {
    for (size_t i = 0; i < a->texts_count && !a->sealed; i++)
        if (strncmp(a->header + a->texts[i][0], "nn.", 3) == 0) return nni_archive_bad(a, "its checksum is missing");
    return NN_OK;
}

static nn_status nni_archive_index(nni_archive *a) {
    const nni_json j = nni_json_of(a->header, a->header_size);
    nni_archive_count(a, j);
    if (a->count == SIZE_MAX) return NN_ERROR_FORMAT;
    if (a->count > NNI_TENSORS_MOST || a->texts_count > NNI_TEXTS_MOST)
        return nni_say(a->report, NN_ERROR_UNSUPPORTED, "%s has %zu tensors and %zu texts, and at most %d and %d are read",
                       a->path, a->count, a->texts_count, NNI_TENSORS_MOST, NNI_TEXTS_MOST);
    for (a->slots_count = 2; a->slots_count < 2 * a->count; a->slots_count *= 2) {}
    a->entries = (nni_entry *)nni_alloc(a->allocator, nni_max(a->count, 1), sizeof *a->entries);
    a->slots = (uint32_t *)nni_alloc(a->allocator, a->slots_count, sizeof *a->slots);
    a->texts = (uint32_t(*)[2])nni_alloc(a->allocator, nni_max(a->texts_count, 1), sizeof *a->texts);
    if (!a->entries || !a->slots || !a->texts) return nni_say(a->report, NN_ERROR_MEMORY, "no memory for the index of %s", a->path);
    nn_status status = nni_archive_parse(a, j);
    if (status == NN_OK) status = nni_archive_is_sealed(a);
    if (status != NN_OK) return status;
    qsort(a->entries, a->count, sizeof *a->entries, nni_entry_order);
    status = nni_archive_names(a);
    return status == NN_OK ? nni_archive_cover(a) : status;
}

/* ---- opening ---- */

/* `header` is what lies at bytes + 8, or becomes a copy of it. */
static nn_status nni_archive_begin(nni_archive *a, const char *bytes, size_t size) {
    if (size < 8) return nni_archive_bad(a, "%zu bytes are too few for a file of tensors", size);
    const uint64_t length = nni_load_little((const unsigned char *)bytes, 8);
    if (length > size - 8 || length > NNI_HEADER_MOST)
        return nni_archive_bad(a, "a header of %llu bytes is announced, and the file has %zu: it is no file of tensors, or was cut short",
                               (unsigned long long)length, size);
    a->header_size = (size_t)length;
    a->data = (const unsigned char *)bytes + 8 + a->header_size;
    a->data_size = size - 8 - a->header_size;
    if (a->owned) {
        a->header = a->owned + 8;
    } else {
        a->owned = a->header = (char *)nni_alloc(a->allocator, nni_max(a->header_size, 1), 1);
        if (!a->owned) return nni_say(a->report, NN_ERROR_MEMORY, "no memory for the header of %s", a->path);
        memcpy(a->header, bytes + 8, a->header_size);
    }
    if (!a->header_size || a->header[0] != '{') return nni_archive_bad(a, "it does not begin as a file of tensors does");
    const nn_status status = nni_archive_verify(a);
    return status == NN_OK ? nni_archive_index(a) : status;
}

static void nni_archive_close(nni_archive *a) {
    nni_free(a->allocator, a->texts);
    nni_free(a->allocator, a->slots);
    nni_free(a->allocator, a->entries);
    nni_free(a->allocator, a->owned);
    memset(a, 0, sizeof *a);
}

static void nni_archive_clear(nni_archive *a, const char *path, const nn_allocator *allocator, nn_report *report) {
    memset(a, 0, sizeof *a);
    a->allocator = allocator;
    a->report = report;
    a->path = path;
}

static nn_status nni_archive_open(nni_archive *a, const char *path, const nn_allocator *allocator, nn_report *report) {
    size_t size = 0;
    nni_archive_clear(a, path, allocator, report);
    const nn_status status = nni_read_file(&a->owned, &size, path, allocator, report);
    return status == NN_OK ? nni_archive_begin(a, a->owned, size) : status;
}

/* The bytes must stay until the archive is closed. */
static nn_status nni_archive_open_memory(nni_archive *a, const void *bytes, size_t size, const nn_allocator *allocator, nn_report *report) {
    nni_archive_clear(a, "the file in memory", allocator, report);
    return nni_archive_begin(a, (const char *)bytes, size);
}

/* ---- looking ---- */

/* Tensor i, by its place in the data. */
static nni_found nni_archive_at(const nni_archive *a, size_t i) {
    const nni_entry *e = &a->entries[i];
    nni_found found;
    nni_json j = nni_json_of(a->header + e->shape, a->header_size - e->shape);
    memset(&found, 0, sizeof found);
    found.name = a->header + e->name;
    found.dtype = (nni_dtype)e->dtype;
    found.bytes = a->data + e->begin;
    nni_json_shape(&j, found.shape, &found.rank, &found.n);
    return found;
}

/* The index of a tensor plus 1; 0: there is none of that name. */
static uint32_t nni_archive_look(const nni_archive *a, const char *name) { return a->slots[nni_archive_slot(a, name)]; }

static int nni_archive_find(const nni_archive *a, const char *name, nni_found *found) {
    const uint32_t i = nni_archive_look(a, name);
    if (i) *found = nni_archive_at(a, i - 1);
    return i != 0;
}

/* A text of the metadata; the caller may take it apart. NULL: there is none of that key. */
static char *nni_archive_text(const nni_archive *a, const char *key) {
    for (size_t i = 0; i < a->texts_count; i++)
        if (strcmp(a->header + a->texts[i][0], key) == 0) return a->header + a->texts[i][1];
    return NULL;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_ARCHIVE_H */
