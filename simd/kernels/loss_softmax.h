/* loss_softmax.h - losses of the softmax of logits, from the logits: nothing overflows and no logarithm meets a 0
 *
 * With d = top - x >= 0 and s = log(sum(e^-d)) >= 0 the logarithm of a probability is -(d + s), two terms of one sign.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* A target times how far its logarithm lies below 0; a target of 0 weighs nothing even where that is infinite. */
NNI_INLINE vf NNI_FN(target_times)(vf t, vf distance) {
    const vf zero = vf_set1(0.0f);
    return vf_select(vf_eq(t, zero), zero, vf_fma(t, distance, zero));
}

/* The sum of e^-d, which dx keeps if there is one; rounded to float, as the turned rows have it. */
static float NNI_FN(row_exp_sum)(const NNI_FN(loss_row) *row, float top) {
    return (float)(row->dx ? NNI_FN(exp_row)(row->dx, row->x, row->n, top) : NNI_FN(exp_sum)(row->x, row->n, top));
}

/* ---- cross-entropy: the loss is T s + sum(t d) and its gradient T p - t, with T = sum(t) ----
 *
 * Targets that are 1 at the label and 0 elsewhere have T = 1 and one t d: short cuts with the same bits. */

/* The gradient g (T p - t) from e = e^-d, with factor = g T / sum(e) and part = -g t. */
NNI_INLINE vf NNI_FN(d_softmax_ce)(vf e, vf part, vf factor) { return vf_fma(e, factor, part); }
NNI_INLINE vf NNI_FN(d_softmax_ce_rest)(vf e, vf factor) { return vf_fma(e, factor, vf_set1(0.0f)); }

NNI_INLINE void NNI_FN(label_ce_block)(float *y, float *dx, const float *x, const nni_loss *l, size_t r, size_t rows) {
    const size_t n = l->n;
    const vf zero = vf_set1(0.0f), weight = NNI_FN(weights_of_rows)(l, r, rows), g = vf_mul(vf_set1(l->gradient), weight);
    float label[VF_LANES] = {0}, logit[VF_LANES] = {0};
    vf column[NNI_SHORT];
    for (size_t i = 0; i < rows; i++) {
        label[i] = (float)l->labels[r + i];
        logit[i] = x[(r + i) * n + l->labels[r + i]];
    }
    NNI_FN(load_columns)(column, x + r * n, rows, n);
    const vf top = NNI_FN(max_columns)(column, n), sum = NNI_FN(exp_columns)(column, n, top);
    NNI_FN(store_some)(y + r, vf_mul(weight, vf_add(NNI_FN(vlog)(sum), vf_sub(top, vf_load(logit)))), rows);
    if (!dx) return;
    const vf factor = vf_mul(vf_div(vf_set1(1.0f), sum), g), part = vf_sub(zero, g), right = vf_load(label);
    for (size_t j = 0; j < n; j++)
        column[j] = NNI_FN(d_softmax_ce)(column[j], vf_where(vf_eq(right, vf_set1((float)j)), part), factor);
    NNI_FN(store_columns)(dx + r * n, column, rows, n);
}

/* What is known of a few rows before their logarithms, which are taken together: 16 cost no more than one. */
typedef struct NNI_FN(ce_rows) {
    float sum[16], all[16], far[16], weight[16]; /* sum(e^-d), T, sum(t d) */
} NNI_FN(ce_rows);

static void NNI_FN(ce_values)(float *y, const NNI_FN(ce_rows) *known, size_t rows) {
    for (size_t i = 0; i < rows; i += VF_LANES) {
        const vf lost = vf_fma(vf_load(known->all + i), NNI_FN(vlog)(vf_load(known->sum + i)), vf_load(known->far + i));
        vf_store_n(y + i, vf_mul(vf_load(known->weight + i), lost), nni_min(rows - i, VF_LANES));
    }
}

NNI_INLINE void NNI_FN(label_ce_row)(NNI_FN(ce_rows) *known, size_t i, float *dx, const float *x, const nni_loss *l, size_t r) {
    const NNI_FN(loss_row) row = NNI_FN(row_of)(l, dx, x, r);
    const float top = NNI_FN(max)(row.x, row.n);
    known->weight[i] = row.weight;
    known->all[i] = 1.0f;
    known->far[i] = top - row.x[row.label];
    known->sum[i] = NNI_FN(row_exp_sum)(&row, top);
    if (!dx) return;
    const float factor = 1.0f / known->sum[i] * row.gradient;
    const vf right = NNI_FN(d_softmax_ce)(vf_set1(row.dx[row.label]), vf_set1(-row.gradient), vf_set1(factor));
    NNI_FN(map1)(NNI_FN(d_softmax_ce_rest), row.dx, row.dx, row.n, factor);
    vf_store_n(row.dx + row.label, right, 1);
}

NNI_INLINE void NNI_FN(target_ce_block)(float *y, float *dx, const float *x, const nni_loss *l, size_t r, size_t rows) {
    const size_t n = l->n;
    const vf zero = vf_set1(0.0f), weight = NNI_FN(weights_of_rows)(l, r, rows), g = vf_mul(vf_set1(l->gradient), weight);
    vf column[NNI_SHORT], t[NNI_SHORT], total[NNI_SHORT], lost[NNI_SHORT];
    NNI_FN(load_columns)(column, x + r * n, rows, n);
    NNI_FN(target_columns)(t, l, r, rows);
    const vf top = NNI_FN(max_columns)(column, n);
    for (size_t j = 0; j < n; j++) {
        t[j] = total[j] = vf_fma(NNI_FN(column_weight)(l, j), t[j], zero);
        lost[j] = NNI_FN(target_times)(t[j], vf_sub(top, column[j]));
    }
    const vf sum = NNI_FN(exp_columns)(column, n, top), all = NNI_FN(fold_columns)(total, n);
    const vf far = NNI_FN(fold_columns)(lost, n);
    NNI_FN(store_some)(y + r, vf_mul(weight, vf_fma(all, NNI_FN(vlog)(sum), far)), rows);
    if (!dx) return;
    const vf factor = vf_mul(vf_mul(vf_div(vf_set1(1.0f), sum), all), g);
    for (size_t j = 0; j < n; j++) column[j] = NNI_FN(d_softmax_ce)(column[j], vf_fnma(g, t[j], zero), factor);
    NNI_FN(store_columns)(dx + r * n, column, rows, n);
}

NNI_INLINE vf NNI_FN(weighted_target)(const NNI_FN(loss_row) *row, size_t i, size_t n) {
    return NNI_FN(first_some)(vf_fma(NNI_FN(row_weight)(row, i, n), NNI_FN(row_target)(row, i, n), vf_set1(0.0f)), n);
}
NNI_INLINE void NNI_FN(pass_targets)(const NNI_FN(loss_row) *row, size_t i, size_t n, vf *sum) {
    const vf t = NNI_FN(weighted_target)(row, i, n);
    sum[0] = vf_add(sum[0], t);
    sum[1] = vf_add(sum[1], NNI_FN(target_times)(t, vf_sub(vf_set1(row->shift), NNI_FN(load_some)(row->x + i, n))));
}
NNI_INLINE void NNI_FN(pass_softmax_ce)(const NNI_FN(loss_row) *row, size_t i, size_t n, vf *sum) {
    const vf part = vf_fnma(vf_set1(row->gradient), NNI_FN(weighted_target)(row, i, n), vf_set1(0.0f));
    NNI_FN(store_some)(row->dx + i, NNI_FN(d_softmax_ce)(NNI_FN(load_some)(row->dx + i, n), part, vf_set1(row->factor)), n);
    (void)sum;
}

NNI_INLINE void NNI_FN(target_ce_row)(NNI_FN(ce_rows) *known, size_t i, float *dx, const float *x, const nni_loss *l, size_t r) {
    NNI_FN(loss_row) row = NNI_FN(row_of)(l, dx, x, r);
    double total[2];
    row.shift = NNI_FN(max)(row.x, row.n);
    NNI_FN(row_pass)(NNI_FN(pass_targets), &row, total);
    known->weight[i] = row.weight;
    known->all[i] = (float)total[0];
    known->far[i] = (float)total[1];
    known->sum[i] = NNI_FN(row_exp_sum)(&row, row.shift);
    row.factor = 1.0f / known->sum[i] * known->all[i] * row.gradient;
    if (dx) NNI_FN(row_pass)(NNI_FN(pass_softmax_ce), &row, total);
}

static void NNI_FN(loss_softmax_ce)(float *y, float *dx, const float *x, size_t rows, const nni_loss *l) {
    const size_t turned = NNI_FN(rows_to_turn)(rows, l->n);
    const int plain = l->labels && !l->class_weights && l->keep == 1.0f;
    for (size_t r = 0; r < turned; r += VF_LANES) {
        const size_t some = nni_min(turned - r, VF_LANES);
        if (plain) NNI_FN(label_ce_block)(y, dx, x, l, r, some);
        else NNI_FN(target_ce_block)(y, dx, x, l, r, some);
    }
    for (size_t r = turned; r < rows; r += 16) {
        NNI_FN(ce_rows) known;
        memset(&known, 0, sizeof known);
        for (size_t i = 0; i < 16 && r + i < rows; i++) {
            if (plain) NNI_FN(label_ce_row)(&known, i, dx, x, l, r + i);
            else NNI_FN(target_ce_row)(&known, i, dx, x, l, r + i);
        }
        NNI_FN(ce_values)(y + r, &known, nni_min(rows - r, 16));
    }
}

/* ---- half the squared distance of the probabilities p from the targets ---- */

/* e^-d, kept in dx by an earlier pass if there is one. */
NNI_INLINE vf NNI_FN(row_exp)(const NNI_FN(loss_row) *row, size_t i, size_t n) {
    if (row->dx) return NNI_FN(load_some)(row->dx + i, n);
    return NNI_FN(vexp)(vf_sub(NNI_FN(load_some)(row->x + i, n), vf_set1(row->shift)));
}

/* sum(w (p - t)^2) and sum(w (p - t) p), with factor = 1/sum(e) */
NNI_INLINE void NNI_FN(pass_distances)(const NNI_FN(loss_row) *row, size_t i, size_t n, vf *sum) {
    const vf p = vf_mul(NNI_FN(row_exp)(row, i, n), vf_set1(row->factor)), apart = vf_sub(p, NNI_FN(row_target)(row, i, n));
    const vf slope = NNI_FN(first_some)(vf_mul(NNI_FN(row_weight)(row, i, n), apart), n);
    sum[0] = vf_fma(slope, apart, sum[0]);
    sum[1] = vf_fma(slope, p, sum[1]);
}

/* dx = g p (w (p - t) - term) */
NNI_INLINE void NNI_FN(pass_softmax_mse)(const NNI_FN(loss_row) *row, size_t i, size_t n, vf *sum) {
    const vf p = vf_mul(NNI_FN(row_exp)(row, i, n), vf_set1(row->factor)), apart = vf_sub(p, NNI_FN(row_target)(row, i, n));
    const vf slope = vf_mul(NNI_FN(row_weight)(row, i, n), apart);
    NNI_FN(store_some)(row->dx + i, vf_mul(vf_mul(vf_set1(row->gradient), p), vf_sub(slope, vf_set1(row->term))), n);
    (void)sum;
}

static void NNI_FN(loss_softmax_mse)(float *y, float *dx, const float *x, size_t rows, const nni_loss *l) {
    for (size_t r = 0; r < rows; r++) {
        NNI_FN(loss_row) row = NNI_FN(row_of)(l, dx, x, r);
        double total[2];
        row.shift = NNI_FN(max)(row.x, row.n);
        row.factor = 1.0f / NNI_FN(row_exp_sum)(&row, row.shift);
        NNI_FN(row_pass)(NNI_FN(pass_distances), &row, total);
        y[r] = row.weight * (0.5f * (float)total[0]);
        row.term = (float)total[1];
        if (dx) NNI_FN(row_pass)(NNI_FN(pass_softmax_mse), &row, total);
    }
}

/* ---- a yes-or-no cross-entropy of every probability ----
 *
 * Only the likeliest column k can have p > 1/2, where 1 - p would cancel and its logarithm become infinite. Its 1 - p is the
 * sum of the others, which are therefore kept relative to the largest of them: E = e^(x - shift), R = sum(E),
 * odds = e^(shift - x[k]), s = 1 + R odds. Then p[k] = 1/s, 1 - p[k] = R odds/s, and elsewhere p = E odds/s <= 1/2. */

/* The largest of the columns but k; -infinity if there are none. */
NNI_INLINE float NNI_FN(max_without)(const float *x, size_t n, size_t k) {
    const float before = k ? NNI_FN(max)(x, k) : -INFINITY, after = k + 1 < n ? NNI_FN(max)(x + k + 1, n - k - 1) : -INFINITY;
    return before > after || before != before ? before : after;
}

/* v, 0 in the column left out. */
NNI_INLINE vf NNI_FN(without_column)(const NNI_FN(loss_row) *row, size_t i, vf v) {
    return vf_select(NNI_FN(is_column)(i, row->column), vf_set1(0.0f), v);
}

/* R and sum(w t d) over the others; keeps E in dx. */
NNI_INLINE void NNI_FN(pass_others)(const NNI_FN(loss_row) *row, size_t i, size_t n, vf *sum) {
    const vf x = NNI_FN(load_some)(row->x + i, n), t = NNI_FN(without_column)(row, i, NNI_FN(weighted_target)(row, i, n));
    const vf e = NNI_FN(without_column)(row, i, NNI_FN(vexp)(vf_sub(x, vf_set1(row->shift))));
    if (row->dx) NNI_FN(store_some)(row->dx + i, e, n);
    sum[0] = vf_add(sum[0], NNI_FN(first_some)(e, n));
    sum[1] = vf_add(sum[1], NNI_FN(target_times)(t, vf_sub(vf_set1(row->top), x)));
}

/* a = w ((1-t) p/(1-p) - t): the derivative of a column's terms by the logarithm of its p */
NNI_INLINE vf NNI_FN(d_log_p)(const NNI_FN(loss_row) *row, size_t i, size_t n, vf p) {
    const vf one = vf_set1(1.0f), t = NNI_FN(row_target)(row, i, n), odds = vf_div(p, vf_sub(one, p));
    return vf_mul(NNI_FN(row_weight)(row, i, n), vf_sub(vf_mul(vf_sub(one, t), odds), t));
}

/* sum(w t log(s) - w (1-t) log(1-p)) and sum(a) over the others, with factor = odds/s, term = log(s) */
NNI_INLINE void NNI_FN(pass_softmax_bce)(const NNI_FN(loss_row) *row, size_t i, size_t n, vf *sum) {
    const vf zero = vf_set1(0.0f), t = NNI_FN(row_target)(row, i, n), not_t = vf_sub(vf_set1(1.0f), t);
    const vf p = NNI_FN(without_column)(row, i, vf_mul(NNI_FN(row_exp)(row, i, n), vf_set1(row->factor)));
    const vf no = vf_mul(not_t, NNI_FN(vlog1p)(vf_sub(zero, p))), both = vf_sub(vf_mul(t, vf_set1(row->term)), no);
    const vf lost = NNI_FN(without_column)(row, i, vf_mul(NNI_FN(row_weight)(row, i, n), both));
    sum[0] = vf_add(sum[0], NNI_FN(first_some)(lost, n));
    sum[1] = vf_add(sum[1], NNI_FN(first_some)(NNI_FN(without_column)(row, i, NNI_FN(d_log_p)(row, i, n, p)), n));
}

/* dx = g (a - E term) */
NNI_INLINE void NNI_FN(pass_d_softmax_bce)(const NNI_FN(loss_row) *row, size_t i, size_t n, vf *sum) {
    const vf e = NNI_FN(load_some)(row->dx + i, n), a = NNI_FN(d_log_p)(row, i, n, vf_mul(e, vf_set1(row->factor)));
    NNI_FN(store_some)(row->dx + i, vf_mul(vf_set1(row->gradient), vf_fnma(e, vf_set1(row->term), a)), n);
    (void)sum;
}

NNI_INLINE float NNI_FN(exp_1)(float x) { return NNI_FN(lane_0)(NNI_FN(vexp)(vf_set1(x))); }

/* The value: what the others lose, and column k, w being its weight and t its target. */
NNI_INLINE float NNI_FN(softmax_bce_value)(const NNI_FN(loss_row) *row, float w, float t, double sum_e, double others, float gap) {
    const float not_p = gap + NNI_FN(lane_0)(vf_sub(vf_set1(row->term), NNI_FN(vlog)(vf_set1((float)sum_e)))); /* -log(1-p) */
    const vf yes = NNI_FN(target_times)(vf_set1(t), vf_set1(row->term)), no = NNI_FN(target_times)(vf_set1(1.0f - t), vf_set1(not_p));
    return row->weight * (float)((double)(w * NNI_FN(lane_0)(vf_add(yes, no))) + others);
}

static void NNI_FN(loss_softmax_bce)(float *y, float *dx, const float *x, size_t rows, const nni_loss *l) {
    for (size_t r = 0; r < rows; r++) {
        NNI_FN(loss_row) row = NNI_FN(row_of)(l, dx, x, r);
        const size_t k = row.column = NNI_FN(argmax)(row.x, row.n);
        const float other = NNI_FN(max_without)(row.x, row.n, k), gap = row.x[k] - other, odds = NNI_FN(exp_1)(-gap);
        const float t = NNI_FN(lane_0)(NNI_FN(row_target)(&row, k, 1)), w = row.weights ? row.weights[k] : 1.0f;
        double first[2], second[2];
        row.top = row.x[k];
        row.shift = other == -INFINITY ? 0.0f : other;
        NNI_FN(row_pass)(NNI_FN(pass_others), &row, first);
        const double no_p = first[0] * (double)odds, s = 1.0 + no_p, wt = (double)w * (double)t, wn = (double)w * (1.0 - (double)t);
        row.factor = (float)((double)odds / s);
        row.term = NNI_FN(lane_0)(NNI_FN(vlog1p)(vf_set1((float)no_p)));
        NNI_FN(row_pass)(NNI_FN(pass_softmax_bce), &row, second);
        y[r] = NNI_FN(softmax_bce_value)(&row, w, t, first[0], first[1] + second[0], gap);
        if (!dx) continue;
        /* a of column k times p elsewhere, and times 1 - p there: what is infinite in a cancels */
        const int alone = first[0] == 0.0; /* p[k] is 1 whatever x[k], unless that is NaN */
        const double by_no = alone ? 0.0 : wn / (first[0] * s);
        const double top = alone ? (double)(row.top - row.top) : (wn - wt * no_p - second[1]) / s;
        row.term = (float)((double)odds / s * (second[1] - wt) + by_no);
        NNI_FN(row_pass)(NNI_FN(pass_d_softmax_bce), &row, first);
        row.dx[k] = row.gradient * (float)top;
    }
}

/* ---- all losses ---- */

static void NNI_FN(loss)(float *y, float *dx, const float *x, size_t rows, const nni_loss *l) {
    switch (l->loss) {
#define NNI_LOSS(name, function) case name: NNI_FN(loss_##function)(y, dx, x, rows, l); break;
        NN_LOSS_LIST(NNI_LOSS)
#undef NNI_LOSS
    default: break;
    }
}

#endif /* NNI_ISA */
