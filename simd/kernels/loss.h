/* loss.h - losses that are sums over columns, each column for itself, and what all losses share
 *
 * Rows are summed in 16 lanes over blocks of NNI_BLOCK, whose results are added in double; rows of few columns run turned
 * (short_rows.h), with the same bits. Every loss takes its x before it writes dx there, so that dx may be x.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* Whether no float is infinite or NaN: 0*x is 0 then. */
static int NNI_FN(all_finite)(const float *x, size_t n) {
    const vf zero = vf_set1(0.0f);
    vf sum[4];
    NNI_UNROLL for (int s = 0; s < 4; s++) sum[s] = zero;
    size_t i = 0;
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES)
        NNI_UNROLL for (int s = 0; s < 4; s++) sum[s] = vf_fma(vf_load(x + i + s * VF_LANES), zero, sum[s]);
    for (; i < n; i += VF_LANES) sum[0] = vf_fma(vf_load_n(x + i, nni_min(n - i, VF_LANES)), zero, sum[0]);
    return vm_bits(vf_nan(vf_add(vf_add(sum[0], sum[1]), vf_add(sum[2], sum[3])))) == 0;
}

/* ---- rows ---- */

/* A row, and what a pass over it needs. */
typedef struct NNI_FN(loss_row) {
    const float *x;
    float *dx;               /* NULL if only the value is asked for */
    size_t n;
    const float *targets;    /* NULL: 1 at the label */
    size_t label;
    float keep, add;
    const float *weights;    /* of the columns, or NULL */
    float weight, gradient;  /* of the row's value, and of its gradient */
    size_t column;           /* one to leave out */
    float top, shift, factor, term; /* what an earlier pass found out */
} NNI_FN(loss_row);

NNI_INLINE NNI_FN(loss_row) NNI_FN(row_of)(const nni_loss *l, float *dx, const float *x, size_t r) {
    NNI_FN(loss_row) row;
    memset(&row, 0, sizeof row);
    row.x = x + r * l->n;
    row.dx = dx ? dx + r * l->n : NULL;
    row.n = l->n;
    row.targets = l->targets ? l->targets + r * l->n : NULL;
    row.label = l->targets ? 0 : l->labels[r];
    row.keep = l->keep;
    row.add = l->add;
    row.weights = l->class_weights;
    row.weight = l->sample_weights ? l->sample_weights[r] : 1.0f;
    row.gradient = l->gradient * row.weight;
    return row;
}

/* n <= VF_LANES floats; n is a constant where it is VF_LANES. */
NNI_INLINE vf NNI_FN(load_some)(const float *p, size_t n) { return n == VF_LANES ? vf_load(p) : vf_load_n(p, n); }
NNI_INLINE void NNI_FN(store_some)(float *p, vf v, size_t n) {
    if (n == VF_LANES) vf_store(p, v);
    else vf_store_n(p, v, n);
}
NNI_INLINE vf NNI_FN(first_some)(vf v, size_t n) { return n == VF_LANES ? v : vf_where(vm_first(n), v); }

/* Truth in the lane of column `column`, if that lies among the columns from i on. */
NNI_INLINE vm NNI_FN(is_column)(size_t i, size_t column) {
    return vi_eq0(vi_xor(vi_add(vi_lane(), vi_set1((uint32_t)i)), vi_set1((uint32_t)column)), vi_set1(0xffffffffu));
}

NNI_INLINE vf NNI_FN(row_target)(const NNI_FN(loss_row) *row, size_t i, size_t n) {
    const vf t = row->targets ? NNI_FN(load_some)(row->targets + i, n) : vf_where(NNI_FN(is_column)(i, row->label), vf_set1(1.0f));
    return vf_fma(vf_set1(row->keep), t, vf_set1(row->add));
}
NNI_INLINE vf NNI_FN(row_weight)(const NNI_FN(loss_row) *row, size_t i, size_t n) {
    return row->weights ? NNI_FN(load_some)(row->weights + i, n) : vf_set1(1.0f);
}
NNI_INLINE float NNI_FN(lane_0)(vf v) {
    float lanes[VF_LANES];
    vf_store(lanes, v);
    return lanes[0];
}

/* f sees n <= VF_LANES columns from i on and adds to two sums. The lanes are left in memory: unrolled, the many functions
 * would fill hundreds of KB where a vector has one lane. */
typedef void (*NNI_FN(loss_row_fn))(const NNI_FN(loss_row) *row, size_t i, size_t n, vf *sum);

NNI_INLINE void NNI_FN(row_block)(NNI_FN(loss_row_fn) f, const NNI_FN(loss_row) *row, size_t i, size_t end, double *total) {
    vf sum[2 * NNI_WIDE], lanes[NNI_WIDE];
    for (int w = 0; w < 2 * NNI_WIDE; w++) sum[w] = vf_set1(0.0f);
    for (; i + 16 <= end; i += 16)
        for (int w = 0; w < NNI_WIDE; w++) f(row, i + (size_t)(w * VF_LANES), VF_LANES, sum + 2 * w);
    for (int w = 0; w < NNI_WIDE; w++) {
        const size_t at = i + (size_t)(w * VF_LANES);
        if (at < end) f(row, at, nni_min(end - at, VF_LANES), sum + 2 * w);
    }
    for (int s = 0; s < 2; s++) {
        for (int w = 0; w < NNI_WIDE; w++) lanes[w] = sum[2 * w + s];
        total[s] += (double)NNI_FN(fold16)(lanes);
    }
}

NNI_INLINE void NNI_FN(row_pass)(NNI_FN(loss_row_fn) f, const NNI_FN(loss_row) *row, double *total) {
    total[0] = total[1] = 0.0;
    for (size_t i = 0; i < row->n; i += NNI_BLOCK) NNI_FN(row_block)(f, row, i, nni_min(row->n, i + NNI_BLOCK), total);
}

/* ---- blocks of rows, turned ---- */

/* The targets of `rows` rows from r on. */
static void NNI_FN(target_columns)(vf *t, const nni_loss *l, size_t r, size_t rows) {
    if (l->targets) {
        NNI_FN(load_columns)(t, l->targets + r * l->n, rows, l->n);
    } else {
        float label[VF_LANES] = {0};
        for (size_t i = 0; i < rows; i++) label[i] = (float)l->labels[r + i];
        const vf right = vf_load(label);
        for (size_t j = 0; j < l->n; j++) t[j] = vf_where(vf_eq(right, vf_set1((float)j)), vf_set1(1.0f));
    }
    for (size_t j = 0; j < l->n; j++) t[j] = vf_fma(vf_set1(l->keep), t[j], vf_set1(l->add));
}
NNI_INLINE vf NNI_FN(column_weight)(const nni_loss *l, size_t j) { return vf_set1(l->class_weights ? l->class_weights[j] : 1.0f); }
NNI_INLINE vf NNI_FN(weights_of_rows)(const nni_loss *l, size_t r, size_t rows) {
    return l->sample_weights ? NNI_FN(load_some)(l->sample_weights + r, rows) : vf_set1(1.0f);
}

/* ---- terms: one column's part of the loss, and its derivative ---- */

typedef struct NNI_FN(term) {
    vf value, slope;
} NNI_FN(term);

typedef NNI_FN(term) (*NNI_FN(term_fn))(vf x, vf t, vf option);

NNI_INLINE NNI_FN(term) NNI_FN(term_mse)(vf x, vf t, vf option) {
    NNI_FN(term) term;
    term.slope = vf_sub(x, t);
    term.value = vf_mul(vf_mul(vf_set1(0.5f), term.slope), term.slope);
    return (void)option, term;
}

NNI_INLINE NNI_FN(term) NNI_FN(term_mae)(vf x, vf t, vf option) {
    const vf zero = vf_set1(0.0f), apart = vf_sub(x, t);
    NNI_FN(term) term;
    term.value = vf_abs(apart);
    term.slope = vf_select(vf_lt(zero, apart), vf_set1(1.0f), vf_select(vf_lt(apart, zero), vf_set1(-1.0f), apart));
    return (void)option, term;
}

NNI_INLINE NNI_FN(term) NNI_FN(term_huber)(vf x, vf t, vf delta) {
    const vf half = vf_set1(0.5f), apart = vf_sub(x, t), size = vf_abs(apart), below = vf_sub(vf_set1(0.0f), delta);
    NNI_FN(term) term;
    term.value = vf_select(vf_le(size, delta), vf_mul(vf_mul(half, apart), apart), vf_mul(delta, vf_fnma(half, delta, size)));
    term.slope = vf_at_least(vf_at_most(apart, delta), below);
    return term;
}

/* Logarithms of probabilities are at least -100, and what a derivative divides by is at least 1e-12. */
NNI_INLINE vf NNI_FN(log_clamped)(vf p) { return vf_max(NNI_FN(vlog)(p), vf_set1(-100.0f)); }
NNI_INLINE vf NNI_FN(div_clamped)(vf a, vf p) { return vf_div(a, vf_max(p, vf_set1(1e-12f))); }

NNI_INLINE NNI_FN(term) NNI_FN(term_bce)(vf x, vf t, vf option) {
    const vf zero = vf_set1(0.0f), one = vf_set1(1.0f), no = vf_sub(one, x), not_t = vf_sub(one, t);
    NNI_FN(term) term;
    term.value = vf_fnma(t, NNI_FN(log_clamped)(x), vf_fnma(not_t, NNI_FN(log_clamped)(no), zero));
    term.slope = vf_sub(NNI_FN(div_clamped)(not_t, no), NNI_FN(div_clamped)(t, x));
    return (void)option, term;
}

NNI_INLINE NNI_FN(term) NNI_FN(term_ce)(vf x, vf t, vf option) {
    const vf zero = vf_set1(0.0f);
    NNI_FN(term) term;
    term.value = vf_fnma(t, NNI_FN(log_clamped)(x), zero);
    term.slope = NNI_FN(div_clamped)(vf_sub(zero, t), x);
    return (void)option, term;
}

NNI_INLINE NNI_FN(term) NNI_FN(term_log_ce)(vf x, vf t, vf option) {
    const vf zero = vf_set1(0.0f);
    NNI_FN(term) term;
    term.value = vf_select(vf_eq(t, zero), vf_where(vf_nan(x), x), vf_fnma(t, x, zero));
    term.slope = vf_sub(zero, t);
    return (void)option, term;
}

/* log(1 + v) for v >= -1/2: u = 1 + v rounds away v - (u - 1), which comes back divided by u. */
NNI_INLINE vf NNI_FN(vlog1p)(vf v) {
    const vf one = vf_set1(1.0f), u = vf_add(one, v);
    return vf_add(NNI_FN(vlog)(u), vf_div(vf_sub(v, vf_sub(u, one)), u));
}

/* max(x, 0) - t x + log(1 + e^-|x|), where the first two are |x| times the target of the other answer. With it, the
 * derivative sigmoid(x) - t loses nothing where sigmoid(x) comes close to t = 1. */
NNI_INLINE NNI_FN(term) NNI_FN(term_sigmoid_bce)(vf x, vf t, vf option) {
    const vf zero = vf_set1(0.0f), one = vf_set1(1.0f), size = vf_abs(x);
    const vf e = NNI_FN(vexp)(vf_sub(zero, size)), unlikely = vf_div(e, vf_add(one, e)), not_t = vf_sub(one, t);
    const vm below = vf_lt(x, zero);
    const vf missed = vf_select(below, t, not_t);
    NNI_FN(term) term;
    term.value = vf_add(vf_select(vf_eq(missed, zero), zero, vf_mul(missed, size)), NNI_FN(vlog1p)(e));
    term.slope = vf_select(below, vf_sub(unlikely, t), vf_sub(not_t, unlikely));
    return (void)option, term;
}

/* ---- their sums ---- */

NNI_INLINE void NNI_FN(term_block)(NNI_FN(term_fn) f, float *y, float *dx, const float *x, const nni_loss *l, size_t r, size_t rows) {
    const size_t n = l->n;
    const vf option = vf_set1(l->delta), weight = NNI_FN(weights_of_rows)(l, r, rows), g = vf_mul(vf_set1(l->gradient), weight);
    vf column[NNI_SHORT], t[NNI_SHORT];
    NNI_FN(load_columns)(column, x + r * n, rows, n);
    NNI_FN(target_columns)(t, l, r, rows);
    for (size_t j = 0; j < n; j++) {
        const NNI_FN(term) term = f(column[j], t[j], option);
        const vf w = NNI_FN(column_weight)(l, j);
        column[j] = vf_mul(g, vf_mul(w, term.slope));
        t[j] = vf_fma(w, term.value, vf_set1(0.0f));
    }
    if (dx) NNI_FN(store_columns)(dx + r * n, column, rows, n);
    NNI_FN(store_some)(y + r, vf_mul(weight, NNI_FN(fold_columns)(t, n)), rows);
}

NNI_INLINE void NNI_FN(term_rows)(NNI_FN(term_fn) f, NNI_FN(loss_row_fn) pass, float *y, float *dx, const float *x, size_t rows,
                                  const nni_loss *l) {
    const size_t turned = NNI_FN(rows_to_turn)(rows, l->n);
    for (size_t r = 0; r < turned; r += VF_LANES) NNI_FN(term_block)(f, y, dx, x, l, r, nni_min(turned - r, VF_LANES));
    for (size_t r = turned; r < rows; r++) {
        NNI_FN(loss_row) row = NNI_FN(row_of)(l, dx, x, r);
        double sum[2];
        row.term = l->delta;
        NNI_FN(row_pass)(pass, &row, sum);
        y[r] = row.weight * (float)sum[0];
    }
}

NNI_INLINE void NNI_FN(term_some)(NNI_FN(term_fn) f, const NNI_FN(loss_row) *row, size_t i, size_t n, vf *sum) {
    const NNI_FN(term) term = f(NNI_FN(load_some)(row->x + i, n), NNI_FN(row_target)(row, i, n), vf_set1(row->term));
    const vf w = NNI_FN(row_weight)(row, i, n);
    if (row->dx) NNI_FN(store_some)(row->dx + i, vf_mul(vf_set1(row->gradient), vf_mul(w, term.slope)), n);
    sum[0] = vf_add(sum[0], NNI_FN(first_some)(vf_fma(w, term.value, vf_set1(0.0f)), n));
}

#define NNI_TERMS(X) X(mse) X(mae) X(huber) X(bce) X(ce) X(log_ce) X(sigmoid_bce)
#define NNI_TERM_LOSS(function)                                                                                             \
    NNI_INLINE void NNI_FN(pass_##function)(const NNI_FN(loss_row) * row, size_t i, size_t n, vf *sum) {                         \
        NNI_FN(term_some)(NNI_FN(term_##function), row, i, n, sum);                                                         \
    }                                                                                                                       \
    static void NNI_FN(loss_##function)(float *y, float *dx, const float *x, size_t rows, const nni_loss *l) {              \
        NNI_FN(term_rows)(NNI_FN(term_##function), NNI_FN(pass_##function), y, dx, x, rows, l);                             \
    }
NNI_TERMS(NNI_TERM_LOSS)
#undef NNI_TERM_LOSS
#undef NNI_TERMS

/* ---- the multi-class hinge ---- */

/* shift = x of the right column less the margin, factor = what the gradient of a column is. */
NNI_INLINE void NNI_FN(pass_hinge)(const NNI_FN(loss_row) *row, size_t i, size_t n, vf *sum) {
    const vf zero = vf_set1(0.0f), one = vf_set1(1.0f);
    const vf over = vf_add(vf_sub(NNI_FN(load_some)(row->x + i, n), vf_set1(row->shift)), vf_set1(row->term));
    const vf wrong = NNI_FN(first_some)(vf_select(NNI_FN(is_column)(i, row->label), zero, over), n);
    const vf counts = vf_select(vf_nan(wrong), wrong, vf_where(vf_lt(zero, wrong), one));
    if (row->dx) NNI_FN(store_some)(row->dx + i, vf_mul(vf_set1(row->gradient), counts), n);
    sum[0] = vf_add(sum[0], vf_max(wrong, zero));
    sum[1] = vf_add(sum[1], counts);
}

/* The right column is the label, or that of the largest target. */
static void NNI_FN(loss_hinge)(float *y, float *dx, const float *x, size_t rows, const nni_loss *l) {
    for (size_t r = 0; r < rows; r++) {
        NNI_FN(loss_row) row = NNI_FN(row_of)(l, dx, x, r);
        double sum[2];
        if (row.targets) row.label = NNI_FN(argmax)(row.targets, row.n);
        if (row.weights) {
            row.weight *= row.weights[row.label];
            row.gradient *= row.weights[row.label];
        }
        row.shift = row.x[row.label];
        row.term = l->margin;
        NNI_FN(row_pass)(NNI_FN(pass_hinge), &row, sum);
        if (dx) row.dx[row.label] = -row.gradient * (float)sum[1];
        y[r] = row.weight * (float)sum[0];
    }
}

#endif /* NNI_ISA */
