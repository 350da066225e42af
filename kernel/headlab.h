/* headlab's kernel: tiny attention models, trained, looked into and taken apart, many runs at once. Plain C.
 *
 * A seed is a run: the same problem, recipe and seed give the same bits on every processor, in any batch, on any number of
 * threads, however a training is cut. Arrays are the caller's, run after run, in C order and in the order of the caller's
 * vocabulary; null: not wanted, or as usual. hl_real is float or double, as the problem's type says. A function that can fail
 * returns null when it is done, or a sentence that says what is wrong, and then nothing was written. */
#ifndef HEADLAB_H
#define HEADLAB_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define HL_NUMERICS 2 /* raised by one when the same request gives other bits than before */
#define HL_NO_MEMORY "there must be memory for the work on one group of runs, and there was none: ask for less" /* the one sentence that is nobody's fault */
typedef void hl_real; /* float or double */

/* What is asked of which model. */
enum { HL_RELU, HL_GELU };                     /* max(x, 0); x / (1 + exp(-2 sqrt(2/pi) (x + 0.044715 x^3))) */
enum { HL_NO_NORM, HL_LAYER_NORM, HL_RMS_NORM }; /* (x - mean) / sqrt(variance + 1e-5) w + b; x / sqrt(mean of x^2 + 1e-5) w */
typedef struct {                               /* all but the sizes of the first line may be 0 */
    int32_t d_vocab, n_ctx, d_model, d_head, n_layers, n_heads;    /* no layers: the embeddings are what is unembedded */
    int32_t positions, residual, causal, factored_values, unembed; /* 0 or 1 */
    int32_t d_vocab_out;                       /* what there is to predict; 0: the vocabulary */
    int32_t d_mlp, activation;                 /* of the MLP after each layer's heads; 0: there is none */
    int32_t norm, norm_after, norm_final;      /* norm: which; of what heads and MLP read, or 1: of the stream that they have added to;
                                                  and 1: of what is unembedded */
    int32_t biases;                            /* 1: of queries, keys, values, of what heads write, and of logits */
    int32_t tied;                              /* 1: logits are resid W_E^T; unembed is 1, and there is no W_U */
    int32_t relative;                          /* 1: score = q . (k + W_R[how far the key is behind]) / sqrt(d_head); causal */
    int32_t stream_values;                     /* 1: values are what a head reads: no W_V, no W_O */
    int32_t pairs;                             /* 1: an id is a d_vocab + b, two tokens whose embeddings, d_model / 2 each, stand side by side */
} hl_shape;
typedef struct { /* [sequence, position]; -1: padding, no target */
    int32_t n_sequences;
    const int32_t *tokens, *targets;
    const double *weights; /* of the targets in the loss; null: all alike */
    int32_t declared;      /* 1: ids are in the order to train in; 0: that is the order in which tokens first appear */
} hl_batch;
enum { HL_FLOAT32, HL_FLOAT64 };
typedef struct {
    hl_shape shape;
    hl_batch batch;
    int32_t type, threads;       /* threads: at most; 0: the caller's own */
    int32_t at_once;             /* of a training: 1: one run, whose own numbers are in the lanes; 2: one run a lane; 0: whatever is quickest */
    const char *instruction_set; /* one of hl_instruction_set; null: the widest, or what trains so few runs the quickest */
} hl_problem;

/* The table of weights, in flat order; axes as in hl_shape. */
enum { HL_W_E, HL_W_POS, HL_W_Q, HL_W_K, HL_W_V, HL_W_O, HL_W_U, HL_W_R, HL_B_Q, HL_B_K, HL_B_V, HL_B_O, HL_B_U, HL_W_IN, HL_B_IN, HL_W_OUT, HL_B_OUT,
       HL_LN1_W, HL_LN1_B, HL_LN2_W, HL_LN2_B, HL_LN_FINAL_W, HL_LN_FINAL_B, HL_WEIGHTS };
typedef struct {
    const char *name;
    int64_t start, axes[4]; /* of the flat weights; sizes, outermost first, 0 where there are fewer */
    int32_t n_axes;         /* 0: the model has it not */
} hl_weight;
hl_weight hl_weight_of(const hl_shape *, int32_t weight);
int64_t hl_size(const hl_shape *);                                  /* of the flat weights of a run */
void hl_order(const hl_shape *, const hl_batch *, int32_t *order);  /* [d_vocab]: the caller's id of each token as trained */
void hl_places(const hl_shape *, const hl_batch *, int64_t *place); /* [weight]: the caller's place of each weight as trained */

/* Initial weights, and words for data, of Philox4x32-10: the same for a seed wherever they are drawn.
 *   HL_USUAL        as the table of weights says
 *   HL_UNIFORM      from -size to size
 *   HL_NORMAL       of mean 0 and standard deviation size
 *   HL_CONSTANT     size
 *   HL_SINUSOIDAL   W_pos alone: size times the sine, in odd columns the cosine, of position / 10000^(2i / d_model), i: column div 2
 * Uniform and normal ones are times the scale. In double, too, each is a float. */
enum { HL_USUAL, HL_UNIFORM, HL_NORMAL, HL_CONSTANT, HL_SINUSOIDAL };
typedef struct {
    int32_t rule;
    double size;
} hl_draw;
const char *hl_initial(const hl_problem *, const hl_draw draws[HL_WEIGHTS], /* null: all as usual */
                       double scale, int64_t n_runs, const uint64_t *seeds, hl_real *weights);
/* [example, word]: of `n` examples from the `first` on, their words `from` to from + count - 1 of a stream of a data seed. */
void hl_words(uint64_t seed, uint32_t stream, uint64_t first, int64_t n, int32_t from, int32_t count, uint32_t *words);

/* A training: begin, advance by at most so many steps, wait, read; and end. */
enum { HL_SOFTMAX, HL_NORMALIZED_SIGMOID };
enum { HL_SGD, HL_RMSPROP, HL_ADAM, HL_ADAMW };
enum { HL_STEADY, HL_COSINE, HL_LINEAR };
typedef struct {
    int64_t steps;
    int32_t loss, optimizer, nesterov, centered;
    double momentum, rho, beta_1, beta_2, epsilon, weight_decay;
    int32_t sets_rate; /* 0: each run's rate goes on from where it is */
    double learning_rate;
    int32_t plateau, plateau_goes_on; /* watches for one; goes on with that of the phase before */
    double factor, min_rate, min_delta;
    int64_t patience, cooldown;
    uint32_t frozen; /* bits: 1 << HL_W_E … */
    uint32_t spared; /* likewise, by weight_decay and l2 */
    double l2, clip; /* l2 w is added to a gradient, after that of all weights that move was made no longer than clip; 0: neither */
    int32_t schedule; /* of the rate: from each run's own, which stays what it is, to end_rate; at step s of S of them */
    double end_rate;  /* cosine: end + (own - end) (1 + cos(pi r / S)) / 2; linear: own + (end - own) r / S; r = s - s mod rate_every */
    int64_t rate_every, warmup;            /* and in the first ones times (s + 1) / warmup */
    int64_t schedule_from, schedule_steps; /* steps of the schedule before this phase, and all of them; 0: those of the phase */
    int32_t reset;       /* 1: what the optimizer remembers starts afresh */
    int32_t plateau_on;  /* 1: it watches what is held out, not the loss of each step */
    int32_t n_sequences, n_positions; /* of the batch that is fed to each step; 0: the problem's own */
} hl_phase;
typedef struct { /* what is not trained on; n_sequences 0: nothing is */
    int32_t n_sequences, n_positions, at_once; /* at_once: sequences that are evaluated together */
    const int32_t *tokens, *targets;           /* [sequence, position] */
    int32_t by_sequence;                       /* 1: a sequence is right where all of its targets are; 0: every target by itself */
    int64_t n_steps;
    const int64_t *steps; /* at which it is evaluated, before their updates; ascending */
    int32_t last_apart;   /* 1: the last evaluation is told, and neither stops a run nor reduces a rate */
    double stop_at;       /* a run ends when so much is right in stop_count evaluations, one after the other; stop_count 0: none does */
    int64_t stop_count;
} hl_held_out;
typedef struct {
    int32_t n_phases; /* one at least */
    const hl_phase *phases;
    int64_t optimizer_step, n_recorded, n_snapshots; /* steps that the slots have seen before */
    const int64_t *recorded, *snapshots;             /* steps, ascending; n: after n updates */
    hl_held_out held_out;
} hl_recipe;
enum { HL_FINISHED = -1, HL_NOT_ENDED = -2, HL_STOPPED = -3 }; /* outcomes; from 0 on: the step at which the run diverged */
typedef struct {
    int64_t n_runs;
    hl_real *weights;                             /* [run, weight], in and out */
    hl_real *rate, *best;                         /* [run] of the next step; the plateau's best loss; in and out */
    int64_t *wait, *cooldown;                     /* [run] steps since then; until it looks again; in and out */
    hl_real *slots;                               /* [run, hl_slots, trained weight], in and out */
    hl_real *narrow, *basis;                      /* [run, 2, block, d_model, hl_narrow], [run, block, d_head, hl_narrow]: wide */
    int32_t turned;                               /* heads, trained narrow; null: in their own width. 1: they go on from these */
    hl_real *losses, *rates, *final_loss;         /* [run, recorded], [run, recorded], [run]; final_loss: in and out */
    hl_real *snapshots;                           /* [run, snapshot, trained weight]; heads trained narrow: hl_widen */
    int64_t *outcome;                             /* [run] */
    hl_real *held_loss, *held_right;              /* [run, evaluation]: the mean loss, and what share is right */
    int64_t *reached;                             /* [run] evaluations in a row that reached stop_at; in and out */
    int64_t *stopped;                             /* [run] the step at which it ended, where the outcome is HL_STOPPED */
} hl_runs;
typedef struct {
    int64_t steps, run_steps;      /* that every run has taken; that all have together, now */
    int64_t n_recorded, n_snapshots, n_evaluated;
    int64_t fed; /* how far it can be advanced */
    int32_t ended;
} hl_progress;
typedef struct hl_training hl_training;
int32_t hl_narrow(const hl_shape *, const hl_recipe *); /* the width that wide heads can be trained in; 0: their own alone */
int32_t hl_slots(const hl_recipe *);                    /* numbers that are remembered of a weight, at most */
typedef struct {
    const char *instruction_set;
    int32_t runs; /* that are worked on at once: hl_lanes, or 1, whose own numbers are in the lanes then */
    double step;  /* of them, in steps of as many runs as there are lanes; about */
} hl_way;
hl_way hl_way_of(const hl_problem *, const hl_recipe *, int64_t n_runs); /* how a training of so many runs goes; it is the same runs either way */
const char *hl_begin(const hl_problem *, const hl_recipe *, const hl_runs *, hl_training **training);
const char *hl_feed(hl_training *, int64_t n_steps, const int32_t *tokens, const int32_t *targets); /* [step, sequence, position] of the
    steps that come after those fed so far, of one phase; copied, also while it advances. Of a fed problem declared is 1. */
void hl_advance(hl_training *, int64_t steps);            /* begins to, no further than is fed; arrays are true of it when it is waited for */
int32_t hl_wait(hl_training *, int32_t milliseconds);     /* 1: it has advanced; works itself where there are no threads */
hl_progress hl_read(const hl_training *);
void hl_cancel(hl_training *); /* at the next step; runs that have not ended are as they were before */
void hl_end(hl_training *);    /* cancels; then nothing touches the arrays any more */
const char *hl_gradient(const hl_problem *, int32_t loss, int64_t n_runs, const hl_real *weights, hl_real *losses, hl_real *gradient);
/* Forward alone, on the problem's batch; right: how many targets have the largest logit, and in how many sequences all of them (of
 * equal logits the lowest id counts); predicted: the largest of each place. -1 and 0 at padding. */
const char *hl_evaluate(const hl_problem *, int32_t loss, int64_t n_runs, const hl_real *weights,
                        hl_real *losses,    /* [run] */
                        int64_t *right,     /* [run, 2] */
                        int32_t *predicted, /* [run, sequence, n_ctx] */
                        hl_real *logits);   /* [run, sequence, n_ctx, out] */
const char *hl_widen(const hl_problem *, int64_t n, const hl_real *basis, const hl_real *narrow, hl_real *wide); /* flat weights of n runs */

/* Look: forward alone, each case a sequence with what is done in the middle of it, computed in double whatever the problem's type.
 * Its edits are done where the model computes what they are about, in their order.
 *   HL_TOKEN, HL_POSITION          an embedding, at a position
 *   HL_RESID                       what a layer reads, at a position
 *   HL_Q, HL_K, HL_V, HL_Z         of a head, at a position; z: what the head writes
 *   HL_SCORES, HL_PATTERN          of a head, of a query and the keys that it sees, before and after the softmax
 *   HL_EDGE                        what a head reads from a key for a query, pattern · v (W_O): a part of z
 *   HL_DIRECT_TOKEN, …_POSITION    an embedding's own part of the last stream, past all heads
 *   HL_MLP                         what a layer's MLP writes, at a position
 *   HL_ZERO    becomes 0
 *   HL_MEAN    becomes what it is on average in the sentences that have the place; a position's embedding, at those of its sentence
 *   HL_FROM    becomes what it is in another sentence when nobody intervenes; scores that the query there does not see: masked;
 *              an edge is read from there even where the query here does not see the key
 *   HL_MASK    scores: left out of the softmax; a query of which all are reads nothing
 *   HL_GIVEN   the pattern: weights given by hand
 * Of scores and patterns there is no mean; edges and direct parts are replaced by the difference. */
enum { HL_TOKEN, HL_POSITION, HL_RESID, HL_Q, HL_K, HL_V, HL_SCORES, HL_PATTERN, HL_Z, HL_EDGE, HL_DIRECT_TOKEN, HL_DIRECT_POSITION,
       HL_MLP };
enum { HL_ZERO, HL_MEAN, HL_FROM, HL_MASK, HL_GIVEN };
typedef struct {
    int32_t what, how;
    int32_t layer, head, at, key; /* -1: every one; at: position, or query; key: of scores, patterns, and one of edges */
    int32_t donor;                /* HL_FROM: a sequence */
    const int32_t *there;         /* HL_FROM: [n_ctx] its position for each one here; -1: it has none, and here it becomes 0; -2: what
                                     is here stays; null: the same ones, as far as it has them, and the others stay */
    const double *given;          /* HL_GIVEN: [key], n_ctx of them, or [query, key] for every query; of keys that it sees */
    int64_t strides[3];           /* HL_GIVEN: numbers to the next run's, layer's and head's; 0: theirs are the same */
} hl_edit;
typedef struct {
    int32_t head, key; /* what the last layer's head reads from the key for the case's `at`, as the logits see it, whatever is done to that edge */
} hl_source;
typedef struct {
    int32_t sequence, at; /* at: the position whose logits are wanted; -1: all of them, in every case then */
    int32_t n_edits, n_reads;
    const hl_edit *edits;
    const hl_source *reads;
} hl_case;
const char *hl_look(const hl_problem *, int64_t n_runs, const hl_real *weights, int32_t n_cases, const hl_case *cases,
                    hl_real *logits,   /* [run, case, (n_ctx,) d_vocab_out] */
                    hl_real *reads,    /* [run, read of all cases one after the other, d_vocab_out] */
                    hl_real *pattern); /* [run, case, layer, head, n_ctx, n_ctx] */

/* What a model computes on every sequence when nobody intervenes; 0 at padding, and of scores and patterns at keys out of sight. */
typedef struct {
    hl_real *resid;    /* [run, layers + 1, sequence, n_ctx, d_model]: before each layer, and after the last, before a last norm */
    hl_real *q, *k, *v;        /* [run, layer, head, sequence, n_ctx, d_head; of v without W_O: d_model] */
    hl_real *scores, *pattern; /* [run, layer, head, sequence, query, key]; scores: with their scale */
    hl_real *z;                /* [run, layer, head, sequence, n_ctx, d_model]: as the head writes it, without b_O */
    hl_real *logits;           /* [run, sequence, n_ctx, d_vocab_out] */
    hl_real *normed, *mlp_out; /* [run, layer, sequence, n_ctx, d_model]: what heads read; what the MLP writes, 0 without one */
} hl_computes;
const char *hl_activations(const hl_problem *, int64_t n_runs, const hl_real *weights, const hl_computes *);

/* Parts, in double. Of logits · readout [d_vocab] at a place, patterns held as they are: a sum over paths, each from where it
 * starts through a head a layer, or past it, and over the edges that heads read along. Of a layer's scores: a sum over features of
 * query and key, which are the token, the position (where they are still in the stream) and what each earlier head wrote. */
typedef struct {
    int32_t sequence, at;
} hl_place;
typedef struct { /* what is known already; null: it is worked out */
    const double *patterns, *written; /* [n_ctx, n_ctx] of each head, and what it writes, [n_ctx, d_model] */
    int64_t run, head, sequence;      /* so many of these from one to the next; heads layer by layer */
} hl_known;
typedef struct {
    double *token, *position;   /* [run, path, n_ctx]: what the embeddings give along each path, by where it starts */
    double *edge;               /* [run, layer, head, query, key]: what is read along an edge, with all that comes behind it */
    double *adjoint, *gradient; /* [run, layers + 1, n_ctx, d_model]: of the streams; patterns held, and as they react */
    double *total;              /* [run] */
} hl_gives;
const char *hl_parts(const hl_problem *, int64_t n_runs, const double *weights, const hl_known *, hl_place place, const double *readout,
                     int32_t n_paths, const int32_t *paths, const hl_gives *); /* [path, layer]: a head, or -1: past the layer */
int32_t hl_features(const hl_shape *, int32_t layer);
const char *hl_score_parts(const hl_problem *, int64_t n_runs, const double *weights, const hl_known *, int32_t layer, int32_t n_queries,
                           const hl_place *queries, int32_t n_keys, const hl_place *keys,
                           double *parts); /* [run, head, query, key, query feature, key feature] */

/* What the kernel makes of logits, for hosts: shares of 1 of each row, the softmax; and natural logarithms. */
void hl_softmax(int64_t n_rows, int32_t width, const double *rows, double *shares); /* width: at least 1 */
void hl_log(int64_t n, const double *numbers, double *logarithms);

const char *hl_instruction_set(int32_t number);               /* of this processor, the widest first; null: there are no more */
int32_t hl_lanes(const char *instruction_set, int32_t type);  /* runs that are worked on at once */
void hl_sha256(const void *bytes, uint64_t length, char hex[65]);

#ifdef __cplusplus
}
#endif
#endif
