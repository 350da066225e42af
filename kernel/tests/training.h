/* The notebook's sentences and the settings of golden.json (golden.h is made of it), trained from seeds. */
#ifndef HEADLAB_TESTS_TRAINING_H
#define HEADLAB_TESTS_TRAINING_H
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "headlab.h"

typedef struct {
    const char *instruction_set; /* null: the widest */
    int32_t threads;             /* 0: the caller's own */
    const int64_t *cut;          /* how far each advance goes, the last one again and again; null: to the end at once */
    int32_t cuts;
    const int32_t *ids; /* of each token, another vocabulary of the same words; null: the file's */
} how;

typedef struct {
    const char *error; /* what the kernel said, null when all went well */
    int64_t n_runs, size;
    float *weights, *losses, *rates, *final_loss; /* in the order of the vocabulary */
    int64_t *outcome;
    int32_t kept;      /* the snapshot of the end, as wide as the model, is the weights */
    char sha256[65]; /* of the weights in the order in which they are trained */
} trained;

/* Zeros; ends the test when there is no memory. */
void *room(int64_t count, size_t bytes);

/* The problem of a setting; ids: room for tokens and targets, 2 golden_places, that it points to. */
hl_problem problem_of(const golden_setting *setting, const how *as, int32_t *ids);

/* Advance until it has ended. */
void go(hl_training *training, const how *as);

/* Train seeds `first`, `first` + 1 … */
trained train(const golden_setting *setting, uint64_t first, int64_t n_runs, how as);
void drop(trained *result);

#endif
