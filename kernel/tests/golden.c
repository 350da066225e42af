/* The same bits: fourteen settings, on every instruction set, however they are trained.
 *
 * `golden` trains seeds 0…63 of all of them; `golden few` the first four of each, and all 64 of the second: for emulators. */
#include "check.h"
#include "training.h"

static const char *label(const char *instruction_set) { return instruction_set ? instruction_set : "the widest"; }

static void same(const golden_setting *setting, int64_t n_runs, how as, const char *said) {
    trained runs = train(setting, 0, n_runs, as);
    const char *wanted = n_runs == golden_many ? setting->sha256_many : setting->sha256_few;
    check(!runs.error && strcmp(runs.sha256, wanted) == 0, "%s, seeds 0…%d, %s, %s: %.12s%s%s", setting->name, (int)n_runs - 1,
          label(as.instruction_set), said, runs.sha256, runs.error ? ": " : "", runs.error ? runs.error : "");
    check(runs.kept, "%s: the last snapshot, as wide as the model, is the trained weights", setting->name);
    drop(&runs);
}

/* A run depends on no other: seed 2 alone, whose own numbers are in the lanes then, last of three, and first of five. */
static void alone(const golden_setting *setting, how as) {
    trained batch = train(setting, 0, golden_few, as), one = train(setting, 2, 1, as), last = train(setting, 0, 3, as),
            first = train(setting, 2, 5, as);
    const size_t bytes = (size_t)batch.size * sizeof(float);
    const float *wanted = batch.weights + 2 * batch.size;
    check(!memcmp(one.weights, wanted, bytes) && !memcmp(last.weights + 2 * batch.size, wanted, bytes) && !memcmp(first.weights, wanted, bytes),
          "%s, seed 2, %s: the same alone, as the last of three and the first of five", setting->name, label(as.instruction_set));
    drop(&batch), drop(&one), drop(&last), drop(&first);
}

/* The same bits where every run is trained alone, one after the other. */
static void one_by_one(const golden_setting *setting, how as) {
    trained batch = train(setting, 0, golden_few, as);
    const size_t bytes = (size_t)batch.size * sizeof(float);
    int equal = 0, run;
    for (run = 0; run < golden_few; ++run) {
        trained one = train(setting, (uint64_t)run, 1, as);
        equal += !memcmp(one.weights, batch.weights + run * batch.size, bytes) && one.outcome[0] == batch.outcome[run];
        drop(&one);
    }
    check(equal == golden_few, "%s, %s: %d of %d runs are the same alone", setting->name, label(as.instruction_set), equal, golden_few);
    drop(&batch);
}

/* One run has the lanes for itself; as many as there are lanes have one each. */
static void ways(const char *instruction_set) {
    const how as = {instruction_set, 1, NULL, 0, NULL};
    int32_t ids[2 * golden_places];
    const hl_problem problem = problem_of(&golden_settings[0], &as, ids);
    const hl_recipe recipe = {.n_phases = golden_settings[0].n_phases, .phases = golden_settings[0].phases};
    const hl_way one = hl_way_of(&problem, &recipe, 1), many = hl_way_of(&problem, &recipe, 64);
    check(one.runs == 1 && one.step > 0 && one.step < 1, "%s: one run is trained alone", label(instruction_set));
    check(many.runs == hl_lanes(instruction_set, HL_FLOAT32) && many.step == 1, "%s: many runs are trained in groups", label(instruction_set));
}

int main(int count, char **arguments) {
    static const int64_t uneven[] = {1, 7, 1, 611, 13, 1024}, single[] = {1};
    static const int32_t renamed[] = {6, 3, 0, 5, 1, 4, 2}; /* the same words in another vocabulary */
    const int few = count > 1 && strcmp(arguments[1], "few") == 0;
    const char *instruction_set;
    int32_t number;
    int k;
    for (number = 0; (instruction_set = hl_instruction_set(number)); ++number) {
        const how at_once = {instruction_set, 2, NULL, 0, NULL}, cut = {instruction_set, 0, uneven, 6, NULL},
                  stepped = {instruction_set, 3, single, 1, NULL}, other = {instruction_set, 1, NULL, 0, renamed};
        ways(instruction_set);
        for (k = 0; k < golden_count; ++k) {
            const golden_setting *setting = &golden_settings[k];
            if (!few || k == 1) same(setting, golden_many, at_once, "two threads, at once");
            same(setting, golden_few, cut, "the caller's thread, cut unevenly");
            if (!few) same(setting, golden_few, other, "ids of another vocabulary");
        }
        if (few) same(&golden_settings[0], golden_few, other, "ids of another vocabulary");
        same(&golden_settings[0], golden_few, stepped, "three threads, step by step");
        for (k = 0; k < golden_count; ++k) {
            if (!few) alone(&golden_settings[k], at_once);
            if (!few || k == 1) one_by_one(&golden_settings[k], k % 2 ? cut : at_once);
        }
    }
    return checked();
}
