/* equal_optim.c - the bits of every optimizer after some steps, of averages and of schedules */
#include "equal.h"
#include "optimizers.h"

#define MOST 150001

static float w[MOST], g[MOST];

static void rule(const optimizer_case *c) {
    static const size_t lengths[] = {1, 7, 16, 33, 1021, 5000, MOST};
    begin();
    for (size_t l = 0; l < COUNT(lengths); l++) {
        const size_t n = lengths[l];
        nn_optimizer_state state;
        must(nn_optimizer_new(&state, &c->o, n, NULL));
        fill_narrow(w, n, 1);
        for (uint64_t step = 0; step < (n > 2000 ? 2 : 20); step++) {
            fill_narrow(g, n, 2 + step);
            nn_optimizer_advance(&state, &c->o);
            nn_optimizer_apply(w, g, n, 0, &state, &c->o, step % 2 ? 1.0f : 0.75f);
        }
        hash_floats(w, n);
        for (size_t s = 0; s < nn_optimizer_slots(&c->o); s++) hash_floats(state.slots + s * state.stride, n);
        nn_optimizer_look_back(w, w, n, 0, &state, &c->o);
        hash_floats(w, n);
        nn_optimizer_free(&state, NULL);
    }
    char line[64];
    size_t i = 0;
    for (; c->name[i]; i++) line[i] = c->name[i] == ' ' ? '_' : c->name[i];
    line[i] = 0;
    end(line);
}

/* Zeros of both signs, and what is small or large, in all pairs of a weight and a gradient, which the second step takes back. */
static void edges_of(const nn_optimizer *o) {
    static const float edge[] = {0.0f, -0.0f, 1.0f, -1.0f, 0x1p-110f, -0x1p-110f, 0x1p-60f, -0x1p-60f, 0x1p+56f, -0x1p+56f};
    enum { EDGES = COUNT(edge), N = EDGES * EDGES };
    nn_optimizer_state state;
    must(nn_optimizer_new(&state, o, N, NULL));
    for (int step = 0; step < 4; step++) {
        for (size_t i = 0; i < N; i++) {
            const float first = edge[i % EDGES];
            if (step == 0) w[i] = edge[i / EDGES];
            g[i] = step == 0 ? first : step == 1 ? -first : step == 2 ? 0x1p-98f : -0x1p-97f;
        }
        nn_optimizer_step(w, g, N, &state, o);
        hash_floats(w, N);
    }
    for (size_t s = 0; s < nn_optimizer_slots(o); s++) hash_floats(state.slots + s * state.stride, N);
    nn_optimizer_free(&state, NULL);
}

static void edges(const optimizer_case *cases, size_t count) {
    begin();
    for (size_t c = 0; c < count; c++) {
        nn_optimizer other = cases[c].o;
        other.l1 = 0.0f, other.l2 = 0.01f, other.decay = 0.1f;
        edges_of(&cases[c].o), edges_of(&other);
    }
    end("edges");
}

static void schedules(void) {
    const double marks[] = {1, 3, 4};
    const nn_schedule all[] = {nn_schedule_exponential(0.3f, 2), nn_schedule_inverse_time(0.3f, 2), nn_schedule_marks(0.3f, marks, 3),
                               nn_schedule_polynomial(0.1f, 1.7f, 5), nn_schedule_cosine(0.1f, 5),
                               nn_schedule_cosine_restarts(0.1f, 1, 1.3f), nn_schedule_one_cycle(6)};
    begin();
    for (size_t s = 0; s < COUNT(all); s++)
        for (int i = 0; i < 1000; i++) hash_float(nn_schedule_factor(&all[s], i * 0.007));
    end("schedules");
}

static void all(void) {
    optimizer_case cases[OPTIMIZER_CASES];
    const size_t n = optimizer_cases(cases);
    for (size_t c = 0; c < n; c++) rule(&cases[c]);
    edges(cases, n);
    begin();
    fill_wide(w, MOST, 3), fill_wide(g, MOST, 4);
    nn_average_update(w, g, MOST, 0.99f);
    hash_floats(w, MOST);
    end("average");
    schedules();
}

int main(int count, char **arguments) { return equal_main(count, arguments, all); }
