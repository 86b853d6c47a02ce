/* csv.h - tables as text: numbers and categories, learned from one file and applied to others */
#ifndef NN_CSV_H
#define NN_CSV_H

#include "csv_columns.h"

/* The samples of a file: features in the order of columns, with names. What columns hold is found out from this file. */
NN_API NN_MUST_USE nn_status nn_load_csv(nn_dataset *d, const char *path, const nn_csv_desc *desc, nn_report *report);

/* In two steps, so that test data are encoded as training data were: learn from one file, then load it and others. These must
 * have the same columns, or all but the label and the targets (then the dataset has none either: it is to be predicted), the
 * same header if the first had one, and no category that was not learned, unless missing values are allowed: then it counts
 * as one. */
NN_API NN_MUST_USE nn_status nn_csv_learn(nn_csv **csv, const char *path, const nn_csv_desc *desc, nn_report *report);
NN_API NN_MUST_USE nn_status nn_csv_load(nn_dataset *d, const nn_csv *csv, const char *path, nn_report *report);

/* The names of the classes that the label has; NULL, and *count (unless that is NULL) 0, if it has none. They live as long
 * as csv. */
NN_API const char *const *nn_csv_classes(const nn_csv *csv, size_t *count);

#ifdef NN_IMPLEMENTATION

#include "csv_learn.h"

typedef struct nni_csv_out {
    float *x, *targets;
    uint32_t *labels;
    size_t count;
} nni_csv_out;

/* Whether a table has this column: labels and targets are not needed to predict them. */
static int nni_csv_has(const nn_csv *csv, const nni_table *t, const nni_column *c) {
    return t->columns == csv->count || c->role == NNI_FEATURE || c->role == NNI_LEFT_OUT;
}

/* Whether a table has the columns that were learned, or those that are not to be predicted, under the same names. */
static nn_status nni_csv_compare(const nn_csv *csv, const nni_table *t, nn_report *report) {
    const size_t answers = (size_t)csv->labelled + csv->targets;
    if (t->columns != csv->count && t->columns + answers != csv->count)
        return nni_say(report, NN_ERROR_FORMAT,
                       "%s, line %zu: has %zu fields, and what was learned from %zu, %zu of them to be predicted",
                       t->content.path, t->lines[0], t->columns, csv->count, answers);
    const char *field = t->fields;
    for (size_t j = 0, column = 1; csv->header && j < csv->count; j++) {
        if (!nni_csv_has(csv, t, &csv->columns[j])) continue;
        if (strcmp(field, csv->columns[j].name) != 0)
            return nni_say(report, NN_ERROR_FORMAT, "%s, line %zu, column %zu: is \"%.60s\", and \"%.60s\" was learned",
                           t->content.path, t->lines[0], column, field, csv->columns[j].name);
        field = nni_next_field(field);
        column++;
    }
    return NN_OK;
}

/* One row. 1: a sample more. 0: it was dropped. -1: an error. */
static int nni_csv_row(nni_csv_out *out, const nn_csv *csv, const char **field, const nni_table *t, size_t row,
                       nn_status *status, nn_report *report) {
    int keep = 1;
    nni_csv_place place = {t->content.path, t->lines[row], 0};
    for (size_t j = 0; j < csv->count; j++) {
        const nni_column *c = &csv->columns[j];
        if (!nni_csv_has(csv, t, c)) continue;
        const char *const text = *field;
        *field = nni_next_field(text);
        place.column++;
        float label, *y = c->role == NNI_LABEL    ? &label
                          : c->role == NNI_TARGET ? out->targets + out->count * csv->targets + c->at
                                                  : out->x + out->count * csv->features + c->at;
        if (c->role == NNI_LEFT_OUT || !keep) continue;
        const int got = nni_csv_encode(y, csv, c, text, &place, status, report);
        if (got < 0) return -1;
        if (got && c->role == NNI_LABEL) out->labels[out->count] = (uint32_t)label;
        if (got) continue;
        if (csv->desc.missing == NN_CSV_DROP) keep = 0;
        else if (csv->desc.missing == NN_CSV_REFUSE || c->role != NNI_FEATURE) {
            *status = nni_say(report, NN_ERROR_FORMAT, "%s, line %zu, column %zu (%s): the value is missing", place.path,
                              place.line, place.column, c->name);
            return -1;
        }
        for (size_t k = 0; keep && k < c->width; k++) y[k] = csv->desc.missing == NN_CSV_MEAN ? c->mean[k] : __builtin_nanf("");
    }
    out->count += (size_t)keep;
    return keep;
}

static int nni_csv_take(nni_csv_out *out, nni_shared *memory, const nn_csv *csv, size_t rows) {
    size_t features, targets;
    memset(out, 0, sizeof *out);
    if (!nni_mul_size(rows, csv->features, &features) || !nni_mul_size(rows, csv->targets, &targets)) return 0;
    out->x = (float *)nni_shared_take(memory, features, sizeof(float));
    out->targets = (float *)nni_shared_take(memory, targets, sizeof(float));
    out->labels = (uint32_t *)nni_shared_take(memory, rows, sizeof *out->labels);
    return out->x && out->targets && out->labels;
}

/* The dataset of a table, above the memory of the encoding, where the names are. */
static nn_status nni_csv_dataset(nn_dataset *d, const nn_csv *csv, const nni_table *t, nn_report *report) {
    nni_csv_out out;
    nn_status status = nni_csv_compare(csv, t, report);
    if (status != NN_OK) return status;
    nni_shared *memory = nni_shared_new(csv->desc.allocator, csv->memory);
    if (!memory || !nni_csv_take(&out, memory, csv, t->rows)) {
        nni_shared_drop(memory);
        return nni_say(report, NN_ERROR_MEMORY, "%s: no memory for %zu samples", t->content.path, t->rows);
    }
    size_t row;
    const char *field = nni_csv_data(csv, t, &row);
    for (; row < t->rows; row++)
        if (nni_csv_row(&out, csv, &field, t, row, &status, report) < 0) {
            nni_shared_drop(memory);
            return status;
        }
    *d = nn_dataset_of(out.x, out.count, nn_shape_vector(csv->features), NULL, 0);
    d->feature_names = csv->feature_names;
    if (csv->labelled && t->columns == csv->count) {
        d->labels = out.labels;
        d->classes = csv->classes;
        d->class_names = csv->class_names;
    }
    if (csv->targets && t->columns == csv->count) {
        d->targets = out.targets;
        d->target_size = csv->targets;
        d->target_names = csv->target_names;
    }
    d->allocator = csv->desc.allocator;
    d->memory = memory;
    return NN_OK;
}

/* Loads the table, learns from it if *csv is NULL, and encodes it if d is not. */
static nn_status nni_csv_run(nn_dataset *d, nn_csv **csv, const char *path, const nn_csv_desc *desc, nn_report *report) {
    nni_table t;
    nn_status status = nni_table_load(&t, path, desc->separator, desc->quote, desc->allocator, report);
    if (status != NN_OK) return status;
    if (!*csv) status = nni_csv_of_table(csv, &t, desc, report);
    if (status == NN_OK && d) status = nni_csv_dataset(d, *csv, &t, report);
    nni_table_free(&t);
    return status;
}

NN_API nn_status nn_load_csv(nn_dataset *d, const char *path, const nn_csv_desc *desc, nn_report *report) {
    static const nn_csv_desc usual = {NULL, NULL, NULL, NULL, NN_CSV_HEADER_AUTO, NN_CSV_ONE_HOT, NN_CSV_REFUSE, NULL, 0,
                                      0,    0,    0,    NULL};
    nn_csv *csv = NULL;
    nni_say_nothing(report);
    if (!d) return nni_say(report, NN_ERROR_NULL, "there is no dataset to load into");
    memset(d, 0, sizeof *d);
    const nn_status status = nni_csv_run(d, &csv, path, desc ? desc : &usual, report);
    nn_csv_free(csv);
    return status;
}

NN_API nn_status nn_csv_learn(nn_csv **csv, const char *path, const nn_csv_desc *desc, nn_report *report) {
    nni_say_nothing(report);
    if (!csv || !desc)
        return nni_say(report, NN_ERROR_NULL, "there is no place for what is learned, or no description of the table");
    *csv = NULL;
    return nni_csv_run(NULL, csv, path, desc, report);
}

NN_API nn_status nn_csv_load(nn_dataset *d, const nn_csv *csv, const char *path, nn_report *report) {
    nni_say_nothing(report);
    if (!d || !csv) return nni_say(report, NN_ERROR_NULL, "there is no dataset to load into, or nothing was learned");
    memset(d, 0, sizeof *d);
    nn_csv *learned = (nn_csv *)(uintptr_t)csv; /* only read: it is there */
    return nni_csv_run(d, &learned, path, &csv->desc, report);
}

NN_API const char *const *nn_csv_classes(const nn_csv *csv, size_t *count) {
    if (count) *count = csv ? csv->classes : 0;
    return csv && csv->labelled ? csv->class_names : NULL;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_CSV_H */
