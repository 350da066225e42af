// A problem made ready: sizes, rows, places of weights in the order to train in. Plain data, the same for every run and lane.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "recipe.hpp"
#include "rows.hpp"

namespace headlab {

struct HeldOut;

// Scores need only W_QK = W_Q W_Kᵀ. Forming it and returning its gradient costs 3 d_model² d_head, and then three products of
// d_model² an input; without it there are six of d_model d_head an input. Both round differently, so sizes alone decide, and not
// how many inputs of a batch are distinct. Nor can it be where keys and queries have biases, or distances.
bool folds(const hl_shape& shape, int n_sequences, int n_positions, int layer);

// A shape whose heads are trained in another width, d_head; 0: in their own.
hl_shape with_heads_of(hl_shape shape, int d_head);

struct Plan {
    // d_head: the width to work in, where it is narrower than the model's; columns: that rows of weights are filled up to; fed: the
    // largest batches that steps bring along
    explicit Plan(const hl_problem& problem, int d_head = 0, int columns = 1, const std::vector<Sizes>& fed = {});

    Shape shape, model;  // as it is worked on, and as it was asked for: its heads may be wider
    double scale;           // on the scores: 1 / sqrt(d_head) of the model
    std::vector<int32_t> order;
    Rows rows;                   // of the problem's own batch
    std::vector<Sizes> batches;  // the largest ones that the workspace is for
    Places given, wide_given;                  // the caller's, of shape and of model
    Places at, wide_at;                        // as it is worked on
    std::vector<int64_t> gather, of_wide;      // the caller's place of each weight, in the same two shapes; of_wide: where that is another

    const std::vector<int64_t>& wide_gather() const { return narrow() ? of_wide : gather; }
    bool narrow() const { return shape.d_head != model.d_head; }
    int blocks() const { return shape.n_layers * shape.n_heads; }
    int value_width() const { return int(size_of(shape, Axis::value)); }
    int outputs() const { return int(size_of(shape, Axis::out)); }
    // The most that any batch needs of something.
    template <class Need> int64_t most(const Need& need) const {
        int64_t found = 0;
        for (const Sizes& batch : batches) found = std::max<int64_t>(found, need(batch));
        return found;
    }
};

// Groups of as many runs as there are lanes, taken one after the other by the threads of one call.
struct Control {
    std::atomic<int64_t> next_group{0}, run_steps{0}, groups_until{INT64_MAX};
    std::atomic<bool> cancel{false};

    // The first run of a group that is the caller's from here on; -1: there is none.
    int64_t take(int64_t n_runs, int lanes) {
        if (cancel || next_group >= groups_until) return -1;
        const int64_t first = next_group++ * lanes;
        return first < n_runs ? first : -1;
    }
};

// One thread's workspace; all that it takes is taken when it is made, so that `work` cannot fail.
class Worker {
  public:
    virtual ~Worker() = default;
    virtual void work() noexcept = 0;  // groups of runs, until there are none
};

// What workers of each kind work on.
struct TrainingCall {
    const Plan& plan;
    const Recipe& recipe;
    const HeldOut* held_out;  // null: nothing is
    hl_runs runs;
    int64_t from, to;              // steps
    std::vector<const Rows*> fed;  // of those that were, in their order
};
struct GradientCall {
    const Plan& plan;
    int64_t n_runs;
    int loss;
    const void* weights;
    void *losses, *gradient;
};
struct EvaluationCall {
    const Plan& plan;
    int64_t n_runs;
    const Rows& rows;
    int loss;
    const void* weights;
    void* losses;
    int64_t* right;
    int32_t* predicted;
    void* logits;
};
struct WideningCall {
    const Plan& plan;
    int64_t n_runs;
    const void *basis, *narrow;
    void* wide;
};
struct LookCall {
    const Plan& plan;
    int64_t n_runs;
    int32_t type;  // of weights and results
    const void* weights;
    const hl_case* cases;
    int32_t n_cases;
    void *logits, *reads, *pattern;
    const hl_computes* computes;  // of all sequences, without cases; null: of what cases need
};
struct PartsCall {
    const Plan& plan;
    int64_t n_runs;
    const double* weights;
    const hl_known* known;
    hl_place place;
    const double* readout;
    int32_t n_paths;
    const int32_t* paths;
    hl_gives gives;
};
struct ScorePartsCall {
    const Plan& plan;
    int64_t n_runs;
    const double* weights;
    const hl_known* known;
    int32_t layer, n_queries;
    const hl_place* queries;
    int32_t n_keys;
    const hl_place* keys;
    double* parts;
};

// One instruction set's compilation of the kernel.
template <class Call> using Make = std::unique_ptr<Worker>(const Call&, Control&);
template <class Call> struct MakeOfType {
    Make<Call>*of_float, *of_double;
    Make<Call>* of(int type) const { return type == HL_FLOAT64 ? of_double : of_float; }
};
struct Kernel {
    const char* name;
    int lanes_float, lanes_double;
    MakeOfType<TrainingCall> train_alone, train;  // alone: null where groups serve
    MakeOfType<GradientCall> gradient;
    MakeOfType<EvaluationCall> evaluate;
    MakeOfType<WideningCall> widen;
    Make<LookCall>* look;
    Make<PartsCall>* parts;
    Make<ScorePartsCall>* score_parts;
    void (*softmax)(int64_t n_rows, int32_t width, const double* rows, double* shares);
    void (*log)(int64_t n, const double* numbers, double* logarithms);
    int lanes(int type) const { return type == HL_FLOAT64 ? lanes_double : lanes_float; }
};

std::vector<const Kernel*> available_kernels();  // the widest first

}  // namespace headlab
