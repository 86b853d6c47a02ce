/* test_schedule.c - schedules against PyTorch's, and against their formulas in the mathematical library */
#include "golden.h"

#define TOL_FACTOR 1e-7

static void torch_schedule(const char *name, nn_schedule s) {
    size_t n;
    const float *want = golden(name, &n);
    test_case("%s as PyTorch", name);
    CHECK(nn_schedule_check(&s) == NN_OK);
    for (size_t i = 0; i < n; i++) {
        const float got = nn_schedule_factor(&s, (double)i);
        if (!CHECK(fabs((double)got - (double)want[i]) <= TOL_FACTOR))
            printf("%s at %zu: %.9g, PyTorch %.9g\n", name, i, (double)got, (double)want[i]);
    }
}

static nn_schedule one_cycle(nn_schedule s, int straight) {
    s.rise = (float)(17.3 / 60); /* PyTorch turns a step before 0.3 of its 61 */
    s.straight = straight;
    return s;
}

static void torch_schedules(void) {
    const double marks[] = {5, 11, 40};
    golden_open("schedule");
    torch_schedule("exponential", nn_schedule_exponential(0.9f, 1));
    torch_schedule("steps", nn_schedule_steps(0.5f, 7));
    torch_schedule("marks", nn_schedule_marks(0.1f, marks, 3));
    torch_schedule("cosine", nn_schedule_cosine(0.125f, 59));
    torch_schedule("restarts", nn_schedule_cosine_restarts(0.125f, 5, 2));
    torch_schedule("linear", nn_schedule_linear(0.25f, 1, 30));
    torch_schedule("one_cycle_lr", one_cycle(nn_schedule_one_cycle(60), 0));
    torch_schedule("one_cycle_straight_lr", one_cycle(nn_schedule_one_cycle(60), 1));
    torch_schedule("one_cycle_momentum", one_cycle(nn_schedule_one_cycle_momentum(60), 0));
    torch_schedule("one_cycle_straight_momentum", one_cycle(nn_schedule_one_cycle_momentum(60), 1));
}

static int near(const nn_schedule *s, double position, double want) {
    const double got = (double)nn_schedule_factor(s, position);
    const int ok = fabs(got - want) <= TOL_FACTOR * fmax(want, 1e-3);
    if (!ok) printf("at %g: %.9g instead of %.9g\n", position, got, want);
    return ok;
}

static void formulas(void) {
    const double pi = 3.14159265358979323846;
    const nn_schedule decay = nn_schedule_exponential(0.03f, 10), inverse = nn_schedule_inverse_time(0.5f, 3);
    const nn_schedule cosine = nn_schedule_cosine(0.01f, 8), square = nn_schedule_polynomial(0.125f, 2.5f, 8);
    nn_schedule stairs = inverse;
    stairs.staircase = 1;
    for (int i = 0; i <= 20000; i++) {
        const double x = i * 0.0007, p = fmin(x / 8, 1);
        test_case("formulas at %g", x);
        CHECK(near(&decay, x, pow((double)0.03f, x / 10)));
        CHECK(near(&inverse, x, 1 / (1 + 0.5 * x / 3)) && near(&stairs, x, 1 / (1 + 0.5 * floor(x / 3))));
        CHECK(near(&cosine, x, (double)0.01f + (1 - (double)0.01f) * (1 + cos(pi * p)) / 2));
        CHECK(near(&square, x, 0.125 + 0.875 * pow(1 - p, 2.5)));
    }
    for (double base = 1e-6; base < 10; base *= 1.7)
        for (double x = 0.01; x < 3; x += 0.13) {
            const nn_schedule s = nn_schedule_exponential((float)base, 1);
            const double want = pow((double)(float)base, x);
            test_case("%g^%g", base, x);
            CHECK(fabs((double)nn_schedule_factor(&s, x) - want) <= 6.1e-8 * want); /* one rounding */
        }
}

static void special(void) {
    const double marks[] = {1, 2, 2, 5};
    const nn_schedule constant = nn_schedule_constant(), ramp = nn_schedule_linear(0.5f, 0.99f, 0);
    const nn_schedule zero = nn_schedule_exponential(0, 1), same = nn_schedule_cosine_restarts(0, 2, 1);
    const nn_schedule stops = nn_schedule_marks(0.5f, marks, 4), often = nn_schedule_cosine_restarts(0, 1, 1.5f);
    test_case("special positions");
    CHECK(nn_schedule_factor(&constant, 0) == 1 && nn_schedule_factor(&constant, 1e300) == 1);
    CHECK(nn_schedule_factor(&ramp, 0) == 0.5f && nn_schedule_factor(&ramp, 0.5) == 0.745f);
    CHECK(nn_schedule_factor(&ramp, 7) == 0.99f);
    CHECK(nn_schedule_factor(&ramp, -1) == 0.5f && nn_schedule_factor(&ramp, NAN) == 0.5f);
    CHECK(nn_schedule_factor(&zero, 0) == 1 && nn_schedule_factor(&zero, 0.5) == 0);
    CHECK(nn_schedule_factor(&same, 0) == 1 && nn_schedule_factor(&same, 2) == 1 && nn_schedule_factor(&same, 5) == 0.5f);
    CHECK(nn_schedule_factor(&stops, 0.99) == 1 && nn_schedule_factor(&stops, 1) == 0.5f);
    CHECK(nn_schedule_factor(&stops, 2) == 0.125f);
    CHECK(nn_schedule_factor(&stops, 9) == 0.0625f);
    CHECK(nn_schedule_factor(&often, 1) == 1 && nn_schedule_factor(&often, 2.5) == 1 && nn_schedule_factor(&often, 1.75) == 0.5f);
    CHECK(isfinite(nn_schedule_factor(&often, INFINITY)) && isfinite(nn_schedule_factor(&same, 1e300)));
    nn_schedule cycle = nn_schedule_one_cycle(10);
    CHECK(nn_schedule_factor(&cycle, 0) == cycle.first && nn_schedule_factor(&cycle, 3.0000001) > 0.9999f);
    CHECK(nn_schedule_factor(&cycle, 10) == cycle.last && nn_schedule_factor(&cycle, 11) == cycle.last);
    cycle.rise = 0;
    CHECK(nn_schedule_factor(&cycle, 0) == 1);
    cycle.rise = 1;
    CHECK(fabsf(nn_schedule_factor(&cycle, 9.999999) - 1) < 1e-6f && nn_schedule_factor(&cycle, 10) == cycle.last);
}

static void warm_up(void) {
    const nn_schedule s = nn_schedule_warm_up(nn_schedule_linear(0.5f, 0, 0), 4, 0.25f), over = nn_schedule_over(s, 12);
    test_case("warm-up");
    CHECK(over.length == 8 && nn_schedule_over(over, 99).length == 8);
    CHECK(nn_schedule_over(s, 3).length == 0);
    CHECK(nn_schedule_factor(&over, 0) == 0.125f && nn_schedule_factor(&over, 2) == 0.3125f);
    CHECK(nn_schedule_factor(&over, 4) == 0.5f);
    CHECK(nn_schedule_factor(&over, 8) == 0.25f && nn_schedule_factor(&over, 12) == 0);
    const nn_schedule constant = nn_schedule_warm_up(nn_schedule_constant(), 5, 0);
    CHECK(nn_schedule_factor(&constant, 0) == 0 && nn_schedule_factor(&constant, 2.5) == 0.5f);
    CHECK(nn_schedule_factor(&constant, 5) == 1);
}

static void mistakes(void) {
    const double marks[17] = {3, 2};
#define WRONG(make, field, value, word)                                                    \
    do {                                                                                   \
        nn_schedule s = make;                                                              \
        test_case("%s of %s", #field, #make);                                              \
        CHECK(nn_schedule_check(&s) == NN_OK && !nn_schedule_mistake(&s));                 \
        s.field = value;                                                                   \
        CHECK(nn_schedule_check(&s) == NN_ERROR_ARGUMENT);                                 \
        CHECK(nn_schedule_mistake(&s) && strstr(nn_schedule_mistake(&s), word));           \
    } while (0)
    WRONG(nn_schedule_constant(), kind, (nn_schedule_kind)NN_SCHEDULE_COUNT, "kind");
    WRONG(nn_schedule_constant(), length, -1, "length");
    WRONG(nn_schedule_constant(), length, INFINITY, "length");
    WRONG(nn_schedule_constant(), warm_up, (double)NAN, "warm_up");
    WRONG(nn_schedule_constant(), warm_up_from, -1, "warm_up_from");
    WRONG(nn_schedule_exponential(1, 1), decay, NAN, "decay");
    WRONG(nn_schedule_cosine(0, 1), last, -1, "last");
    WRONG(nn_schedule_cosine(0, 1), growth, 0.5f, "growth");
    WRONG(nn_schedule_polynomial(0, 1, 1), power, 0, "power");
    WRONG(nn_schedule_one_cycle(1), rise, 2, "rise");
    WRONG(nn_schedule_marks(1, marks, 1), marks, 2, "marks");
    const nn_schedule rising = nn_schedule_marks(1, marks, 2), many = nn_schedule_marks(1, marks, 17);
    CHECK(nn_schedule_check(&rising) == NN_ERROR_ARGUMENT && strstr(nn_schedule_mistake(&many), "16"));
    CHECK(nn_schedule_check(NULL) == NN_ERROR_NULL);
}

int main(void) {
    torch_schedules();
    formulas();
    special();
    warm_up();
    mistakes();
    return test_end("schedule");
}
