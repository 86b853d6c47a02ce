/* csv_columns.h - the columns of a table: what is asked of them, what was learned, and a field as numbers */
#ifndef NN_CSV_COLUMNS_H
#define NN_CSV_COLUMNS_H

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

/* What a file taught: which columns there are, what they hold, their categories and means. nn_csv_note keeps it with a
 * network. */
typedef struct nn_csv nn_csv;
NN_API void nn_csv_free(nn_csv *csv); /* NULL is fine */

#ifdef NN_IMPLEMENTATION

#include "csv_text.h"
#include "encode.h"
#include "number.h"

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

NN_API void nn_csv_free(nn_csv *csv) {
    if (csv) nni_shared_drop(csv->memory); /* it lies in there itself; datasets may hold it still */
}

static int nni_csv_is_missing(const nn_csv_desc *d, const char *field) {
    static const char *const usual[] = {"", "?", "NA", "N/A", "NaN", "nan", "null", NULL};
    for (const char *const *word = d->missing_words ? d->missing_words : usual; *word; word++)
        if (strcmp(*word, field) == 0) return 1;
    return 0;
}

static int nni_csv_number(const nn_csv_desc *d, const char *field, float *value) {
    return nni_parse_float(value, field, strlen(field), d->decimal ? d->decimal : '.');
}

/* The first field of the first row of data; *row is its number. */
static const char *nni_csv_data(const nn_csv *csv, const nni_table *t, size_t *row) {
    const char *field = t->fields;
    *row = csv->header ? 1 : 0;
    for (size_t j = 0; csv->header && j < t->columns; j++) field = nni_next_field(field);
    return field;
}

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

#endif /* NN_IMPLEMENTATION */
#endif /* NN_CSV_COLUMNS_H */
