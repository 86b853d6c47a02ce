/* test_optimizer.c - every rule against PyTorch and against the books in double; arrays, parts, threads, NaN, faults */
#include "golden.h"
#include "hook.h"
#include "optimizers.h"
#include "optimizers_exact.h"

#define TOL_PATH 1e-5 /* of a weight, or of 1, after a hundred steps */

static optimizer_case cases[OPTIMIZER_CASES];
static size_t case_count;

static void must(nn_status status) {
    if (!CHECK(status == NN_OK)) exit(test_end("optimizer"));
}

static const nn_optimizer *case_named(const char *name) {
    for (size_t c = 0; c < case_count; c++)
        if (strcmp(cases[c].name, name) == 0) return &cases[c].o;
    abort();
}

/* ---- paths ---- */

static void torch_path(const char *name, const nn_optimizer *o, float norm) {
    nn_optimizer_state state;
    float w[PROBLEM], g[PROBLEM], points[7 * PROBLEM];
    int saved = 0;
    must(nn_optimizer_new(&state, o, PROBLEM, NULL));
    memcpy(w, problem_start, sizeof w);
    for (int step = 1; step <= STEPS; step++) {
        problem_gradient(g, w, step);
        nn_optimizer_advance(&state, o);
        nn_optimizer_apply(w, g, PROBLEM, 0, &state, o, norm > 0 ? nn_clip_norm(g, PROBLEM, norm) : 1.0f);
        if (step < 3 || step % 20 == 0) memcpy(points + PROBLEM * saved++, w, sizeof w);
    }
    test_case("%s as PyTorch", name);
    CHECK(golden_close(points, name, TOL_PATH));
    CHECK(w[PROBLEM - 1] == 1 || o->l2 > 0 || o->decay > 0); /* no gradient, no step */
    nn_optimizer_free(&state, NULL);
}

static void torch_paths(void) {
    static const char *const names[] = {
        "sgd", "sgd_l2", "sgd_value", "momentum", "momentum_dampening", "nesterov", "adagrad", "adagrad_accumulator", "rmsprop",
        "rmsprop_momentum", "rmsprop_centered", "rmsprop_both", "adadelta", "adam", "adam_l2", "adamw", "adamw_amsgrad",
        "amsgrad", "adamax", "nadam", "nadam_l2"};
    golden_open("optim");
    for (size_t i = 0; i < COUNT(names); i++) torch_path(names[i], case_named(names[i]), 0);
    torch_path("sgd_norm", case_named("sgd"), 0.75f);
}

/* The whole path in double, which sees no float of ours; 0 exactly where the books say 0. */
static void exact_path(const optimizer_case *c, const char *isa) {
    const nn_optimizer *o = &c->o;
    nn_optimizer_state state;
    exact_weight exact[PROBLEM];
    float w[PROBLEM], g[PROBLEM];
    int zeros = 0, same_zeros = 1;
    double worst = 0;
    must(nn_optimizer_new(&state, o, PROBLEM, NULL));
    memcpy(w, problem_start, sizeof w);
    for (int i = 0; i < PROBLEM; i++) exact[i] = exact_start(o, (double)w[i]);
    for (int step = 1; step <= STEPS; step++) {
        problem_gradient(g, w, step);
        nn_optimizer_step(w, g, PROBLEM, &state, o);
        for (int i = 0; i < PROBLEM; i++) {
            const double at = exact_point(o, &exact[i], (double)o->momentum);
            const double slope = (double)problem_curvature[i] * (at - (double)problem_centre[i]) + (double)problem_noise(step, i);
            exact_step(&exact[i], o, slope, step, (double)o->momentum);
            const double want = exact_point(o, &exact[i], (double)o->momentum), error = fabs((double)w[i] - want);
            if (!(error <= worst * fmax(1, fabs(want)))) worst = error / fmax(1, fabs(want));
            same_zeros &= (want == 0) == (w[i] == 0);
            zeros += want == 0;
        }
    }
    test_case("%s in double, %s: off by %g", c->name, isa, worst);
    CHECK(worst <= TOL_PATH);
    CHECK(same_zeros && state.step == STEPS);
    CHECK(o->l1 == 0 || o->kind < NN_FTRL || (zeros > 10 && zeros < PROBLEM * STEPS * 3 / 4));
    nn_optimizer_free(&state, NULL);
}

/* f(x, y) = x^2/20 + y^2 from (-7, 2), as in the lectures. */
static void converges(void) {
    const nn_optimizer runs[] = {
        nn_sgd(0.9f), nn_momentum(0.1f, 0.9f), nn_nesterov(0.1f, 0.9f), nn_adagrad(1.5f), nn_rmsprop(0.005f), nn_adadelta(10),
        nn_adam(0.3f), nn_adamw(0.3f), nn_amsgrad(0.3f), nn_adamax(0.3f), nn_nadam(0.3f), nn_lion(0.003f), nn_ftrl(1.5f),
        nn_adagrad_da(1.5f), nn_proximal_gd(0.9f), nn_proximal_adagrad(1.5f)};
    int seen[NN_OPTIMIZER_COUNT] = {0};
    for (size_t r = 0; r < COUNT(runs); r++) {
        nn_optimizer_state state;
        float w[2] = {-7, 2}, g[2];
        must(nn_optimizer_new(&state, &runs[r], 2, NULL));
        for (int step = 0; step < 4000; step++) {
            g[0] = w[0] / 10, g[1] = 2 * w[1];
            nn_optimizer_step(w, g, 2, &state, &runs[r]);
        }
        test_case("%s ends at %g, %g", nn_optimizer_name(runs[r].kind), (double)w[0], (double)w[1]);
        CHECK(fabsf(w[0]) < 0.05f && fabsf(w[1]) < 0.05f);
        seen[runs[r].kind] = 1;
        nn_optimizer_free(&state, NULL);
    }
    for (int k = 0; k < NN_OPTIMIZER_COUNT; k++) CHECK(seen[k]);
}

/* ---- arrays ---- */

enum { MOST = 1100, GAP = 5 };
static float *w_end, *g_end, *slots_end;

/* Three steps over arrays whose last floats end a page; gaps between the slots, and before w, stay as they are. */
static void steps(float *out, const nn_optimizer *o, size_t n, float scale) {
    const size_t slots = nn_optimizer_slots(o), stride = n + GAP, kept = slots ? slots * stride - GAP : 0;
    float *const w = w_end - n, *const g = g_end - n;
    nn_optimizer_state state = {0, 0, 0, 0, 0, slots_end - kept, stride};
    uint64_t random = n;
    test_fill(w, n, &random);
    fill_untouched(w - GAP, GAP);
    fill_untouched(slots_end - kept - GAP, kept + GAP);
    nn_optimizer_start(&state, o, n);
    for (int step = 0; step < 3; step++) {
        test_fill(g, n, &random);
        nn_optimizer_advance(&state, o);
        nn_optimizer_apply(w, g, n, 0, &state, o, scale);
    }
    CHECK(is_untouched(w - GAP, GAP));
    for (size_t s = 0; s < slots; s++) CHECK(is_untouched(state.slots + s * stride - GAP, GAP));
    memcpy(out, w, n * sizeof *w);
    for (size_t s = 0; s < slots; s++) memcpy(out + (s + 1) * n, state.slots + s * stride, n * sizeof *w);
}

static void lengths(const optimizer_case *c) {
    static float first[4 * MOST], again[4 * MOST];
    const size_t parts = nn_optimizer_slots(&c->o) + 1;
    for (size_t l = 0; l < COUNT(test_lengths); l++) {
        const size_t n = test_lengths[l];
        if (test_quick() && n > 40 && l % 4) continue;
        for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
            test_case("%s, %zu weights", c->name, n);
            steps(isa == best ? first : again, &c->o, n, l % 2 ? 1.0f : 0.25f);
            CHECK(isa == best || first_difference(first, again, parts * n) == parts * n);
        }
    }
}

/* In parts, backwards, of several lengths: the same bits; and a part of another rate. */
static void ranges(const optimizer_case *c) {
    static float whole[MOST], w[MOST], g[MOST];
    static const size_t cuts[] = {0, 1, 18, 50, 51, 307, 1021, MOST};
    nn_optimizer_state one, other;
    nn_optimizer frozen = c->o;
    uint64_t random = 7;
    frozen.rate = 0;
    frozen.decay = frozen.l1 = frozen.l2 = 0;
    must(nn_optimizer_new(&one, &c->o, MOST, NULL));
    must(nn_optimizer_new(&other, &c->o, MOST, NULL));
    test_fill(whole, MOST, &random);
    memcpy(w, whole, sizeof w);
    for (int step = 0; step < 3; step++) {
        test_fill(g, MOST, &random);
        nn_optimizer_step(whole, g, MOST, &one, &c->o);
        nn_optimizer_advance(&other, &c->o);
        for (size_t i = COUNT(cuts) - 1; i-- > 0;)
            nn_optimizer_apply(w + cuts[i], g + cuts[i], cuts[i + 1] - cuts[i], cuts[i], &other, &c->o, 1);
    }
    test_case("%s in parts", c->name);
    CHECK(first_difference(whole, w, MOST) == MOST);
    const size_t slots = nn_optimizer_slots(&c->o);
    for (size_t s = 0; s < slots; s++)
        CHECK(first_difference(one.slots + s * one.stride, other.slots + s * other.stride, MOST) == MOST);
    nn_optimizer_advance(&other, &c->o);
    nn_optimizer_apply(w, g, 50, 0, &other, &c->o, 1);
    CHECK(memcmp(w + 50, whole + 50, (MOST - 50) * sizeof *w) == 0);
    CHECK(memcmp(w, whole, 50 * sizeof *w) != 0 || c->o.kind == NN_FTRL);
    if (c->o.momentum == 0 && c->o.kind != NN_PROXIMAL_GD && c->o.kind != NN_PROXIMAL_ADAGRAD) {
        memcpy(whole, w, sizeof w); /* a rate of 0 moves nothing */
        nn_optimizer_apply(w, g, MOST, 0, &other, &frozen, 1);
        CHECK(first_difference(whole, w, MOST) == MOST);
    }
    nn_optimizer_free(&one, NULL);
    nn_optimizer_free(&other, NULL);
}

static void threads(const optimizer_case *c) {
    enum { MANY = 200003 };
    static float serial[MANY], w[MANY], g[MANY];
    uint64_t random = 8;
    test_fill(g, MANY, &random);
    for (size_t count = 1; count <= 7; count += count == 1 ? 1 : 5) {
        size_t calls = 0;
        nn_optimizer_state state;
        must(nn_optimizer_new(&state, &c->o, MANY, NULL));
        memcpy(w, g, sizeof w);
        nn_threads(count);
        nn_threads_hook(count == 2 ? hook_backwards : hook_pthreads, &calls);
        for (int step = 0; step < 2; step++) nn_optimizer_step(w, g, MANY, &state, &c->o);
        nn_threads_hook(NULL, NULL);
        nn_threads(1);
        test_case("%s, %zu threads", c->name, count);
        if (count == 1) memcpy(serial, w, sizeof w);
        CHECK(first_difference(serial, w, MANY) == MANY && (calls > 0) == (count > 1));
        nn_optimizer_free(&state, NULL);
    }
}

/* ---- special values ---- */

static void special(const optimizer_case *c) {
    nn_optimizer o = c->o;
    o.clip = INFINITY;
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t at = 0; at < 19; at++) {
            nn_optimizer_state state;
            float w[19], g[19];
            int others = 1, slots = 1;
            must(nn_optimizer_new(&state, &o, 19, NULL));
            for (int i = 0; i < 19; i++) w[i] = 1, g[i] = 0.5f;
            g[at] = NAN;
            nn_optimizer_step(w, g, 19, &state, &o);
            const float after = w[(at + 1) % 19];
            for (size_t i = 0; i < 19; i++) others &= i == at || w[i] == after;
            for (size_t s = 0; s < nn_optimizer_slots(&o); s++) slots &= isnan(state.slots[s * state.stride + at]);
            test_case("%s, NaN at %zu", c->name, at);
            CHECK(isnan(w[at]) && others && slots);
            g[at] = 1; /* for ever */
            nn_optimizer_step(w, g, 19, &state, &o);
            CHECK(isnan(w[at]));
            nn_optimizer_free(&state, NULL);
        }
}

/* Averages that nothing feeds any more end at 0 and are never subnormal. */
static void flushed(const optimizer_case *c) {
    nn_optimizer_state state;
    float w[17], g[17];
    int normal = 1;
    must(nn_optimizer_new(&state, &c->o, 17, NULL));
    for (int i = 0; i < 17; i++) w[i] = (float)i - 8, g[i] = 0x1p-40f;
    const size_t slots = nn_optimizer_slots(&c->o);
    for (int step = 0; step < 1500; step++) {
        nn_optimizer_step(w, g, 17, &state, &c->o);
        for (size_t s = 0; s < slots; s++)
            for (int i = 0; i < 17; i++) {
                const float x = state.slots[s * state.stride + (size_t)i];
                normal &= x == 0 || fabsf(x) >= 0x1p-100f;
            }
        memset(g, 0, sizeof g);
    }
    test_case("%s, nothing for 1500 steps", c->name);
    CHECK(normal);
    if (strcmp(c->name, "adam") == 0) CHECK(state.slots[3] == 0);
    nn_optimizer_free(&state, NULL);
}

/* Clipping before penalties, the scale before clipping. */
static void prepared(void) {
    nn_optimizer o = nn_sgd(1), f = nn_ftrl(1);
    nn_optimizer_state state;
    float w[5] = {2, -2, 0, -0.0f, 2}, g[5] = {8, -8, 1, 0, NAN};
    must(nn_optimizer_new(&state, &o, 5, NULL));
    o.clip = 1.5f, o.l1 = 0.25f, o.l2 = 0.125f, o.decay = 0.5f;
    nn_optimizer_advance(&state, &o);
    nn_optimizer_apply(w, g, 5, 0, &state, &o, 0.5f);
    test_case("scale, clip, penalties, decay");
    CHECK(w[0] == 1 - 2 && w[1] == -1 + 2 && w[2] == -0.5f && w[3] == 0 && isnan(w[4]));
    nn_optimizer_free(&state, NULL);
    must(nn_optimizer_new(&state, &f, 5, NULL));
    f.rate = 0;
    w[0] = 3;
    nn_optimizer_step(w, g, 5, &state, &f);
    CHECK(w[0] == 3 && state.slots[0] == f.accumulator && state.step == 1);
    nn_optimizer_free(&state, NULL);
}

/* Roots are the instruction's: every number in [1, 4), some of every other size, 0 and infinity. AdaGrad gives g/root(h). */
static void roots(void) {
    enum { SOME = 1 << 14 };
    static float w[SOME], g[SOME], slot[SOME];
    nn_optimizer o = nn_adagrad(1);
    nn_optimizer_state state = {0, 0, 0, 0, 0, slot, SOME};
    o.epsilon = 0, o.accumulator = 1;
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        const uint32_t skip = test_quick() || strcmp(isa, "scalar") == 0 ? 61 : 1;
        int ok = 1;
        for (int all = 0; all < 2; all++) /* in steps of `skip` through [1, 4), then of 9973 through all from 2^-100 on */
            for (uint32_t bits = all ? 27u << 23 : 127u << 23; bits < (all ? 255u : 129u) << 23;) {
                for (size_t i = 0; i < SOME; i++, bits += all ? 9973 : skip) {
                    slot[i] = bits < 255u << 23 ? float_of(bits) : i % 2 ? INFINITY : 1.0f;
                    w[i] = 0;
                    g[i] = i % 2 ? 0x1p-75f : 0x1.8p-75f;
                }
                nn_optimizer_apply(w, g, SOME, 0, &state, &o, 1);
                for (size_t i = 0; i < SOME; i++) ok &= same_bits(w[i], 0.0f - g[i] / sqrtf(slot[i]));
            }
        test_case("roots");
        CHECK(ok);
    }
}

/* ---- Nesterov ---- */

/* A rising momentum: the points are the lectures', w comes back, and training goes on from there. */
static void nesterov(void) {
    nn_optimizer o = nn_nesterov(0.02f, 0.5f);
    nn_optimizer_state state;
    exact_weight exact[PROBLEM];
    float w[PROBLEM], g[PROBLEM], back[PROBLEM], ahead[PROBLEM];
    must(nn_optimizer_new(&state, &o, PROBLEM, NULL));
    memcpy(w, problem_start, sizeof w);
    for (int i = 0; i < PROBLEM; i++) exact[i] = exact_start(&o, (double)w[i]);
    double momentum = 0.5;
    for (int step = 1; step <= STEPS; step++) {
        const double before = momentum; /* the array looks ahead by the momentum of the step before */
        o.momentum = 0.5f + 0.49f * (float)step / STEPS;
        momentum = (double)o.momentum;
        problem_gradient(g, w, step);
        nn_optimizer_step(w, g, PROBLEM, &state, &o);
        nn_optimizer_look_back(back, w, PROBLEM, 0, &state, &o);
        nn_optimizer_look_ahead(ahead, back, PROBLEM, 0, &state, &o);
        for (int i = 0; i < PROBLEM; i++) {
            const double at = exact_point(&o, &exact[i], before);
            const double slope = (double)problem_curvature[i] * (at - (double)problem_centre[i]);
            exact_step(&exact[i], &o, slope + (double)problem_noise(step, i), step, momentum);
            const double point = exact_point(&o, &exact[i], momentum);
            test_case("lectures' nesterov, step %d, weight %d", step, i);
            CHECK(fabs((double)w[i] - point) <= TOL_PATH * 8 && fabs((double)back[i] - exact[i].w) <= TOL_PATH * 8);
            CHECK(fabsf(ahead[i] - w[i]) <= 1e-6f * (1 + fabsf(w[i])));
        }
    }
    CHECK(first_difference(back, w, PROBLEM) < PROBLEM);
    o.rate_outside = 1;
    nn_optimizer_look_back(back, w, PROBLEM, 0, &state, &o);
    CHECK(first_difference(back, w, PROBLEM) == PROBLEM);
    nn_optimizer_free(&state, NULL);
}

/* ---- resuming ---- */

/* Settings, five numbers and the slots are all there is. */
static void resumes(const optimizer_case *c) {
    nn_optimizer_state state, saved;
    float w[PROBLEM], g[PROBLEM], kept[PROBLEM], end[PROBLEM], slots[3 * 16];
    must(nn_optimizer_new(&state, &c->o, PROBLEM, NULL));
    memcpy(w, problem_start, sizeof w);
    for (int step = 1; step <= 20; step++) {
        if (step == 11) {
            saved = state;
            memcpy(kept, w, sizeof w);
            memcpy(slots, state.slots ? state.slots : kept, nn_optimizer_slots(&c->o) * 16 * sizeof *slots);
        }
        problem_gradient(g, w, step);
        nn_optimizer_step(w, g, PROBLEM, &state, &c->o);
    }
    memcpy(end, w, sizeof w);
    saved.slots = slots;
    memcpy(w, kept, sizeof w);
    for (int step = 11; step <= 20; step++) {
        problem_gradient(g, w, step);
        nn_optimizer_step(w, g, PROBLEM, &saved, &c->o);
    }
    test_case("%s goes on", c->name);
    CHECK(first_difference(w, end, PROBLEM) == PROBLEM);
    CHECK(saved.step == state.step && saved.product_1 == state.product_1 && saved.product_2 == state.product_2);
    nn_optimizer_free(&state, NULL);
}

/* ---- settings ---- */

static void names(void) {
    for (int kind = 0; kind < NN_OPTIMIZER_COUNT; kind++) {
        nn_optimizer o;
        const char *name = nn_optimizer_name((nn_optimizer_kind)kind);
        test_case("%s by its name", name);
        CHECK(nn_optimizer_named(&o, name, 0.5f) && (int)o.kind == kind && o.rate == 0.5f && nn_optimizer_check(&o) == NN_OK);
    }
    nn_optimizer o = nn_adam(2);
    test_case("other names");
    CHECK(!nn_optimizer_named(&o, "no such", 1) && !nn_optimizer_named(&o, NULL, 1) && !nn_optimizer_named(NULL, "adam", 1));
    CHECK(o.rate == 2 && nn_optimizer_named(&o, "adamw", 1) && o.kind == NN_ADAM && o.decay == nn_adamw(1).decay);
    CHECK(nn_optimizer_named(&o, "nesterov", 1) && o.momentum == 0.9f && nn_optimizer_named(&o, "proximal_gd", 1));
}

static void settings(void) {
    nn_optimizer_state state;
    test_case("settings");
    for (size_t c = 0; c < case_count; c++) {
        const size_t slots = nn_optimizer_slots(&cases[c].o);
        CHECK(nn_optimizer_check(&cases[c].o) == NN_OK && !nn_optimizer_mistake(&cases[c].o));
        CHECK(slots <= 3 && !nn_optimizer_slot_name(&cases[c].o, slots) && !nn_optimizer_slot_name(&cases[c].o, 99));
        for (size_t s = 0; s < slots; s++)
            for (size_t other = 0; other < s; other++)
                CHECK(strcmp(nn_optimizer_slot_name(&cases[c].o, s), nn_optimizer_slot_name(&cases[c].o, other)) != 0);
    }
    CHECK(nn_optimizer_slots(case_named("rmsprop_both")) == 3 && nn_optimizer_slots(case_named("rmsprop_centered")) == 2);
    CHECK(strcmp(nn_optimizer_slot_name(case_named("rmsprop_momentum"), 1), "velocity") == 0);
    CHECK(strcmp(nn_optimizer_name(NN_ADAM), "adam") == 0 && !nn_optimizer_name(NN_OPTIMIZER_COUNT));
    CHECK(nn_optimizer_check(NULL) == NN_ERROR_NULL);
    CHECK(nn_optimizer_new(NULL, case_named("adam"), 1, NULL) == NN_ERROR_NULL);
    CHECK(nn_optimizer_new(&state, NULL, 1, NULL) == NN_ERROR_NULL);
#define WRONG(make, field, value, word)                                                        \
    do {                                                                                       \
        nn_optimizer o = make;                                                                 \
        CHECK(nn_optimizer_check(&o) == NN_OK);                                                \
        o.field = value;                                                                       \
        test_case("%s of %s", #field, #make);                                                  \
        CHECK(nn_optimizer_check(&o) == NN_ERROR_ARGUMENT);                                    \
        CHECK(nn_optimizer_mistake(&o) && strstr(nn_optimizer_mistake(&o), word));             \
        CHECK(nn_optimizer_new(&state, &o, 1, NULL) == NN_ERROR_ARGUMENT);                     \
    } while (0)
    WRONG(nn_sgd(1), kind, (nn_optimizer_kind)NN_OPTIMIZER_COUNT, "kind");
    WRONG(nn_sgd(1), rate, -1, "rate");
    WRONG(nn_sgd(1), rate, NAN, "rate");
    WRONG(nn_sgd(1), rate, INFINITY, "rate");
    WRONG(nn_sgd(1), l1, -1, "l1");
    WRONG(nn_sgd(1), l2, NAN, "l2");
    WRONG(nn_sgd(1), decay, -1, "decay");
    WRONG(nn_sgd(1), clip, 0, "clip");
    WRONG(nn_sgd(1), clip, NAN, "clip");
    WRONG(nn_momentum(1, 0.9f), momentum, 1.5f, "momentum");
    WRONG(nn_nesterov(1, 0.9f), momentum, NAN, "momentum");
    WRONG(nn_rmsprop(1), momentum, -1, "momentum");
    WRONG(nn_momentum(1, 0.9f), dampening, 2, "dampening");
    WRONG(nn_adam(1), beta_1, 1, "beta_1");
    WRONG(nn_lion(1), beta_1, -1, "beta_1");
    WRONG(nn_adamax(1), beta_2, 1, "beta_2");
    WRONG(nn_adadelta(1), beta_2, NAN, "beta_2");
    WRONG(nn_adam(1), epsilon, 0, "epsilon");
    WRONG(nn_rmsprop(1), epsilon, -1, "epsilon");
    WRONG(nn_rmsprop(1), accumulator, -1, "accumulator");
    WRONG(nn_adagrad(1), accumulator, 1e-31f, "accumulator");
    WRONG(nn_adam(1), epsilon, 1e-31f, "epsilon");
    WRONG(nn_adagrad(1), epsilon, 0, "epsilon");
    WRONG(nn_ftrl(1), accumulator, 0, "accumulator");
    WRONG(nn_adagrad_da(1), accumulator, 0, "accumulator");
    WRONG(nn_proximal_adagrad(1), accumulator, 0, "accumulator");
    WRONG(nn_nadam(1), momentum_decay, -1, "momentum_decay");
    WRONG(nn_ftrl(1), power, 0.5f, "power");
    WRONG(nn_ftrl(1), shrinkage, NAN, "shrinkage");
    nn_optimizer o = nn_ftrl(1);
    o.accumulator = 0, o.epsilon = 1;
    CHECK(nn_optimizer_check(&o) == NN_OK);
    o.power = 0;
    CHECK(nn_optimizer_check(&o) == NN_ERROR_ARGUMENT);
}

static void *no_memory(size_t bytes, void *user) { return (void)bytes, ++*(int *)user, NULL; }
static void no_free(void *memory, void *user) { (void)memory, (void)user; }

static void memory(void) {
    int asked = 0;
    const nn_allocator none = {no_memory, no_free, &asked};
    const nn_optimizer adam = nn_adam(1), descent = nn_sgd(1);
    nn_optimizer_state state;
    test_case("memory");
    CHECK(nn_optimizer_new(&state, &adam, 100, &none) == NN_ERROR_MEMORY && asked == 1);
    CHECK(nn_optimizer_new(&state, &adam, SIZE_MAX / 4, NULL) == NN_ERROR_SIZE);
    CHECK(nn_optimizer_new(&state, &adam, SIZE_MAX, NULL) == NN_ERROR_SIZE);
    CHECK(nn_optimizer_new(&state, &descent, 100, &none) == NN_OK && asked == 1); /* nothing to keep */
    nn_optimizer_free(&state, &none);
    CHECK(nn_optimizer_new(&state, &adam, 0, NULL) == NN_OK);
    nn_optimizer_step(NULL, NULL, 0, &state, &adam);
    nn_optimizer_free(&state, NULL);
}

/* ---- norms and averages ---- */

static void clipping(void) {
    const float g[] = {3, 0, -4};
    test_case("clipping by norm");
    CHECK(nn_clip_norm(g, 3, 5) == 1 && nn_clip_norm(g, 3, 2.5f) == 0.5f && nn_clip_norm(g, 0, 1) == 1);
    CHECK(isnan(nn_clip_scale(NAN, 1)) && nn_clip_scale(INFINITY, 1) == 0 && nn_clip_scale(2, INFINITY) == 1);
}

static void averages(void) {
    enum { MANY = 300001 };
    static float average[MANY], w[MANY], first[MANY], all[MANY];
    uint64_t random = 3;
    for (size_t n = 0; n < 70; n++)
        for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
            float *const a = w_end - n, *const x = g_end - n;
            int ok = 1;
            test_fill(x, n, &random), test_fill(first, n, &random);
            memcpy(a, first, n * sizeof *a);
            nn_average_update(a, x, n, 0.9f);
            for (size_t i = 0; i < n; i++) ok &= fabs((double)a[i] - (0.9 * (double)first[i] + 0.1 * (double)x[i])) <= 4 * EPS;
            test_case("average of %zu", n);
            CHECK(ok);
        }
    test_fill(average, MANY, &random), test_fill(w, MANY, &random);
    memcpy(first, average, sizeof average);
    memcpy(all, average, sizeof average);
    nn_average_update(first, w, MANY, 0.99f);
    nn_threads(3), nn_threads_hook(hook_pthreads, NULL);
    nn_average_update(average, w, MANY, 0.99f);
    nn_threads(1), nn_threads_hook(NULL, NULL);
    test_case("averages");
    CHECK(first_difference(average, first, MANY) == MANY);
    average[0] = 1, w[0] = 0, average[1] = 2, w[1] = NAN;
    for (int i = 0; i < 2000; i++) nn_average_update(average, w, 2, 0.9f);
    CHECK(average[0] == 0 && isnan(average[1]));
    average[0] = 1; /* the plain mean of 1, 2, 3, 4 */
    for (uint64_t t = 1; t < 4; t++) w[0] = (float)t + 1, nn_average_update(average, w, 1, (float)t / (float)(t + 1));
    CHECK(fabsf(average[0] - 2.5f) < 1e-6f);
    CHECK(nn_average_decay(0.99f, 0) == 0.1f && nn_average_decay(0.99f, 8) == 0.5f && nn_average_decay(0.99f, 100000) == 0.99f);
}

int main(void) {
    w_end = guard_end(MOST + GAP);
    g_end = guard_end(MOST + GAP);
    slots_end = guard_end(3 * (MOST + GAP));
    case_count = optimizer_cases(cases);
    torch_paths();
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t c = 0; c < case_count; c++) exact_path(&cases[c], isa);
    converges();
    nesterov();
    prepared();
    roots();
    names();
    settings();
    memory();
    clipping();
    averages();
    for (size_t c = 0; c < case_count; c++) {
        lengths(&cases[c]);
        ranges(&cases[c]);
        special(&cases[c]);
        flushed(&cases[c]);
        resumes(&cases[c]);
        if (!test_quick() || c % 5 == 0) threads(&cases[c]);
    }
    return test_end("optimizer");
}
