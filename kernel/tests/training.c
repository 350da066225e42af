#include "training.h"

void *room(int64_t count, size_t bytes) {
    void *block = calloc((size_t)(count > 0 ? count : 1), bytes);
    if (!block) abort();
    return block;
}

hl_problem problem_of(const golden_setting *setting, const how *as, int32_t *ids) {
    hl_problem problem;
    int i;
    memset(&problem, 0, sizeof problem);
    problem.shape = setting->shape;
    for (i = 0; i < golden_places; ++i) {
        ids[i] = as->ids ? as->ids[golden_tokens[i]] : golden_tokens[i];
        ids[golden_places + i] = as->ids ? as->ids[golden_targets[i]] : golden_targets[i];
    }
    problem.batch.n_sequences = golden_sequences;
    problem.batch.tokens = ids;
    problem.batch.targets = ids + golden_places;
    problem.type = HL_FLOAT32;
    problem.threads = as->threads;
    problem.instruction_set = as->instruction_set;
    return problem;
}

/* SHA-256 over the weights of some runs as they are trained, little-endian, whatever the processor. */
static void hash_in_training_order(const hl_problem *problem, int64_t n_runs, const float *weights, char hex[65]) {
    const int64_t size = hl_size(&problem->shape);
    int64_t *place = room(size, sizeof *place), run, i;
    unsigned char *bytes = room(n_runs * size, 4);
    hl_places(&problem->shape, &problem->batch, place);
    for (run = 0; run < n_runs; ++run)
        for (i = 0; i < size; ++i) {
            uint32_t word;
            unsigned char *to = bytes + 4 * (run * size + i);
            memcpy(&word, weights + run * size + place[i], 4);
            to[0] = (unsigned char)word, to[1] = (unsigned char)(word >> 8);
            to[2] = (unsigned char)(word >> 16), to[3] = (unsigned char)(word >> 24);
        }
    hl_sha256(bytes, (uint64_t)(4 * n_runs * size), hex);
    free(bytes);
    free(place);
}

static int64_t steps_of(const golden_setting *setting) {
    int64_t steps = 0;
    int k;
    for (k = 0; k < setting->n_phases; ++k) steps += setting->phases[k].steps;
    return steps;
}

void go(hl_training *training, const how *as) {
    int32_t part = 0;
    while (!hl_read(training).ended) {
        hl_advance(training, as->cut ? as->cut[part] : INT64_MAX);
        while (!hl_wait(training, 50)) continue;
        if (part + 1 < as->cuts) ++part;
    }
}

/* Whether flat weights, widened where heads were trained narrow, are those of the runs. */
static int32_t is_kept(const hl_problem *problem, const hl_runs *runs) {
    const int64_t numbers = runs->n_runs * hl_size(&problem->shape);
    float *wide = room(numbers, sizeof *wide);
    const void *found = runs->snapshots;
    int32_t same;
    if (runs->basis) found = hl_widen(problem, runs->n_runs, runs->basis, runs->snapshots, wide) ? NULL : wide;
    same = found && memcmp(found, runs->weights, (size_t)numbers * sizeof *wide) == 0;
    free(wide);
    return same;
}

trained train(const golden_setting *setting, uint64_t first, int64_t n_runs, how as) {
    trained result;
    hl_recipe recipe;
    hl_runs runs;
    hl_training *training = NULL;
    int32_t ids[2 * golden_places];
    const hl_problem problem = problem_of(setting, &as, ids);
    const int64_t size = hl_size(&problem.shape), steps = steps_of(setting);
    uint64_t *seeds = room(n_runs, sizeof *seeds);
    int64_t *recorded = room(steps, sizeof *recorded), i;
    const int64_t blocks = (int64_t)problem.shape.n_layers * problem.shape.n_heads;
    int64_t narrow;
    memset(&result, 0, sizeof result);
    memset(&recipe, 0, sizeof recipe);
    memset(&runs, 0, sizeof runs);
    recipe.n_phases = setting->n_phases;
    recipe.phases = setting->phases;
    recipe.n_recorded = steps;
    recipe.recorded = recorded;
    recipe.n_snapshots = 1;
    recipe.snapshots = &steps;
    narrow = hl_narrow(&problem.shape, &recipe);
    for (i = 0; i < n_runs; ++i) seeds[i] = first + (uint64_t)i;
    for (i = 0; i < steps; ++i) recorded[i] = i;
    result.n_runs = runs.n_runs = n_runs;
    result.size = size;
    runs.weights = result.weights = room(n_runs * size, sizeof(float));
    runs.losses = result.losses = room(n_runs * steps, sizeof(float));
    runs.rates = result.rates = room(n_runs * steps, sizeof(float));
    runs.final_loss = result.final_loss = room(n_runs, sizeof(float));
    runs.outcome = result.outcome = room(n_runs, sizeof(int64_t));
    runs.rate = room(n_runs, sizeof(float));
    runs.best = room(n_runs, sizeof(float));
    runs.snapshots = room(n_runs * size, sizeof(float));
    runs.slots = room(n_runs * hl_slots(&recipe) * size, sizeof(float));
    if (narrow) {
        runs.narrow = room(n_runs * 2 * blocks * problem.shape.d_model * narrow, sizeof(float));
        runs.basis = room(n_runs * blocks * problem.shape.d_head * narrow, sizeof(float));
    }
    runs.wait = room(n_runs, sizeof(int64_t));
    runs.cooldown = room(n_runs, sizeof(int64_t));
    for (i = 0; i < n_runs; ++i) {
        ((float *)runs.rate)[i] = (float)setting->learning_rate;
        ((float *)runs.best)[i] = (float)HUGE_VAL;
    }
    result.error = hl_initial(&problem, NULL, 1.0, n_runs, seeds, runs.weights);
    if (!result.error) result.error = hl_begin(&problem, &recipe, &runs, &training);
    if (training) {
        go(training, &as);
        hl_end(training);
        result.kept = is_kept(&problem, &runs);
    }
    hash_in_training_order(&problem, n_runs, result.weights, result.sha256);
    free(runs.snapshots), free(runs.slots), free(runs.narrow), free(runs.basis), free(runs.rate), free(runs.best), free(runs.wait), free(runs.cooldown), free(recorded), free(seeds);
    return result;
}

void drop(trained *result) {
    free(result->weights), free(result->losses), free(result->rates), free(result->final_loss), free(result->outcome);
}
