/* What a host may ask: wrong requests are refused in a sentence and nothing is written; a training can be left and taken up. */
#include "check.h"
#include "training.h"

typedef struct { /* a request that is right, to be spoilt */
    hl_problem problem;
    hl_recipe recipe;
    hl_runs runs;
    hl_phase phase;
    int32_t ids[2 * golden_places];
    double weights_of_targets[golden_places];
    int64_t steps[2], wait[2], cooldown[2], outcome[2];
    float rate[2], best[2], losses[4], *weights, *slots;
} request;

static request *right(void) {
    static const uint64_t seeds[] = {0, 1};
    const how as = {NULL, 1, NULL, 0, NULL};
    request *one = room(1, sizeof *one);
    int i;
    one->problem = problem_of(&golden_settings[7], &as, one->ids);
    for (i = 0; i < golden_places; ++i) one->weights_of_targets[i] = 1;
    one->problem.batch.weights = one->weights_of_targets;
    one->phase = golden_settings[7].phases[0];
    one->phase.steps = 100;
    one->steps[1] = 99;
    one->recipe.n_phases = 1;
    one->recipe.phases = &one->phase;
    one->recipe.n_recorded = 2;
    one->recipe.recorded = one->steps;
    one->weights = room(2 * hl_size(&one->problem.shape), sizeof(float));
    one->slots = room(2 * 2 * hl_size(&one->problem.shape), sizeof(float));
    if (hl_initial(&one->problem, NULL, 1, 2, seeds, one->weights)) abort();
    one->runs.n_runs = 2;
    one->runs.weights = one->weights;
    one->runs.slots = one->slots;
    one->runs.rate = one->rate;
    one->runs.best = one->best;
    one->runs.wait = one->wait;
    one->runs.cooldown = one->cooldown;
    one->runs.outcome = one->outcome;
    one->runs.losses = one->losses;
    for (i = 0; i < 2; ++i) one->rate[i] = 0.001f, one->best[i] = (float)HUGE_VAL, one->outcome[i] = 77;
    return one;
}

static void drop_request(request *one) {
    free(one->weights);
    free(one->slots);
    free(one);
}

/* A sentence, and the arrays as they were. */
static void refused(request *one, const char *what) {
    hl_training *training = NULL;
    const char *error = hl_begin(&one->problem, &one->recipe, &one->runs, &training);
    check(error && strlen(error) > 10 && !training && one->outcome[0] == 77, "refused, %s: %s", what, error ? error : "it was not");
    if (training) hl_end(training);
    drop_request(one);
}

static void wrong_requests(void) {
    request *one = right();
    one->problem.shape.d_model = 8, refused(one, "d_model 8 without a W_U");
    one = right(), one->problem.shape.d_head = 0, refused(one, "no width of heads");
    one = right(), one->problem.shape.norm = 3, refused(one, "no such norm");
    one = right(), one->problem.shape.activation = 2, refused(one, "no such activation");
    one = right(), one->problem.shape.norm_final = 1, refused(one, "a norm at the end, and which is not said");
    one = right(), one->problem.shape.d_mlp = -1, refused(one, "an MLP narrower than none");
    one = right(), one->problem.shape.d_vocab_out = 3, refused(one, "the stream as logits of something else");
    one = right(), one->problem.shape.n_layers = 0, refused(one, "no layers, and nothing to unembed with");
    one = right(), one->problem.shape.tied = 1, refused(one, "W_E as W_U where there is none");
    one = right(), one->problem.shape.pairs = 1, refused(one, "pairs in a stream that is the logits");
    one = right(), one->problem.shape.causal = 0, one->problem.shape.relative = 1, refused(one, "distances to keys ahead");
    one = right(), one->problem.shape.stream_values = one->problem.shape.factored_values = 1, refused(one, "factors of values that are not there");
    one = right(), one->problem.type = 7, refused(one, "no such type");
    one = right(), one->problem.instruction_set = "abacus", refused(one, "an instruction set that is not there");
    one = right(), one->ids[3] = golden_d_vocab, refused(one, "a token beyond the vocabulary");
    one = right(), one->ids[golden_places] = -2, refused(one, "a target below none");
    one = right(), one->ids[1] = -1, refused(one, "padding in the middle");
    one = right(), one->weights_of_targets[2] = HUGE_VAL, refused(one, "an infinite weight of a target");
    one = right(), memset(one->weights_of_targets, 0, sizeof one->weights_of_targets), refused(one, "nothing to learn from");
    one = right(), one->recipe.n_phases = 0, refused(one, "no phase");
    one = right(), one->phase.steps = -1, refused(one, "steps below none");
    one = right(), one->phase.optimizer = 9, refused(one, "no such optimizer");
    one = right(), one->phase.loss = 9, refused(one, "no such loss");
    one = right(), one->steps[0] = 100, refused(one, "recorded steps that go back");
    one = right(), one->runs.n_runs = -1, refused(one, "runs below none");
    one = right(), one->runs.slots = NULL, refused(one, "no room for what Adam remembers");
    one = right(), one->runs.outcome = NULL, one->outcome[0] = 77, refused(one, "no room for outcomes");
}

static void go_on(request *one, int64_t steps) {
    const how at_once = {NULL, 1, NULL, 0, NULL};
    hl_training *training = NULL;
    one->phase.steps = steps;
    one->recipe.n_recorded = 0;
    if (hl_begin(&one->problem, &one->recipe, &one->runs, &training)) return;
    go(training, &at_once);
    hl_end(training);
}

static void left_and_taken_up(void) {
    request *whole = right(), *parts = right();
    const size_t bytes = 2 * (size_t)hl_size(&whole->problem.shape) * sizeof(float);
    go_on(whole, 300);
    go_on(parts, 120);
    parts->recipe.optimizer_step = 120;
    go_on(parts, 180);
    check(whole->outcome[1] == HL_FINISHED && !memcmp(whole->weights, parts->weights, bytes) && !memcmp(whole->slots, parts->slots, 2 * bytes),
          "Adam goes on from what was left, to the bit");
    drop_request(whole), drop_request(parts);
}

static void no_steps(void) {
    request *one = right();
    const size_t bytes = 2 * (size_t)hl_size(&one->problem.shape) * sizeof(float);
    float *before = room(1, bytes), final_loss[2] = {0, 0}, losses[2];
    memcpy(before, one->weights, bytes);
    one->runs.final_loss = final_loss;
    go_on(one, 0);
    if (hl_gradient(&one->problem, HL_SOFTMAX, 2, before, losses, NULL)) abort();
    check(!memcmp(before, one->weights, bytes) && !memcmp(losses, final_loss, sizeof losses) && losses[0] > 0,
          "no steps leave the weights, and give their loss");
    free(before), drop_request(one);
}

static void cancelled(int32_t threads) {
    request *one = right();
    hl_training *training = NULL;
    one->problem.threads = threads;
    one->phase.steps = INT64_C(1) << 40;
    if (hl_begin(&one->problem, &one->recipe, &one->runs, &training)) abort();
    hl_advance(training, 200);
    while (!hl_wait(training, 50)) continue;
    hl_advance(training, INT64_MAX);
    hl_cancel(training);
    while (!hl_wait(training, 50)) continue;
    check(one->outcome[0] == HL_NOT_ENDED && hl_read(training).steps == 200 && !hl_read(training).ended && hl_read(training).n_recorded == 2,
          "%d threads: a training that is cancelled has ended nowhere, and says how far it is", (int)threads);
    hl_end(training);
    drop_request(one);
}

static void dropped(void) {
    request *one = right();
    hl_training *training = NULL;
    one->problem.threads = 2;
    one->phase.steps = INT64_C(1) << 40;
    if (hl_begin(&one->problem, &one->recipe, &one->runs, &training)) abort();
    hl_advance(training, INT64_MAX);
    hl_end(training);
    check(1, "a training that goes on for ever ends when it is dropped");
    drop_request(one);
}

static void nobody(void) {
    request *one = right();
    one->runs.n_runs = 0;
    go_on(one, 100);
    check(1, "a training of no runs ends");
    drop_request(one);
}

int main(void) {
    wrong_requests();
    left_and_taken_up();
    no_steps();
    cancelled(0);
    cancelled(2);
    dropped();
    nobody();
    return checked();
}
