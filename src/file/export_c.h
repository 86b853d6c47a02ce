/* export_c.h - a network as C source, for programs without a file system */
#ifndef NN_FILE_EXPORT_C_H
#define NN_FILE_EXPORT_C_H

#include "../graph/model.h"
#include "../status.h"
#include "load.h"

/* Writes a file in C11 (and C++17) that holds what nn_model_save would write, byte for byte, and one function:
 *
 *   nn_status PREFIX_load(nn_model **model, const nn_model_load_desc *desc, nn_report *report);
 *
 * which is nn_model_load of these bytes. It needs nn.h only. `prefix` must be a name of C. The file is replaced as a whole, as
 * in nn_model_save. */
NN_API NN_MUST_USE nn_status nn_export_c(nn_model *model, const char *path, const char *prefix);

#ifdef NN_IMPLEMENTATION

#include "disk.h"
#include "save.h"

/* At most this many numbers a line, of at most four characters each. */
#define NNI_EXPORT_COLUMNS 30

static int nni_is_c_name(const char *name) {
    size_t n = 0;
    for (; name[n]; n++) {
        const char c = name[n];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (n && c >= '0' && c <= '9'))) return 0;
    }
    return n > 0 && n <= 64;
}

static void nni_export_bytes(nni_replacement *file, const unsigned char *bytes, size_t n) {
    char line[4 * NNI_EXPORT_COLUMNS + 8];
    for (size_t i = 0; i < n; i += NNI_EXPORT_COLUMNS) {
        size_t at = (size_t)snprintf(line, sizeof line, "    ");
        for (size_t k = i; k < nni_min(n, i + NNI_EXPORT_COLUMNS); k++)
            at += (size_t)snprintf(line + at, sizeof line - at, "%u,", (unsigned)bytes[k]);
        line[at - (i + NNI_EXPORT_COLUMNS >= n)] = '\n'; /* over the last comma */
        nni_replace_write(file, line, at + (i + NNI_EXPORT_COLUMNS < n));
    }
}

static void nni_export_text(nni_replacement *file, const unsigned char *bytes, size_t n, const char *p) {
    char text[1024];
    nni_replace_write(file, text, (size_t)snprintf(text, sizeof text,
        "/* %s.c - a network, as nn_model_save of nn.h writes it\n *\n"
        " *   nn_model *model;\n"
        " *   if (%s_load(&model, NULL, NULL) == NN_OK) ...\n */\n"
        "#include \"nn.h\"\n\n"
        "NN_MUST_USE nn_status %s_load(nn_model **model, const nn_model_load_desc *desc, nn_report *report);\n\n"
        "static const unsigned char %s_bytes[%zu] = {\n", p, p, p, p, n));
    nni_export_bytes(file, bytes, n);
    nni_replace_write(file, text, (size_t)snprintf(text, sizeof text,
        "};\n\n"
        "nn_status %s_load(nn_model **model, const nn_model_load_desc *desc, nn_report *report) {\n"
        "    return nn_model_load_memory(model, %s_bytes, sizeof %s_bytes, desc, report);\n}\n", p, p, p));
}

NN_API nn_status nn_export_c(nn_model *m, const char *path, const char *prefix) {
    size_t size = 0;
    nn_report report;
    if (!m || !path || !prefix) return NN_ERROR_NULL;
    if (!nni_is_c_name(prefix))
        return nni_report(m, NN_ERROR_ARGUMENT, "\"%.80s\" is not a name that C allows, of at most 64 characters", prefix);
    nn_status status = nn_model_save_memory(m, NULL, 0, &size);
    if (status != NN_OK) return status;
    unsigned char *bytes = (unsigned char *)nni_alloc(nni_allocator_of(m), size, 1);
    if (!bytes) return nni_report(m, NN_ERROR_MEMORY, "no memory for the %zu bytes of the network", size);
    status = nn_model_save_memory(m, bytes, size, &size);
    if (status == NN_OK) {
        nni_replacement file;
        nni_replace_begin(&file, path, nni_allocator_of(m), &report);
        nni_export_text(&file, bytes, size, prefix);
        status = nni_replace_end(&file);
        if (status != NN_OK) nni_report(m, status, "%s", report.sentence);
    }
    nni_free(nni_allocator_of(m), bytes);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_FILE_EXPORT_C_H */
