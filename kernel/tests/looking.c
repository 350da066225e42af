/* Looks: forward alone, with interventions; the same bits on every instruction set, in any batch. */
#include "check.h"
#include "training.h"

enum { runs_looked_at = 5, most_cases = 8 };

typedef struct {
    hl_problem problem;
    int32_t ids[2 * golden_places];
    int64_t size;
    double *weights; /* initial ones, large */
} subject;

static subject *subject_of(const golden_setting *setting, how as) {
    static const uint64_t seeds[runs_looked_at] = {0, 1, 2, 3, 4};
    subject *one = room(1, sizeof *one);
    one->problem = problem_of(setting, &as, one->ids);
    one->problem.type = HL_FLOAT64;
    one->size = hl_size(&one->problem.shape);
    one->weights = room(runs_looked_at * one->size, sizeof(double));
    if (hl_initial(&one->problem, NULL, 3, runs_looked_at, seeds, one->weights)) abort();
    return one;
}

static void drop_subject(subject *one) {
    free(one->weights);
    free(one);
}

typedef struct {
    const char *error;
    int64_t of_case, of_pattern; /* numbers of a case */
    double *logits, *pattern;
} seen;

static seen look(const subject *one, int64_t first, int64_t n_runs, int32_t n_cases, const hl_case *cases) {
    const hl_shape *shape = &one->problem.shape;
    seen found;
    found.of_case = (cases[0].at < 0 ? shape->n_ctx : 1) * (int64_t)shape->d_vocab;
    found.of_pattern = (int64_t)shape->n_layers * shape->n_heads * shape->n_ctx * shape->n_ctx;
    found.logits = room(n_runs * n_cases * found.of_case, sizeof(double));
    found.pattern = room(n_runs * n_cases * found.of_pattern, sizeof(double));
    found.error = hl_look(&one->problem, n_runs, one->weights + first * one->size, n_cases, cases, found.logits, NULL, found.pattern);
    return found;
}

static void drop_seen(seen *found) {
    free(found->logits);
    free(found->pattern);
}

static double apart(const double *a, const double *b, int64_t count) {
    double most = 0;
    int64_t i;
    for (i = 0; i < count; ++i) most = fmax(most, fabs(a[i] - b[i]));
    return most;
}

/* Activations have the logits of looks without edits, and their shares' logarithms give the loss. */
static void nobody_intervenes(const golden_setting *setting, const subject *one, const double *looked, const double *losses) {
    const int64_t places = (int64_t)runs_looked_at * golden_places, n = places * golden_d_vocab;
    double *logits = room(n, sizeof *logits), *shares = room(n, sizeof *shares), worst = 0;
    hl_computes computes;
    const char *error;
    int64_t place;
    int same;
    memset(&computes, 0, sizeof computes);
    computes.logits = logits;
    error = hl_activations(&one->problem, runs_looked_at, one->weights, &computes);
    same = !memcmp(logits, looked, (size_t)n * sizeof *logits);
    hl_softmax(places, golden_d_vocab, logits, shares);
    hl_log(n, shares, logits);
    for (place = 0; place < places; ++place) shares[place] = logits[place * golden_d_vocab + golden_targets[place % golden_places]];
    for (place = 0; place < places; place += golden_places) {
        double sum = losses[place / golden_places];
        int k;
        for (k = 0; k < golden_places; ++k) sum += shares[place + k] / golden_places;
        worst = fmax(worst, fabs(sum));
    }
    check(!error && same && worst < 1e-12, "%s: activations have the logits of a look, and shares give the loss to %.0e", setting->name, worst);
    free(logits), free(shares);
}

/* The mean of -ln softmax(logits)[target] over the sentences is the loss that is trained on. */
static void logits_are_those_of_the_loss(const golden_setting *setting) {
    const how as = {NULL, 1, NULL, 0, NULL};
    subject *one = subject_of(setting, as);
    hl_case cases[golden_sequences];
    double losses[runs_looked_at], worst = 0, off = 0;
    const int32_t n_ctx = setting->shape.n_ctx;
    int64_t run, k, t, j;
    seen found;
    memset(cases, 0, sizeof cases);
    for (k = 0; k < golden_sequences; ++k) cases[k].sequence = (int32_t)k, cases[k].at = -1;
    found = look(one, 0, runs_looked_at, golden_sequences, cases);
    if (hl_gradient(&one->problem, HL_SOFTMAX, runs_looked_at, one->weights, losses, NULL)) abort();
    nobody_intervenes(setting, one, found.logits, losses);
    for (run = 0; run < runs_looked_at; ++run) {
        double mean = 0;
        for (k = 0; k < golden_sequences; ++k)
            for (t = 0; t < n_ctx; ++t) {
                const double *x = found.logits + ((run * golden_sequences + k) * n_ctx + t) * golden_d_vocab;
                double sum = 0;
                for (j = 0; j < golden_d_vocab; ++j) sum += exp(x[j]);
                mean += (log(sum) - x[golden_targets[k * n_ctx + t]]) / golden_places;
            }
        worst = fmax(worst, fabs(mean - losses[run]));
        for (k = 0; k < golden_sequences * found.of_pattern / n_ctx; ++k) {
            const double *row = found.pattern + run * golden_sequences * found.of_pattern + k * n_ctx;
            double sum = 0;
            for (j = 0; j < n_ctx; ++j) {
                sum += row[j];
                if (setting->shape.causal && j > k % n_ctx) off += fabs(row[j]);
            }
            off += fabs(sum - 1);
        }
    }
    check(!found.error && worst < 1e-12 && off < 1e-10, "%s: logits give the loss to %.0e, rows of patterns sum to 1 (%.0e)", setting->name, worst, off);
    drop_seen(&found), drop_subject(one);
}

/* Cases of the first sentence's fourth place, where what was ordered follows. */
static int32_t all_cases(hl_case *cases, hl_edit *edits, const double *given) {
    static const int32_t what[] = {HL_Z, HL_TOKEN, HL_EDGE, HL_SCORES, HL_RESID, HL_PATTERN, HL_V}, how_so[] = {HL_ZERO, HL_FROM, HL_ZERO, HL_MASK, HL_FROM, HL_GIVEN, HL_MEAN};
    int32_t k;
    memset(cases, 0, most_cases * sizeof *cases);
    memset(edits, 0, most_cases * sizeof *edits);
    for (k = 0; k < most_cases; ++k) {
        cases[k].at = 3;
        if (k == 0) continue; /* nothing is done */
        edits[k].what = what[k - 1];
        edits[k].how = how_so[k - 1];
        edits[k].layer = edits[k].head = -1;
        edits[k].at = edits[k].what == HL_TOKEN || edits[k].what == HL_RESID || edits[k].what == HL_V ? 1 : 3;
        edits[k].key = edits[k].what == HL_EDGE || edits[k].what == HL_SCORES ? 1 : -1;
        edits[k].donor = 1;
        edits[k].given = given;
        cases[k].n_edits = 1;
        cases[k].edits = edits + k;
    }
    return most_cases;
}

static void what_is_done_shows(const golden_setting *setting) {
    static const double given[] = {0, 1, 0, 0, 0};
    const how as = {NULL, 1, NULL, 0, NULL};
    subject *one = subject_of(setting, as);
    hl_case cases[most_cases];
    hl_edit edits[most_cases];
    const int32_t n_cases = all_cases(cases, edits, given);
    seen found = look(one, 0, runs_looked_at, n_cases, cases);
    int32_t k, changed = 0;
    for (k = 1; k < n_cases; ++k) changed += apart(found.logits, found.logits + k * found.of_case, found.of_case) > 1e-4;
    check(!found.error && changed == n_cases - 1, "%s: %d of %d interventions change the logits of the run", setting->name, (int)changed, (int)n_cases - 1);
    drop_seen(&found), drop_subject(one);
}

/* Looked at run by run, by every instruction set, on threads: the bits of the widest one, at once. */
static void the_same_bits(const golden_setting *setting) {
    static const double given[] = {0, 1, 0, 0, 0};
    const how as = {NULL, 0, NULL, 0, NULL};
    subject *one = subject_of(setting, as);
    hl_case cases[most_cases];
    hl_edit edits[most_cases];
    const int32_t n_cases = all_cases(cases, edits, given);
    seen wanted = look(one, 0, runs_looked_at, n_cases, cases);
    const size_t logits = (size_t)(n_cases * wanted.of_case) * sizeof(double), pattern = (size_t)(n_cases * wanted.of_pattern) * sizeof(double);
    int same = 1;
    int32_t number;
    int64_t run;
    for (number = 0; (one->problem.instruction_set = hl_instruction_set(number)); ++number) {
        one->problem.threads = number + 1;
        for (run = 0; run < runs_looked_at; ++run) {
            seen alone = look(one, run, 1, n_cases, cases);
            same &= !memcmp(alone.logits, wanted.logits + run * n_cases * wanted.of_case, logits);
            same &= !memcmp(alone.pattern, wanted.pattern + run * n_cases * wanted.of_pattern, pattern);
            drop_seen(&alone);
        }
    }
    check(!wanted.error && same, "%s: looks have the same bits on %d instruction sets, alone and together", setting->name, (int)number);
    drop_seen(&wanted), drop_subject(one);
}

/* Of a run that diverged, logits and patterns are NaN of one pattern. */
static void one_nan(void) {
    const how as = {NULL, 0, NULL, 0, NULL};
    subject *one = subject_of(&golden_settings[1], as);
    hl_case whole;
    int64_t nan = 0, others = 0, i;
    int32_t number;
    memset(&whole, 0, sizeof whole);
    whole.at = -1;
    for (i = 0; i < one->size; ++i) one->weights[i] = i % 2 ? HUGE_VAL : -HUGE_VAL;
    for (number = 0; (one->problem.instruction_set = hl_instruction_set(number)); ++number) {
        seen found = look(one, 0, 2, 1, &whole);
        for (i = 0; i < 2 * (found.of_case + found.of_pattern); ++i) {
            const double *at = i < 2 * found.of_case ? found.logits + i : found.pattern + (i - 2 * found.of_case);
            uint64_t word;
            memcpy(&word, at, sizeof word);
            nan += *at != *at;
            others += *at != *at && word != UINT64_C(0x7FF8000000000000);
        }
        drop_seen(&found);
    }
    check(nan > 0 && others == 0, "%ld NaN of a run that diverged are of one pattern", (long)nan);
    drop_subject(one);
}

static void refused(const subject *one, hl_case wrong, const char *what) {
    double logits[runs_looked_at * golden_places * golden_d_vocab] = {0};
    const char *error = hl_look(&one->problem, 1, one->weights, 1, &wrong, logits, NULL, NULL);
    check(error && strlen(error) > 10 && logits[0] == 0, "refused, %s: %s", what, error ? error : "it was not");
}

static void wrong_looks(void) {
    const how as = {NULL, 0, NULL, 0, NULL};
    subject *one = subject_of(&golden_settings[1], as);
    hl_edit edit;
    hl_case wrong;
    memset(&edit, 0, sizeof edit);
    memset(&wrong, 0, sizeof wrong);
    wrong.sequence = golden_sequences, refused(one, wrong, "a sentence that is not there");
    wrong.sequence = 0, wrong.at = 5, refused(one, wrong, "a place beyond the sentence");
    wrong.at = 0, wrong.n_edits = 1, wrong.edits = &edit;
    edit.what = 99, refused(one, wrong, "nothing that a model computes");
    edit.what = HL_Z, edit.how = HL_GIVEN, refused(one, wrong, "z by hand");
    edit.how = HL_ZERO, edit.layer = 1, refused(one, wrong, "a layer that is not there");
    edit.layer = 0, edit.head = 7, refused(one, wrong, "a head that is not there");
    edit.head = 0, edit.how = HL_FROM, edit.donor = 9, refused(one, wrong, "a donor that is not there");
    drop_subject(one);
}

int main(void) {
    static const int looked_at[] = {1, 4, 5, 6, 10, 11};
    size_t k;
    for (k = 0; k < sizeof looked_at / sizeof *looked_at; ++k) {
        const golden_setting *setting = &golden_settings[looked_at[k]];
        logits_are_those_of_the_loss(setting);
        what_is_done_shows(setting);
        the_same_bits(setting);
    }
    one_nan();
    wrong_looks();
    return checked();
}
