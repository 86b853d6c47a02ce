/* csv_learn.h - what a table teaches: which columns there are, what they hold, their categories and means */
#ifndef NN_CSV_LEARN_H
#define NN_CSV_LEARN_H

#include "csv_columns.h"

#ifdef NN_IMPLEMENTATION

#define NNI_CATEGORIES_USUAL 1000

/* ---- which columns there are ---- */

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

/* ---- what they hold ---- */

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

/* ---- what they become ---- */

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

/* ---- all of it ---- */

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

#endif /* NN_IMPLEMENTATION */
#endif /* NN_CSV_LEARN_H */
