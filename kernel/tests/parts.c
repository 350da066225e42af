/* Parts: contributions add up to what they are parts of; the same bits on every instruction set. */
#include "check.h"
#include "training.h"

enum { n_runs = 5, place_looked_at = 3 };

/* All paths of a model, [path, layer]: a head a layer, or past it. */
static int32_t all_paths(const hl_shape *shape, int32_t **paths) {
    int32_t count = 1, path, layer, rest;
    for (layer = 0; layer < shape->n_layers; ++layer) count *= shape->n_heads + (shape->residual ? 1 : 0);
    *paths = room((int64_t)count * shape->n_layers, sizeof **paths);
    for (path = 0; path < count; ++path)
        for (layer = 0, rest = path; layer < shape->n_layers; ++layer) {
            const int32_t ways = shape->n_heads + (shape->residual ? 1 : 0), way = rest % ways;
            (*paths)[path * shape->n_layers + layer] = way == shape->n_heads ? -1 : way;
            rest /= ways;
        }
    return count;
}

static void add_up(const golden_setting *setting) {
    static const uint64_t seeds[] = {0, 1, 2, 3, 4};
    static const double readout[] = {0, 0, 0, 1, 0, 0, -1};
    const how as = {NULL, 0, NULL, 0, NULL};
    int32_t ids[2 * golden_places], *paths, number;
    hl_problem problem = problem_of(setting, &as, ids);
    const hl_shape *shape = &problem.shape;
    const int32_t n_paths = all_paths(shape, &paths);
    const int64_t numbers = (int64_t)n_paths * shape->n_ctx, size = hl_size(shape);
    double *weights = room(n_runs * size, sizeof *weights), *token = room(2 * n_runs * numbers, sizeof *token), *first = room(n_runs * numbers, sizeof *first);
    double *position = token + n_runs * numbers, logits[n_runs * golden_d_vocab], total[n_runs], off = 0;
    const hl_place place = {0, place_looked_at};
    hl_gives gives;
    hl_case one;
    const char *error;
    int64_t run, i;
    int same = 1;
    problem.type = HL_FLOAT64;
    memset(&gives, 0, sizeof gives);
    memset(&one, 0, sizeof one);
    one.at = place_looked_at;
    gives.token = token, gives.position = position, gives.total = total;
    error = hl_initial(&problem, NULL, 3, n_runs, seeds, weights);
    if (!error) error = hl_look(&problem, n_runs, weights, 1, &one, logits, NULL, NULL);
    for (number = 0; !error && (problem.instruction_set = hl_instruction_set(number)); ++number) {
        problem.threads = number;
        error = hl_parts(&problem, n_runs, weights, NULL, place, readout, n_paths, paths, &gives);
        if (number == 0) memcpy(first, token, (size_t)(n_runs * numbers) * sizeof *first);
        same &= !memcmp(first, token, (size_t)(n_runs * numbers) * sizeof *first);
    }
    for (run = 0; run < n_runs; ++run) {
        const double difference = logits[run * golden_d_vocab + 3] - logits[run * golden_d_vocab + 6];
        double sum = 0;
        for (i = 0; i < numbers; ++i) sum += token[run * numbers + i] + position[run * numbers + i];
        off = fmax(off, fmax(fabs(sum - difference), fabs(total[run] - difference)));
    }
    check(!error && off < 1e-12 && same, "%s: %d paths add up to the logit difference (%.0e), with the same bits on %d instruction sets%s%s", setting->name,
          (int)n_paths, off, (int)number, error ? ": " : "", error ? error : "");
    free(weights), free(token), free(first), free(paths);
}

int main(void) {
    static const int settings[] = {0, 1, 4, 5, 6, 10, 11};
    size_t k;
    for (k = 0; k < sizeof settings / sizeof *settings; ++k) add_up(&golden_settings[settings[k]]);
    return checked();
}
