// What one native call trains: sizes, rows, optimiser and schedule. Plain data, the same for every run and lane.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

namespace headlab {

enum class Loss { softmax, normalized_sigmoid };
enum class Optimizer { sgd, rmsprop, adam, adamw };

enum class Weight { E, pos, Q, K, V, O, U };  // in the flat order

struct Range {
    int64_t from = 0, to = 0;
};

// A stretch of steps, and the settings in force in it.
struct Phase {
    int64_t steps = 0;
    Loss loss = Loss::softmax;
    Optimizer optimizer = Optimizer::sgd;
    double momentum = 0, rho = 0.9, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7, weight_decay = 0;
    bool nesterov = false, centered = false;
    bool sets_rate = false;  // otherwise each run's rate goes on from where it is
    double learning_rate = 0;
    bool plateau = false, plateau_goes_on = false;
    double factor = 0, min_rate = 0, min_delta = 0;
    int64_t patience = 0, cooldown = 0;
    std::vector<Weight> frozen;

    // How many numbers an optimiser remembers for each weight.
    int state_slots() const {
        switch (optimizer) {
            case Optimizer::sgd: return momentum > 0 ? 1 : 0;
            case Optimizer::rmsprop: return 1 + (centered ? 1 : 0) + (momentum > 0 ? 1 : 0);
            default: return 2;
        }
    }
    // Whether what the other's optimiser remembers means the same here; if not, it starts afresh.
    bool has_state_of(const Phase& other) const {
        return optimizer == other.optimizer && (momentum > 0) == (other.momentum > 0) && centered == other.centered;
    }
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
    std::vector<int> sequence_start, target, input_of_row, input_token, input_position;
    std::vector<double> share;
    std::vector<int> row_itself;  // 0, 1, 2 …: the map of the later layers, made by `number_rows`
    int n_targets = 0;

    std::vector<Phase> phases;  // one at least
    int64_t optimizer_step = 0;  // steps that the optimiser state of the first phase has already seen
    std::vector<int64_t> record_steps, snapshot_steps;

    int rows() const { return sequence_start.back(); }
    int inputs(int layer) const { return layer == 0 ? int(input_token.size()) : rows(); }
    const int* row_map(int layer) const { return layer == 0 ? input_of_row.data() : row_itself.data(); }
    void number_rows() {
        row_itself.resize(rows());
        std::iota(row_itself.begin(), row_itself.end(), 0);
    }
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
    int most_slots() const {
        int most = 0;
        for (const Phase& phase : phases) most = std::max(most, phase.state_slots());
        return most;
    }
    // The first phase whose optimiser state lasts to the end.
    size_t first_lasting() const {
        size_t first = phases.size() - 1;
        while (first > 0 && phases[first].has_state_of(phases[first - 1])) --first;
        return first;
    }
    // Where the weights stand that move in a phase: all but the frozen ones, neighbours joined.
    std::vector<Range> moving(const Phase& phase) const {
        const Offsets o = offsets();
        const int64_t starts[] = {o.E, o.pos, o.Q, o.K, o.V, o.O, o.U, o.end};
        std::vector<Range> found;
        for (int w = 0; w < 7; ++w) {
            if (std::find(phase.frozen.begin(), phase.frozen.end(), Weight(w)) != phase.frozen.end()) continue;
            if (found.empty() || found.back().to != starts[w]) found.push_back({starts[w], starts[w]});
            found.back().to = starts[w + 1];
        }
        return found;
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
struct Arrays {
    int64_t n_runs = 0;
    void* weights = nullptr;      // [run, weight], trained in place
    const void* slots = nullptr;  // [run, slot, weight], what the first phase's optimiser remembers; null: nothing yet
    void* last_slots = nullptr;   // [run, slot, weight], what the last one's does; zeros, for runs that ended before it
    void* rate = nullptr;         // [run], of the next step, in and out
    void* best = nullptr;         // [run], of the plateau, in and out: the best loss
    int64_t* wait = nullptr;      // [run], steps since then
    int64_t* cooldown = nullptr;  // [run], steps until it looks again
    void* losses = nullptr;       // [run, record_steps]
    void* rates = nullptr;        // [run, record_steps]
    void* final_loss = nullptr;   // [run]
    void* snapshots = nullptr;    // [run, snapshot_steps, weight]
    void* gradient = nullptr;     // [run, weight], for `gradient` alone
    int64_t* outcome = nullptr;   // [run]
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
    using Make = std::unique_ptr<Worker>(const Plan&, const Arrays&, Control&);
    const char* name;
    int lanes_float, lanes_double;
    Make *worker_float, *worker_double;
    Make* worker(bool is_double) const { return is_double ? worker_double : worker_float; }
};

std::vector<const Kernel*> available_kernels();  // the widest first

}  // namespace headlab
