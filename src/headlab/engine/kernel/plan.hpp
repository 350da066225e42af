// What one native call trains: sizes, rows, optimiser and schedule. Plain data, the same for every run and lane.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace headlab {

enum class Loss { softmax, normalized_sigmoid };
enum class Optimizer { sgd, rmsprop, adam, adamw };

struct Phase {
    int64_t steps = 0;
    bool plateau = false;
    double factor = 0, min_rate = 0, min_delta = 0;
    int64_t patience = 0, cooldown = 0;
};

// Where each weight array starts in the flat vector of one run; W_E W_pos W_Q W_K W_V W_O W_U, each in C order.
struct Offsets {
    int64_t E = 0, pos = 0, Q = 0, K = 0, V = 0, O = 0, U = 0, end = 0;
};

struct Plan {
    int d_vocab = 0, d_model = 0, d_head = 0, n_heads = 1, n_layers = 1, n_ctx = 0, n_sequences = 0;
    bool positions = true, residual = true, causal = true, factored_values = false, unembed = false;
    double scale = 1.0;

    // A row is one (sequence, position) of the corpus; padding has no row. Row r of sequence b is at
    // sequence_start[b] + position. Two rows with the same (token, position) embed alike, so the first layer works on
    // the distinct inputs: input_of_row maps a row to its input. Later layers see one input a row.
    // target: -1 where a row has none, or has no weight; share: of the loss, a row's weight over the sum of all, and empty
    // where the rows with a target are equal.
    std::vector<int> sequence_start, target, input_of_row, input_token, input_position, identity;
    std::vector<double> share;
    int n_targets = 0;

    Loss loss = Loss::softmax;
    Optimizer optimizer = Optimizer::sgd;
    double learning_rate = 0.01, momentum = 0, rho = 0.9, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7, weight_decay = 0;
    bool nesterov = false, centered = false;
    int64_t optimizer_step = 0;  // steps that the given optimiser state has already seen
    std::vector<Phase> phases;
    std::vector<int64_t> record_steps, snapshot_steps;

    int rows() const { return sequence_start.back(); }
    int inputs(int layer) const { return layer == 0 ? int(input_token.size()) : rows(); }
    const int* row_map(int layer) const { return layer == 0 ? input_of_row.data() : identity.data(); }
    int value_width() const { return factored_values ? d_head : d_model; }
    int64_t steps() const {
        int64_t total = 0;
        for (const Phase& phase : phases) total += phase.steps;
        return total;
    }
    // Scores need only W_QK = W_Q W_Kᵀ. Forming it and returning its gradient costs 3 d_model² d_head, and then
    // three products of d_model² an input; without it there are six of d_model d_head an input.
    bool fold_qk(int layer) const {
        const double d = d_model, h = d_head, n = inputs(layer);
        return 3 * d * d * h + 3 * n * d * d < 6 * n * d * h;
    }
    // How many numbers an optimiser remembers for each weight.
    int state_slots() const {
        switch (optimizer) {
            case Optimizer::sgd: return momentum > 0 ? 1 : 0;
            case Optimizer::rmsprop: return 1 + (centered ? 1 : 0) + (momentum > 0 ? 1 : 0);
            default: return 2;
        }
    }
    Offsets offsets() const {
        const int64_t blocks = int64_t(n_layers) * n_heads;
        Offsets o;
        o.pos = o.E + int64_t(d_vocab) * d_model;
        o.Q = o.pos + (positions ? int64_t(n_ctx) * d_model : 0);
        o.K = o.Q + blocks * d_model * d_head;
        o.V = o.K + blocks * d_model * d_head;
        o.O = o.V + blocks * d_model * value_width();
        o.U = o.O + (factored_values ? blocks * d_head * d_model : 0);
        o.end = o.U + (unembed ? int64_t(d_model) * d_vocab : 0);
        return o;
    }
};

constexpr int64_t outcome_finished = -1;   // otherwise the step at which the run diverged, or:
constexpr int64_t outcome_not_run = -2;    // cancelled before it ended

// The arrays of one call, run after run; T is float or double, chosen by the caller. Null: not wanted.
struct Batch {
    int64_t n_runs = 0;
    void* weights = nullptr;        // [run, weight], trained in place
    void* state = nullptr;          // [run, slot, weight], in and out
    void* loss = nullptr;           // [run, record_steps]
    void* rate = nullptr;           // [run, record_steps]
    void* final_loss = nullptr;     // [run]
    void* snapshots = nullptr;      // [run, snapshot_steps, weight]
    void* gradient = nullptr;       // [run, weight], for `gradient` alone
    int64_t* outcome = nullptr;     // [run]
};

struct Control {  // shared by the threads of one call; a group is as many runs as there are lanes
    std::atomic<int64_t> next_group{0}, run_steps_done{0}, groups_until{INT64_MAX};
    std::atomic<bool> cancel{false};
};

// One thread's workspace; all that it takes is taken when it is made, so that `train` and `gradient` cannot fail.
class Worker {
  public:
    virtual ~Worker() = default;
    virtual void train() noexcept = 0;     // groups of runs, until there are none
    virtual void gradient() noexcept = 0;  // the same without training
};

// One instruction set's compilation of the kernel.
struct Kernel {
    using Make = std::unique_ptr<Worker>(const Plan&, const Batch&, Control&);
    const char* name;
    int lanes_float, lanes_double;
    Make *worker_float, *worker_double;
    Make* worker(bool is_double) const { return is_double ? worker_double : worker_float; }
};

std::vector<const Kernel*> available_kernels();  // the widest first

}  // namespace headlab
