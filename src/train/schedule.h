/* schedule.h - learning rates, and momentum, that change over training */
#ifndef NN_TRAIN_SCHEDULE_H
#define NN_TRAIN_SCHEDULE_H

#include "../status.h"

/* A schedule gives the factor by which the rate is multiplied at a position in training. Positions and lengths are in any one
 * unit: steps, or epochs, 2.5 being the middle of the third. A length of 0 stands for the whole training; nn_schedule_over fills
 * it in. Until then positions count trainings: 0.5 is the middle. p = position/length, and where a schedule has an end, no more
 * than 1.
 *
 * NN_SCHEDULE_CONSTANT      1
 * NN_SCHEDULE_EXPONENTIAL   decay^p; staircase = 1: p rounded down, so that the rate falls once in every `length`
 * NN_SCHEDULE_INVERSE_TIME  1/(1 + decay*p); staircase too
 * NN_SCHEDULE_MARKS         decay^(how many of the marks are passed)
 * NN_SCHEDULE_POLYNOMIAL    last + (first - last)*(1 - p)^power
 * NN_SCHEDULE_COSINE        last + (first - last)*(1 + cos(pi p))/2; growth > 0: at the end again from the start, over a
 *                           period `growth` times as long as the one before
 * NN_SCHEDULE_ONE_CYCLE     from first to top in the share `rise` of the length, and to last in the rest, along half a
 *                           cosine each; straight = 1: along straight lines
 *
 * warm_up > 0 goes in front of any of them: for that long the factor rises from warm_up_from to 1 times the factor at 0, along
 * a straight line, and only then the schedule begins. Before position 0 everything is as at 0. */
typedef enum nn_schedule_kind {
    NN_SCHEDULE_CONSTANT,
    NN_SCHEDULE_EXPONENTIAL,
    NN_SCHEDULE_INVERSE_TIME,
    NN_SCHEDULE_MARKS,
    NN_SCHEDULE_POLYNOMIAL,
    NN_SCHEDULE_COSINE,
    NN_SCHEDULE_ONE_CYCLE,
    NN_SCHEDULE_COUNT
} nn_schedule_kind;

#define NN_SCHEDULE_MARKS_MOST 16

typedef struct nn_schedule {
    nn_schedule_kind kind;
    double length;
    double warm_up;
    float warm_up_from;
    float decay;
    float first, top, last;
    float power;
    float growth;
    float rise;
    int staircase;
    int straight;
    size_t marks;
    double mark[NN_SCHEDULE_MARKS_MOST]; /* rising */
} nn_schedule;

NN_API nn_schedule nn_schedule_constant(void);
NN_API nn_schedule nn_schedule_exponential(float decay, double length);
NN_API nn_schedule nn_schedule_steps(float decay, double every);                  /* the staircase of it */
NN_API nn_schedule nn_schedule_inverse_time(float decay, double length);
NN_API nn_schedule nn_schedule_marks(float decay, const double *marks, size_t count); /* at most 16 */
NN_API nn_schedule nn_schedule_polynomial(float last, float power, double length); /* from 1 */
NN_API nn_schedule nn_schedule_linear(float first, float last, double length);
NN_API nn_schedule nn_schedule_cosine(float last, double length);                  /* from 1 */
NN_API nn_schedule nn_schedule_cosine_restarts(float last, double period, float growth);
NN_API nn_schedule nn_schedule_one_cycle(double length); /* 1/25, 1, 1/250000, rise 0.3: the rate given is the highest */
NN_API nn_schedule nn_schedule_warm_up(nn_schedule schedule, double length, float from);

/* A schedule of momentum gives the momentum itself: the lectures' rise from 0.5 to 0.99 is nn_schedule_linear(0.5f, 0.99f, 0),
 * and this goes with nn_schedule_one_cycle: 0.95, 0.85, 0.95. */
NN_API nn_schedule nn_schedule_one_cycle_momentum(double length);

/* The schedule with a length of 0 replaced by what warm-up leaves of the whole training. */
NN_API nn_schedule nn_schedule_over(nn_schedule schedule, double training);

/* NN_OK, or NN_ERROR_ARGUMENT where a field is outside its range; and what is wrong in words, or NULL. */
NN_API nn_status nn_schedule_check(const nn_schedule *schedule);
NN_API const char *nn_schedule_mistake(const nn_schedule *schedule);

/* Good to a unit in the last place, and the same bits everywhere: no function of the mathematical library is called that
 * rounds. */
NN_API float nn_schedule_factor(const nn_schedule *schedule, double position);

#ifdef NN_IMPLEMENTATION

#include "../exact.h"

static nn_schedule nni_schedule_of(nn_schedule_kind kind, double length) {
    nn_schedule s;
    memset(&s, 0, sizeof s);
    s.kind = kind;
    s.length = length;
    s.first = s.top = s.power = 1.0f;
    return s;
}

NN_API nn_schedule nn_schedule_constant(void) { return nni_schedule_of(NN_SCHEDULE_CONSTANT, 0.0); }
NN_API nn_schedule nn_schedule_exponential(float decay, double length) {
    nn_schedule s = nni_schedule_of(NN_SCHEDULE_EXPONENTIAL, length);
    s.decay = decay;
    return s;
}
NN_API nn_schedule nn_schedule_steps(float decay, double every) {
    nn_schedule s = nn_schedule_exponential(decay, every);
    s.staircase = 1;
    return s;
}
NN_API nn_schedule nn_schedule_inverse_time(float decay, double length) {
    nn_schedule s = nni_schedule_of(NN_SCHEDULE_INVERSE_TIME, length);
    s.decay = decay;
    return s;
}
NN_API nn_schedule nn_schedule_marks(float decay, const double *marks, size_t count) {
    nn_schedule s = nni_schedule_of(NN_SCHEDULE_MARKS, 0.0);
    s.decay = decay;
    s.marks = count;
    for (size_t i = 0; i < nni_min(count, NN_SCHEDULE_MARKS_MOST); i++) s.mark[i] = marks[i];
    return s;
}
NN_API nn_schedule nn_schedule_polynomial(float last, float power, double length) {
    nn_schedule s = nni_schedule_of(NN_SCHEDULE_POLYNOMIAL, length);
    s.last = last;
    s.power = power;
    return s;
}
NN_API nn_schedule nn_schedule_linear(float first, float last, double length) {
    nn_schedule s = nn_schedule_polynomial(last, 1.0f, length);
    s.first = first;
    return s;
}
NN_API nn_schedule nn_schedule_cosine(float last, double length) {
    nn_schedule s = nni_schedule_of(NN_SCHEDULE_COSINE, length);
    s.last = last;
    return s;
}
NN_API nn_schedule nn_schedule_cosine_restarts(float last, double period, float growth) {
    nn_schedule s = nn_schedule_cosine(last, period);
    s.growth = growth;
    return s;
}
NN_API nn_schedule nn_schedule_one_cycle(double length) {
    nn_schedule s = nni_schedule_of(NN_SCHEDULE_ONE_CYCLE, length);
    s.first = 0.04f;
    s.last = 4e-6f;
    s.rise = 0.3f;
    return s;
}
NN_API nn_schedule nn_schedule_one_cycle_momentum(double length) {
    nn_schedule s = nn_schedule_one_cycle(length);
    s.first = s.last = 0.95f;
    s.top = 0.85f;
    return s;
}
NN_API nn_schedule nn_schedule_warm_up(nn_schedule schedule, double length, float from) {
    schedule.warm_up = length;
    schedule.warm_up_from = from;
    return schedule;
}
NN_API nn_schedule nn_schedule_over(nn_schedule schedule, double training) {
    if (schedule.length == 0.0 && training > schedule.warm_up) schedule.length = training - schedule.warm_up;
    return schedule;
}

static int nni_schedule_finite(double x) { return x >= 0.0 && x < 1e15; }

NN_API const char *nn_schedule_mistake(const nn_schedule *s) {
    const int decays = s->kind == NN_SCHEDULE_EXPONENTIAL || s->kind == NN_SCHEDULE_INVERSE_TIME || s->kind == NN_SCHEDULE_MARKS;
    if ((unsigned)s->kind >= NN_SCHEDULE_COUNT) return "kind is no schedule of nn.h";
    if (!nni_schedule_finite(s->length)) return "length must be at least 0 and below 1e15";
    if (!nni_schedule_finite(s->warm_up)) return "warm_up must be at least 0 and below 1e15";
    if (!nni_schedule_finite((double)s->warm_up_from)) return "warm_up_from must be at least 0";
    if (decays && !nni_schedule_finite((double)s->decay)) return "decay must be at least 0";
    if (!nni_schedule_finite((double)s->first) || !nni_schedule_finite((double)s->top) || !nni_schedule_finite((double)s->last))
        return "first, top and last must be at least 0";
    if (s->kind == NN_SCHEDULE_POLYNOMIAL && !(s->power > 0.0f && s->power <= 1000.0f))
        return "power must be above 0 and at most 1000";
    if (s->kind == NN_SCHEDULE_COSINE && s->growth != 0.0f && !(s->growth >= 1.0f && s->growth <= 1000.0f))
        return "growth must be 0, or between 1 and 1000";
    if (s->kind == NN_SCHEDULE_ONE_CYCLE && !(s->rise >= 0.0f && s->rise <= 1.0f)) return "rise must be between 0 and 1";
    if (s->kind != NN_SCHEDULE_MARKS) return NULL;
    if (s->marks > NN_SCHEDULE_MARKS_MOST) return "there can be 16 marks at most";
    for (size_t i = 0; i < s->marks; i++)
        if (!nni_schedule_finite(s->mark[i]) || (i && s->mark[i] < s->mark[i - 1])) return "marks must be at least 0 and rise";
    return NULL;
}

NN_API nn_status nn_schedule_check(const nn_schedule *s) {
    if (!s) return NN_ERROR_NULL;
    return nn_schedule_mistake(s) ? NN_ERROR_ARGUMENT : NN_OK;
}

/* From a to b along half a cosine, or straight. */
static double nni_schedule_between(double a, double b, double p, int straight) {
    double sine, cosine;
    if (straight) return a + (b - a) * p;
    nni_exact_turn(&sine, &cosine, p / 2.0);
    return b + (a - b) * (0.5 + 0.5 * cosine);
}

/* The share of the current period that is over. */
static double nni_schedule_period(double p, double growth) {
    if (growth == 1.0) return p - floor(p);
    double period = 1.0;
    for (; p >= period; period *= growth) p -= period;
    return p / period;
}

static double nni_schedule_passed(const nn_schedule *s, double position) {
    const size_t marks = nni_min(s->marks, NN_SCHEDULE_MARKS_MOST);
    double value = 1.0;
    for (size_t i = 0; i < marks && position >= s->mark[i]; i++) value *= (double)s->decay;
    return value;
}

static double nni_schedule_value(const nn_schedule *s, double position) {
    const double p = position / (s->length > 0.0 ? s->length : 1.0), most = p < 1.0 ? p : 1.0;
    const double stairs = s->staircase ? floor(p) : p;
    const double first = (double)s->first, top = (double)s->top, last = (double)s->last, rise = (double)s->rise;
    switch (s->kind) {
    case NN_SCHEDULE_EXPONENTIAL: return nni_exact_power((double)s->decay, stairs);
    case NN_SCHEDULE_INVERSE_TIME: return 1.0 / (1.0 + (double)s->decay * stairs);
    case NN_SCHEDULE_MARKS: return nni_schedule_passed(s, position);
    case NN_SCHEDULE_POLYNOMIAL:
        return last + (first - last) * (s->power == 1.0f ? 1.0 - most : nni_exact_power(1.0 - most, (double)s->power));
    case NN_SCHEDULE_COSINE:
        return nni_schedule_between(first, last, s->growth > 0.0f ? nni_schedule_period(p, (double)s->growth) : most, 0);
    case NN_SCHEDULE_ONE_CYCLE:
        if (most < rise) return nni_schedule_between(first, top, most / rise, s->straight);
        return nni_schedule_between(top, last, rise < 1.0 ? (most - rise) / (1.0 - rise) : 1.0, s->straight);
    case NN_SCHEDULE_CONSTANT:
    default: return 1.0;
    }
}

NN_API float nn_schedule_factor(const nn_schedule *s, double position) {
    const double at = position > 0.0 ? position < 1e15 ? position : 1e15 : 0.0, after = at - s->warm_up;
    const double from = (double)s->warm_up_from;
    NN_ASSERT(nn_schedule_check(s) == NN_OK);
    if (after >= 0.0) return (float)nni_schedule_value(s, after);
    return (float)((from + (1.0 - from) * (at / s->warm_up)) * nni_schedule_value(s, 0.0));
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_TRAIN_SCHEDULE_H */
