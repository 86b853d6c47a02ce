/* csv.h - tables as text: numbers and categories, learned from one file and applied to others */
#ifndef NN_CSV_H
#define NN_CSV_H

#include "dataset.h"

typedef enum nn_csv_header {
    NN_CSV_HEADER_AUTO, /* there is one if no field of the first row is a number and one of the second is, or if it has the
                           label's name */
    NN_CSV_HEADER_YES,
    NN_CSV_HEADER_NO
} nn_csv_header;

/* What becomes of a category among the features. */
typedef enum nn_csv_code {
    NN_CSV_ONE_HOT, /* a feature for each category: nn_one_hot */
    NN_CSV_BINARY,  /* as few as tell them apart: nn_binary_code */
    NN_CSV_NUMBER   /* its number in the sorted list */
} nn_csv_code;

/* What becomes of a feature that is missing. A row without its label or target is refused, or dropped if rows are. */
typedef enum nn_csv_missing {
    NN_CSV_REFUSE, /* an error */
    NN_CSV_DROP,   /* its row is left out */
    NN_CSV_NAN,    /* NaN, in all features that its column becomes */
    NN_CSV_MEAN    /* the mean of that feature in the file that was learned from, of categories the mean of their code */
} nn_csv_missing;

/* Columns are named as the header has them, or by their number from 1 on, or "last". Lists of them are divided by commas. NULL:
 * none. */
typedef struct nn_csv_desc {
    const char *label;     /* the column of classes */
    const char *targets;   /* columns to be predicted as numbers, instead of classes */
    const char *leave_out; /* columns that are not wanted */
    const char *nominal;   /* columns that hold categories although they look like numbers: all others are looked at */
    nn_csv_header header;
    nn_csv_code code;
    nn_csv_missing missing;
    const char *const *missing_words; /* fields that mean "missing", up to a NULL; NULL: the empty one, ?, NA, N/A, NaN, nan,
                                         null */
    char separator;                   /* 0: the one of , ; tab | that the first line has most of */
    char quote;                       /* 0: " */
    char decimal;                     /* 0: the point */
    size_t most_categories;           /* a column with more is an error: 1000 */
    const nn_allocator *allocator;    /* it must outlive data and encoding */
} nn_csv_desc;

/* What a file taught: which columns there are, what they hold, their categories and means. nn_csv_note keeps it with a network. */
typedef struct nn_csv nn_csv;

/* The samples of a file: features in the order of columns, with names. What columns hold is found out from this file. */
NN_API NN_MUST_USE nn_status nn_load_csv(nn_dataset *d, const char *path, const nn_csv_desc *desc, nn_report *report);

/* In two steps, so that test data are encoded as training data were: learn from one file, then load it and others. These must
 * have the same columns, or all but the label and the targets (then the dataset has none either: it is to be predicted), the
 * same header if the first had one, and no category that was not learned, unless missing values are allowed: then it counts
 * as one. */
NN_API NN_MUST_USE nn_status nn_csv_learn(nn_csv **csv, const char *path, const nn_csv_desc *desc, nn_report *report);
NN_API NN_MUST_USE nn_status nn_csv_load(nn_dataset *d, const nn_csv *csv, const char *path, nn_report *report);
NN_API void nn_csv_free(nn_csv *csv); /* NULL is fine */

/* The names of the classes that the label has; NULL, and *count (unless that is NULL) 0, if it has none. They live as long as csv. */
NN_API const char *const *nn_csv_classes(const nn_csv *csv, size_t *count);

#ifdef NN_IMPLEMENTATION

#include "csv_text.h"
#include "encode.h"
#include "number.h"

#define NNI_CATEGORIES_USUAL 1000

typedef enum nni_role { NNI_FEATURE, NNI_LABEL, NNI_TARGET, NNI_LEFT_OUT } nni_role;

typedef struct nni_column {
    nni_role role;
    int nominal;
    size_t width, at; /* floats that it becomes, and where they are in a sample or row of targets */
    const char *name;
    const char **names; /* its categories, sorted */
    size_t count, room;
    float *mean; /* of each of its floats; NULL where they are not asked for */
} nni_column;

struct nn_csv {
    nn_csv_desc desc;
    nni_shared *memory;
    nni_column *columns;
    size_t count, features, targets, classes;
    int header, labelled;
    const char **feature_names, **target_names, **class_names;
};

static int nni_csv_is_missing(const nn_csv_desc *d, const char *field) {
    static const char *const usual[] = {"", "?", "NA", "N/A", "NaN", "nan", "null", NULL};
    for (const char *const *word = d->missing_words ? d->missing_words : usual; *word; word++)
        if (strcmp(*word, field) == 0) return 1;
    return 0;
}

static int nni_csv_number(const nn_csv_desc *d, const char *field, float *value) {
    return nni_parse_float(value, field, strlen(field), d->decimal ? d->decimal : '.');
}

/* ---- columns by name ---- */

/* The column that the n bytes at `name` mean; count if none. */
static size_t nni_csv_find(const nn_csv *csv, const char *name, size_t n) {
    size_t number = 0;
    for (size_t j = 0; j < csv->count; j++)
        if (csv->header && strlen(csv->columns[j].name) == n && memcmp(csv->columns[j].name, name, n) == 0) return j;
    if (n == 4 && memcmp(name, "last", 4) == 0) return csv->count - 1;
    for (size_t i = 0; i < n; i++) {
        if (name[i] < '0' || name[i] > '9' || number > csv->count) return csv->count;
        number = 10 * number + (size_t)(name[i] - '0');
    }
    return number && number <= csv->count ? number - 1 : csv->count;
}

/* Gives the columns of a list a role, or with NNI_FEATURE makes them nominal. */
static nn_status nni_csv_mark(nn_csv *csv, const char *list, nni_role role, const char *path, nn_report *report) {
    for (const char *at = list; at && *at;) {
        while (*at == ' ') at++;
        size_t n = role == NNI_LABEL ? strlen(at) : strcspn(at, ",");
        const char *next = at + n + (at[n] == ',');
        while (n && at[n - 1] == ' ') n--;
        const size_t j = nni_csv_find(csv, at, n);
        if (j == csv->count)
            return nni_say(report, NN_ERROR_ARGUMENT, "%s: has no column \"%.*s\": it has %zu columns and %s header", path,
                           (int)nni_min(n, 100), at, csv->count, csv->header ? "a" : "no");
        nni_column *c = &csv->columns[j];
        if (role == NNI_FEATURE) c->nominal = 1;
        else if (c->role != NNI_FEATURE && c->role != role)
            return nni_say(report, NN_ERROR_ARGUMENT, "%s: column %zu is asked to be two things at once", path, j + 1);
        else c->role = role;
        at = next;
    }
    return NN_OK;
}

/* ---- learning ---- */

static int nni_csv_has_header(const nn_csv *csv, const nni_table *t) {
    int numbers[2] = {0, 0}, named = 0;
    const char *field = t->fields;
    if (csv->desc.header != NN_CSV_HEADER_AUTO) return csv->desc.header == NN_CSV_HEADER_YES;
    for (size_t i = 0; i < nni_min(t->rows, 2) * t->columns; i++, field = nni_next_field(field)) {
        float value;
        numbers[i / t->columns] += nni_csv_number(&csv->desc, field, &value) != 0;
        named |= i < t->columns && csv->desc.label && strcmp(field, csv->desc.label) == 0;
    }
    return !numbers[0] && (numbers[1] || named);
}

/* The first field of the first row of data; *row is its number. */
static const char *nni_csv_data(const nn_csv *csv, const nni_table *t, size_t *row) {
    const char *field = t->fields;
    *row = csv->header ? 1 : 0;
    for (size_t j = 0; csv->header && j < t->columns; j++) field = nni_next_field(field);
    return field;
}

/* A column with a field that is no number holds categories. */
static void nni_csv_find_kinds(nn_csv *csv, const nni_table *t) {
    size_t row;
    float value;
    const char *field = nni_csv_data(csv, t, &row);
    for (; row < t->rows; row++)
        for (size_t j = 0; j < csv->count; j++, field = nni_next_field(field))
            if (csv->columns[j].role == NNI_FEATURE && !csv->columns[j].nominal && !nni_csv_is_missing(&csv->desc, field) &&
                !nni_csv_number(&csv->desc, field, &value))
                csv->columns[j].nominal = 1;
}

/* Inserts a category that is new. */
static nn_status nni_csv_add_category(nn_csv *csv, nni_column *c, const char *field, const char *path, size_t line,
                                      nn_report *report) {
    int found;
    const size_t most = csv->desc.most_categories ? csv->desc.most_categories : NNI_CATEGORIES_USUAL;
    const size_t at = nni_find_category(c->names, c->count, field, &found);
    if (found) return NN_OK;
    if (c->count == most)
        return nni_say(report, NN_ERROR_FORMAT, "%s, line %zu: column %s has more than %zu categories; \"%.40s\" is no number",
                       path, line, c->name, most, field);
    if (c->count == c->room) {
        const size_t room = c->room ? 2 * c->room : 8;
        const char **more = (const char **)nni_shared_take(csv->memory, room, sizeof *more);
        if (!more) return nni_say(report, NN_ERROR_MEMORY, "%s: no memory for its categories", path);
        if (c->count) memcpy(more, c->names, c->count * sizeof *more);
        c->names = more;
        c->room = room;
    }
    memmove(c->names + at + 1, c->names + at, (c->count - at) * sizeof *c->names);
    c->names[at] = field;
    c->count++;
    return NN_OK;
}

/* Until here names and categories lie in the table's text, which goes; then they are copied. */
static nn_status nni_csv_find_categories(nn_csv *csv, const nni_table *t, nn_report *report) {
    size_t row;
    const char *field = nni_csv_data(csv, t, &row), *path = t->content.path;
    for (; row < t->rows; row++)
        for (size_t j = 0; j < csv->count; j++, field = nni_next_field(field)) {
            nni_column *c = &csv->columns[j];
            if (!c->nominal || c->role == NNI_LEFT_OUT || nni_csv_is_missing(&csv->desc, field)) continue;
            const nn_status status = nni_csv_add_category(csv, c, field, path, t->lines[row], report);
            if (status != NN_OK) return status;
        }
    for (size_t j = 0; j < csv->count; j++) {
        nni_column *c = &csv->columns[j];
        if (c->nominal && !(c->names = (const char **)(void *)nni_names_copy(csv->memory, c->names, c->count)))
            return nni_say(report, NN_ERROR_MEMORY, "%s: no memory for its categories", path);
    }
    return NN_OK;
}

/* How many floats a column becomes. */
static size_t nni_csv_width(const nn_csv *csv, const nni_column *c) {
    if (c->nominal && csv->desc.code == NN_CSV_ONE_HOT) return c->count;
    return c->nominal && csv->desc.code == NN_CSV_BINARY ? nn_binary_code_bits(c->count) : 1;
}

/* And where they go. */
static void nni_csv_lay_out(nn_csv *csv) {
    for (size_t j = 0; j < csv->count; j++) {
        nni_column *c = &csv->columns[j];
        c->width = nni_csv_width(csv, c);
        size_t *total = c->role == NNI_TARGET ? &csv->targets : &csv->features;
        c->at = *total;
        if (c->role == NNI_TARGET || c->role == NNI_FEATURE) *total += c->width;
        if (c->role != NNI_LABEL) continue;
        csv->labelled = 1;
        csv->classes = c->count;
        csv->class_names = c->names;
    }
}

/* "wind", "direction=N" or "direction.0" for each float of a column. */
static int nni_csv_name_column(nn_csv *csv, const nni_column *c, const char **names) {
    for (size_t k = 0; k < c->width; k++) {
        const int one_hot = c->nominal && csv->desc.code == NN_CSV_ONE_HOT;
        const size_t room = strlen(c->name) + (one_hot ? strlen(c->names[k]) : 0) + 24;
        char *name = (char *)nni_shared_take(csv->memory, room, 1);
        if (!name) return 0;
        if (one_hot) snprintf(name, room, "%s=%s", c->name, c->names[k]);
        else if (c->width > 1) snprintf(name, room, "%s.%zu", c->name, k);
        else snprintf(name, room, "%s", c->name);
        names[c->at + k] = name;
    }
    return 1;
}

static nn_status nni_csv_name(nn_csv *csv, const char *path, nn_report *report) {
    csv->feature_names = (const char **)nni_shared_take(csv->memory, csv->features, sizeof *csv->feature_names);
    csv->target_names = (const char **)nni_shared_take(csv->memory, csv->targets, sizeof *csv->target_names);
    int room = csv->feature_names && csv->target_names;
    for (size_t j = 0; room && j < csv->count; j++) {
        nni_column *c = &csv->columns[j];
        if (c->role == NNI_FEATURE) room = nni_csv_name_column(csv, c, csv->feature_names);
        if (c->role == NNI_TARGET) room = nni_csv_name_column(csv, c, csv->target_names);
    }
    return room ? NN_OK : nni_say(report, NN_ERROR_MEMORY, "%s: no memory for the names of its columns", path);
}

/* ---- encoding ---- */

/* Where a field is, for messages: column 1 is the first of the file. */
typedef struct nni_csv_place {
    const char *path;
    size_t line, column;
} nni_csv_place;

/* One field as c->width floats. 1: done. 0: missing. -1: an error, which is reported. */
static int nni_csv_encode(float *y, const nn_csv *csv, const nni_column *c, const char *field, const nni_csv_place *place,
                          nn_status *status, nn_report *report) {
    if (nni_csv_is_missing(&csv->desc, field)) return 0;
    if (!c->nominal) {
        const int kind = nni_csv_number(&csv->desc, field, y);
        if (kind == 1) return 1;
        *status = nni_say(report, NN_ERROR_FORMAT, "%s, line %zu, column %zu (%s): \"%.60s\" is %s", place->path, place->line,
                          place->column, c->name, field, kind ? "larger than any float" : "not a number");
        return -1;
    }
    int found;
    const size_t k = nni_find_category(c->names, c->count, field, &found);
    if (!found) {
        if (csv->desc.missing != NN_CSV_REFUSE) return 0;
        *status = nni_say(report, NN_ERROR_LABEL, "%s, line %zu, column %zu (%s): the category \"%.60s\" was not learned",
                          place->path, place->line, place->column, c->name, field);
        return -1;
    }
    if (c->role == NNI_LABEL || csv->desc.code == NN_CSV_NUMBER) *y = (float)k;
    else if (csv->desc.code == NN_CSV_ONE_HOT) nni_one_hot_row(y, k, c->width);
    else nni_binary_row(y, k, c->width);
    return 1;
}

/* Means of what is there, in double, in the order of rows. */
static nn_status nni_csv_find_means(nn_csv *csv, const nni_table *t, nn_report *report) {
    nn_status status = NN_OK;
    const size_t width = nni_max(csv->features, 1);
    double *sum = (double *)nni_alloc(nni_shared_allocator(csv->memory), width, 2 * sizeof *sum);
    float *y = (float *)nni_alloc(nni_shared_allocator(csv->memory), width, sizeof *y);
    if (!sum || !y) status = nni_say(report, NN_ERROR_MEMORY, "%s: no memory for means", t->content.path);
    else memset(sum, 0, 2 * width * sizeof *sum);
    size_t row;
    const char *field = nni_csv_data(csv, t, &row);
    for (; status == NN_OK && row < t->rows; row++)
        for (size_t j = 0; j < csv->count && status == NN_OK; j++, field = nni_next_field(field)) {
            const nni_column *c = &csv->columns[j];
            const nni_csv_place place = {t->content.path, t->lines[row], j + 1};
            if (c->role != NNI_FEATURE || nni_csv_encode(y, csv, c, field, &place, &status, report) != 1) continue;
            for (size_t k = 0; k < c->width; k++) {
                sum[c->at + k] += (double)y[k];
                sum[width + c->at + k] += 1;
            }
        }
    for (size_t j = 0; status == NN_OK && j < csv->count; j++) {
        nni_column *c = &csv->columns[j];
        if (c->role != NNI_FEATURE) continue;
        c->mean = (float *)nni_shared_take(csv->memory, c->width, sizeof *c->mean);
        if (!c->mean) status = nni_say(report, NN_ERROR_MEMORY, "%s: no memory for means", t->content.path);
        for (size_t k = 0; c->mean && k < c->width; k++)
            c->mean[k] = sum[width + c->at + k] > 0 ? (float)(sum[c->at + k] / sum[width + c->at + k]) : 0.0f;
    }
    nni_free(nni_shared_allocator(csv->memory), sum);
    nni_free(nni_shared_allocator(csv->memory), y);
    return status;
}

/* The names of columns: of the header, or their numbers. */
static nn_status nni_csv_columns(nn_csv *csv, const nni_table *t, nn_report *report) {
    csv->count = t->columns;
    csv->header = nni_csv_has_header(csv, t);
    csv->columns = (nni_column *)nni_shared_take(csv->memory, csv->count, sizeof *csv->columns);
    int room = csv->columns != NULL;
    const char *field = t->fields;
    if (room) memset(csv->columns, 0, csv->count * sizeof *csv->columns);
    for (size_t j = 0; room && j < csv->count; j++, field = nni_next_field(field)) {
        const size_t length = csv->header ? strlen(field) + 1 : 24;
        char *name = (char *)nni_shared_take(csv->memory, length, 1);
        if (name && csv->header) memcpy(name, field, length);
        else if (name) snprintf(name, length, "%zu", j + 1);
        csv->columns[j].name = name;
        room = name != NULL;
    }
    return room ? NN_OK : nni_say(report, NN_ERROR_MEMORY, "%s: no memory for its columns", t->content.path);
}

static nn_status nni_csv_roles(nn_csv *csv, const char *path, nn_report *report) {
    nn_status status = nni_csv_mark(csv, csv->desc.leave_out, NNI_LEFT_OUT, path, report);
    if (status == NN_OK) status = nni_csv_mark(csv, csv->desc.targets, NNI_TARGET, path, report);
    if (status == NN_OK) status = nni_csv_mark(csv, csv->desc.label, NNI_LABEL, path, report);
    if (status == NN_OK) status = nni_csv_mark(csv, csv->desc.nominal, NNI_FEATURE, path, report);
    for (size_t j = 0; status == NN_OK && j < csv->count; j++)
        csv->columns[j].nominal =
            csv->columns[j].role == NNI_LABEL || (csv->columns[j].nominal && csv->columns[j].role == NNI_FEATURE);
    return status;
}

static nn_status nni_csv_learn(nn_csv *csv, const nni_table *t, nn_report *report) {
    const char *path = t->content.path;
    nn_status status = nni_csv_columns(csv, t, report);
    if (status == NN_OK) status = nni_csv_roles(csv, path, report);
    if (status == NN_OK) nni_csv_find_kinds(csv, t);
    if (status == NN_OK) status = nni_csv_find_categories(csv, t, report);
    if (status == NN_OK) nni_csv_lay_out(csv);
    if (status == NN_OK) status = nni_csv_name(csv, path, report);
    if (status == NN_OK && csv->desc.missing == NN_CSV_MEAN) status = nni_csv_find_means(csv, t, report);
    return status;
}

/* An empty encoding in memory of its own; NULL: there is none. */
static nn_csv *nni_csv_new(const nn_allocator *allocator) {
    nni_shared *memory = nni_shared_new(allocator, NULL);
    nn_csv *csv = memory ? (nn_csv *)nni_shared_take(memory, 1, sizeof *csv) : NULL;
    if (!csv) {
        nni_shared_drop(memory);
        return NULL;
    }
    memset(csv, 0, sizeof *csv);
    csv->memory = memory;
    csv->desc.allocator = allocator;
    return csv;
}

/* The caller's texts may go: what loading needs of them is copied. 0: there is no memory. */
static int nni_csv_let_go(nn_csv *csv) {
    nn_csv_desc *d = &csv->desc;
    size_t words = 0;
    d->label = d->targets = d->leave_out = d->nominal = NULL;
    if (!d->missing_words) return 1;
    while (d->missing_words[words]) words++;
    d->missing_words = (const char *const *)nni_names_copy(csv->memory, d->missing_words, words);
    return d->missing_words != NULL;
}

/* What a table teaches. */
static nn_status nni_csv_of_table(nn_csv **csv, const nni_table *t, const nn_csv_desc *desc, nn_report *report) {
    nn_csv *c = nni_csv_new(desc->allocator);
    *csv = NULL;
    if (!c) return nni_say(report, NN_ERROR_MEMORY, "%s: no memory for its columns", t->content.path);
    c->desc = *desc;
    nn_status status = nni_csv_learn(c, t, report);
    if (status == NN_OK && !nni_csv_let_go(c))
        status = nni_say(report, NN_ERROR_MEMORY, "%s: no memory for its columns", t->content.path);
    if (status == NN_OK) *csv = c;
    else nn_csv_free(c);
    return status;
}

/* ---- data ---- */

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
                       "%s, line %zu: has %zu fields, and what was learned from %zu, %zu of them to be predicted", t->content.path,
                       t->lines[0], t->columns, csv->count, answers);
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

NN_API void nn_csv_free(nn_csv *csv) {
    if (csv) nni_shared_drop(csv->memory); /* it lies in there itself; datasets may hold it still */
}

NN_API const char *const *nn_csv_classes(const nn_csv *csv, size_t *count) {
    if (count) *count = csv ? csv->classes : 0;
    return csv && csv->labelled ? csv->class_names : NULL;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_CSV_H */
