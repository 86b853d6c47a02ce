/* npy.h - NumPy's .npy files, read and written */
#ifndef NN_NPY_H
#define NN_NPY_H

#include "file.h"

/* Samples from one file, labels (NULL: none) from another. The first dimension counts samples; none more is one value each, one
 * more features, two an image's height and width, three its channels too. All integers, half, float and double of both byte
 * orders, in C or Fortran order. Bytes without sign stay bytes; all else becomes floats. Mapped are bytes, and floats of this
 * machine's byte order, in C order. */
NN_API NN_MUST_USE nn_status nn_load_npy(nn_dataset *d, const char *samples, const char *labels, const nn_load_desc *desc,
                                         nn_report *report);

/* The same with targets, a row of any size for each sample. */
NN_API NN_MUST_USE nn_status nn_load_npy_targets(nn_dataset *d, const char *samples, const char *targets,
                                                 const nn_load_desc *desc, nn_report *report);

/* Writes the samples (bytes, or little-endian floats), the labels or the targets of a dataset. A file that could not be written
 * to its end stays as it is, cut short: no loader takes it. */
NN_API NN_MUST_USE nn_status nn_save_npy(const char *path, const nn_dataset *d, nn_report *report);
NN_API NN_MUST_USE nn_status nn_save_npy_labels(const char *path, const nn_dataset *d, nn_report *report);
NN_API NN_MUST_USE nn_status nn_save_npy_targets(const char *path, const nn_dataset *d, nn_report *report);

#ifdef NN_IMPLEMENTATION

#define NNI_NPY_DIMENSIONS 4

typedef struct nni_npy {
    nni_element element;
    int fortran;
    size_t dimensions, size[NNI_NPY_DIMENSIONS], count, sample, data;
} nni_npy;

/* ---- the header: a dictionary of Python in one line ---- */

/* What follows "'key':" and blanks, inside [from, end); NULL if the key is not there. */
static const char *nni_npy_value(const char *from, const char *end, const char *key) {
    const size_t length = strlen(key);
    for (const char *p = from; p + length + 3 <= end; p++) {
        if ((*p != '\'' && *p != '"') || memcmp(p + 1, key, length) != 0 || p[length + 1] != *p) continue;
        for (p += length + 2; p < end && *p == ' '; p++) {
        }
        if (p == end || *p != ':') return NULL;
        for (p++; p < end && *p == ' '; p++) {
        }
        return p < end ? p : NULL;
    }
    return NULL;
}

/* '<f4' and the like. */
static int nni_npy_element(nni_element *e, const char *p, const char *end) {
    if (!p || end - p < 5 || (*p != '\'' && *p != '"') || p[4] != *p) return 0;
    const char order = p[1], kind = p[2];
    e->size = (unsigned)(p[3] - '0');
    e->kind = kind == 'b' ? 'u' : kind;
    e->big = order == '>' || (order == '=' && nni_is_big_endian());
    if (order != '<' && order != '>' && order != '=' && !(order == '|' && e->size == 1)) return 0;
    const int known = e->size == 1 || e->size == 2 || e->size == 4 || e->size == 8;
    return known && (((kind == 'u' || kind == 'i')) || (kind == 'b' && e->size == 1) || (kind == 'f' && e->size > 1));
}

/* "(3, 4)", "(3,)" */
static int nni_npy_shape(nni_npy *x, const char *p, const char *end) {
    if (!p || *p++ != '(') return 0;
    for (x->dimensions = 0;;) {
        while (p < end && (*p == ' ' || *p == ',')) p++;
        if (p == end) return 0;
        if (*p == ')') return x->dimensions > 0;
        if (*p < '0' || *p > '9' || x->dimensions == NNI_NPY_DIMENSIONS) return 0;
        size_t size = 0;
        for (; p < end && *p >= '0' && *p <= '9'; p++)
            if (!nni_mul_size(size, 10, &size) || __builtin_add_overflow(size, (size_t)(*p - '0'), &size)) return 0;
        x->size[x->dimensions++] = size;
    }
}

static nn_status nni_npy_header(nni_npy *x, const nni_content *c, nn_report *report) {
    memset(x, 0, sizeof *x);
    const unsigned version = c->size >= 12 ? c->bytes[6] : 0, wide = version > 1 ? 4 : 2;
    if (c->size < 12 || memcmp(c->bytes, "\x93NUMPY", 6) != 0 || version < 1 || version > 3)
        return nni_say(report, NN_ERROR_FORMAT, "%s, byte 0: is no NPY file of version 1, 2 or 3", c->path);
    const nni_element little = {'u', wide, 0};
    const size_t length = (size_t)nni_element_bits(c->bytes + 8, little);
    if (length > c->size - 8 - wide) return nni_say(report, NN_ERROR_FORMAT, "%s, byte 8: ends inside the header", c->path);
    x->data = 8 + wide + length;
    const char *from = (const char *)c->bytes + 8 + wide, *end = from + length;
    const char *order = nni_npy_value(from, end, "fortran_order");
    if (!nni_npy_element(&x->element, nni_npy_value(from, end, "descr"), end))
        return nni_say(report, NN_ERROR_UNSUPPORTED,
                       "%s, byte 10: the header's 'descr' is missing, or no integer or float of up to 8 bytes", c->path);
    if (!order || (*order != 'T' && *order != 'F'))
        return nni_say(report, NN_ERROR_FORMAT, "%s, byte 10: the header's 'fortran_order' is neither True nor False", c->path);
    x->fortran = *order == 'T';
    if (!nni_npy_shape(x, nni_npy_value(from, end, "shape"), end))
        return nni_say(report, NN_ERROR_UNSUPPORTED,
                       "%s, byte 10: the header's 'shape' is missing, or has not 1 to %d dimensions", c->path,
                       NNI_NPY_DIMENSIONS);
    size_t bytes = x->element.size;
    x->sample = 1;
    for (size_t i = 0; i < x->dimensions; i++)
        if (!nni_mul_size(bytes, x->size[i], &bytes) || (i && !nni_mul_size(x->sample, x->size[i], &x->sample)))
            return nni_say(report, NN_ERROR_FORMAT, "%s, byte 10: the dimensions overflow", c->path);
    x->count = x->size[0];
    if (!x->sample) return nni_say(report, NN_ERROR_FORMAT, "%s, byte 10: samples of no values", c->path);
    if (bytes != c->size - x->data)
        return nni_say(report, NN_ERROR_FORMAT, "%s, byte %zu: %zu bytes must follow the header, and %zu do", c->path, x->data,
                       bytes, c->size - x->data);
    return NN_OK;
}

/* ---- the elements ---- */

/* Half to float: exact. */
static float nni_half_to_float(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff;
    uint32_t bits = sign | (exponent + 112) << 23 | fraction << 13;
    if (exponent == 31) bits = sign | 0x7f800000u | fraction << 13;
    float value;
    if (exponent == 0) value = (sign ? -1.0f : 1.0f) * (float)fraction * (1.0f / 16777216.0f);
    else memcpy(&value, &bits, sizeof value);
    return value;
}

/* Where element j of sample i lies in Fortran order, where the first index moves fastest. */
static size_t nni_npy_fortran(const nni_npy *x, size_t i, size_t j) {
    size_t at = 0, index[NNI_NPY_DIMENSIONS];
    for (size_t k = x->dimensions - 1; k > 0; k--) {
        index[k] = j % x->size[k];
        j /= x->size[k];
    }
    index[0] = i;
    for (size_t k = x->dimensions; k-- > 0;) at = at * x->size[k] + index[k];
    return at;
}

/* In C order, as bytes of elements of this machine's order; in place unless order or permission forbid it. NULL: no memory. */
static uint8_t *nni_npy_in_order(const nni_npy *x, nni_content *c) {
    uint8_t *from = c->bytes + x->data;
    if (!x->fortran || x->dimensions == 1) return from;
    const size_t size = x->element.size;
    uint8_t *to = (uint8_t *)nni_shared_take(c->memory, x->count * x->sample, size);
    for (size_t i = 0; to && i < x->count; i++)
        for (size_t j = 0; j < x->sample; j++)
            memcpy(to + (i * x->sample + j) * size, from + nni_npy_fortran(x, i, j) * size, size);
    return to;
}

static const float *nni_npy_floats(const nni_npy *x, nni_content *c) {
    uint8_t *from = nni_npy_in_order(x, c);
    const size_t n = x->count * x->sample;
    if (!from) return NULL;
    if (x->element.kind != 'f' || x->element.size != 2) return nni_elements_float(c, from, n, x->element);
    float *to = (float *)nni_shared_take(c->memory, n, sizeof *to);
    for (size_t i = 0; to && i < n; i++) to[i] = nni_half_to_float((uint16_t)nni_element_bits(from + 2 * i, x->element));
    return to;
}

static nn_status nni_npy_open(nni_npy *x, nni_content *c, const char *path, const nn_load_desc *desc, int map,
                              nn_report *report) {
    nn_status status = nni_load_content(c, path, desc->allocator, map, report);
    if (status != NN_OK) return status;
    status = nni_npy_header(x, c, report);
    if (status != NN_OK) nni_content_free(c);
    return status;
}

static nn_shape nni_npy_sample(const nni_npy *x) {
    const size_t *s = x->size;
    return x->dimensions < 3 ? nn_shape_vector(x->sample) : nn_shape_image(s[1], s[2], x->dimensions == 4 ? s[3] : 1);
}

static nn_status nni_npy_samples(nn_dataset *d, const char *path, const nn_load_desc *desc, nn_report *report) {
    nni_content c;
    nni_npy x;
    nn_status status = nni_npy_open(&x, &c, path, desc, desc->map, report);
    if (status != NN_OK) return status;
    *d = nn_dataset_of(NULL, x.count, nni_npy_sample(&x), NULL, 0);
    d->memory = c.memory;
    d->allocator = desc->allocator;
    if (x.element.kind == 'u' && x.element.size == 1) d->bytes = nni_npy_in_order(&x, &c);
    else d->floats = nni_npy_floats(&x, &c);
    if (d->bytes || d->floats) return NN_OK;
    nn_dataset_free(d);
    return nni_say(report, NN_ERROR_MEMORY, "%s: no memory for %zu samples", path, x.count);
}

/* Labels, or targets where `targets`, as memory above d's. */
static nn_status nni_npy_second(nn_dataset *d, const char *path, int targets, const nn_load_desc *desc, nn_report *report) {
    nni_content c;
    nni_npy x;
    nn_status status = nni_npy_open(&x, &c, path, desc, 0, report);
    if (status != NN_OK) return status;
    d->classes = targets ? 0 : desc->classes;
    d->target_size = targets ? x.sample : 0;
    if (x.count != d->count)
        status = nni_say(report, NN_ERROR_FORMAT, "%s, byte 10: has %zu rows for %zu samples", path, x.count, d->count);
    else if (targets && !(d->targets = nni_npy_floats(&x, &c)))
        status = nni_say(report, NN_ERROR_MEMORY, "%s: no memory for its targets", path);
    else if (!targets && x.sample != 1)
        status = nni_say(report, NN_ERROR_FORMAT, "%s, byte 10: %zu labels for each sample", path, x.sample);
    else if (!targets) d->labels = nni_elements_labels(&c, c.bytes + x.data, x.count, x.element, &d->classes, &status, report);
    for (size_t i = 0; status == NN_OK && targets && i < x.count * x.sample; i++)
        if (!nni_finite(d->targets[i])) status = nni_say(report, NN_ERROR_TARGET, "%s: target %zu is NaN or infinite", path, i);
    if (status == NN_OK) {
        c.memory->under = d->memory;
        d->memory = c.memory;
    } else nni_content_free(&c);
    return status;
}

static nn_status nni_load_npy(nn_dataset *d, const char *samples, const char *second, int targets, const nn_load_desc *desc,
                              nn_report *report) {
    static const nn_load_desc usual = {NULL, 0, 0};
    nni_say_nothing(report);
    if (!d) return nni_say(report, NN_ERROR_NULL, "there is no dataset to load into");
    if (!desc) desc = &usual;
    memset(d, 0, sizeof *d);
    nn_status status = nni_npy_samples(d, samples, desc, report);
    if (status == NN_OK && second) status = nni_npy_second(d, second, targets, desc, report);
    if (status != NN_OK) nn_dataset_free(d);
    return status;
}
NN_API nn_status nn_load_npy(nn_dataset *d, const char *samples, const char *labels, const nn_load_desc *desc,
                             nn_report *report) {
    return nni_load_npy(d, samples, labels, 0, desc, report);
}
NN_API nn_status nn_load_npy_targets(nn_dataset *d, const char *samples, const char *targets, const nn_load_desc *desc,
                                     nn_report *report) {
    return nni_load_npy(d, samples, targets, 1, desc, report);
}

/* ---- writing ---- */

/* A header of 128 bytes, so that the data is aligned in memory when the file is mapped. */
static void nni_npy_write_header(char header[129], const char *type, const char *shape) {
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
    const int length = snprintf(header + 10, 119, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
    memset(header + 10 + length, ' ', (size_t)(117 - length));
    header[127] = '\n';
}

/* Four bytes, lowest first, whatever the machine's order. */
static int nni_write_words(FILE *file, const void *words, size_t n) {
    if (!nni_is_big_endian()) return fwrite(words, 4, n, file) == n;
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, (const char *)words + 4 * i, sizeof word);
        const uint8_t bytes[4] = {(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16), (uint8_t)(word >> 24)};
        if (fwrite(bytes, 1, 4, file) != 4) return 0;
    }
    return 1;
}

static nn_status nni_save_npy(const char *path, const nn_dataset *d, const void *values, const char *type, const char *shape,
                              size_t n, nn_report *report) {
    char header[129];
    nni_say_nothing(report);
    if (!path || !values)
        return nni_say(report, NN_ERROR_NULL, "there is no path, or the dataset does not have what is to be saved");
    nni_npy_write_header(header, type, shape);
    errno = 0;
    FILE *file = fopen(path, "wb");
    if (!file) return nni_say(report, NN_ERROR_FILE, "%s: cannot be opened for writing: %s", path, strerror(errno));
    const size_t size = type[2] == '1' ? 1 : 4;
    int ok = fwrite(header, 1, 128, file) == 128;
    for (size_t i = 0; ok && i < d->count; i++) {
        const char *from = (const char *)values + nn_dataset_row(d, i) * n * size;
        ok = size == 1 ? fwrite(from, 1, n, file) == n : nni_write_words(file, from, n);
    }
    ok &= fclose(file) == 0;
    if (ok) return NN_OK;
    return nni_say(report, NN_ERROR_FILE, "%s: cannot be written: %s", path, strerror(errno));
}

NN_API nn_status nn_save_npy(const char *path, const nn_dataset *d, nn_report *report) {
    char shape[96];
    if (!d) return nni_say(report, NN_ERROR_NULL, "there is no dataset");
    const nn_shape s = d->shape;
    if (s.height == 1 && s.width == 1) snprintf(shape, sizeof shape, "%zu, %zu", d->count, s.channels);
    else if (s.channels == 1) snprintf(shape, sizeof shape, "%zu, %zu, %zu", d->count, s.height, s.width);
    else snprintf(shape, sizeof shape, "%zu, %zu, %zu, %zu", d->count, s.height, s.width, s.channels);
    const void *values = d->bytes ? (const void *)d->bytes : (const void *)d->floats;
    return nni_save_npy(path, d, values, d->bytes ? "|u1" : "<f4", shape, nn_shape_size(s), report);
}
NN_API nn_status nn_save_npy_labels(const char *path, const nn_dataset *d, nn_report *report) {
    char shape[32];
    if (!d) return nni_say(report, NN_ERROR_NULL, "there is no dataset");
    snprintf(shape, sizeof shape, "%zu,", d->count);
    return nni_save_npy(path, d, d->labels, "<u4", shape, 1, report);
}
NN_API nn_status nn_save_npy_targets(const char *path, const nn_dataset *d, nn_report *report) {
    char shape[64];
    if (!d) return nni_say(report, NN_ERROR_NULL, "there is no dataset");
    snprintf(shape, sizeof shape, "%zu, %zu", d->count, d->target_size);
    return nni_save_npy(path, d, d->targets, "<f4", shape, d->target_size, report);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_NPY_H */
