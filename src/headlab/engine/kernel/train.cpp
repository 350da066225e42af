// The training loop of one group of lanes, and the groups of one thread. Compiled once for each instruction set.
#include <algorithm>
#include <cmath>
#include <limits>

#include "model.hpp"
#include "optimizer.hpp"
#include "plateau.hpp"

#define HEADLAB_TEXT_(x) #x
#define HEADLAB_TEXT(x) HEADLAB_TEXT_(x)

namespace headlab::HEADLAB_ISA {
namespace {

// One run's contiguous numbers, to and from its lane.
template <class T> void load_lane(Vec<T>* to, const T* from, int64_t n, int lane) {
    for (int64_t i = 0; i < n; ++i) to[i][lane] = from[i];
}
template <class T> void store_lane(T* to, const Vec<T>* from, int64_t n, int lane) {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i][lane];
}

// Losses (or rates) gathered for a while and then written run by run: a store into each run's row at every step would
// touch as many pages as there are lanes.
template <class T> class Recorder {
  public:
    Recorder(T* base, int64_t stride, int n_lanes) : base(base), stride(stride), n_lanes(n_lanes) {}
    void add(Vec<T> value) {
        if (!base) return;
        kept[count++] = value;
        if (count == capacity) flush();
    }
    void flush() {
        if (!base) return;
        for (int lane = 0; lane < n_lanes; ++lane) store_lane<T>(base + lane * stride + written, kept, count, lane);
        written += count;
        count = 0;
    }

  private:
    static constexpr int capacity = 64;
    T* base;
    int64_t stride, written = 0;
    int n_lanes, count = 0;
    Vec<T> kept[capacity];
};

template <class T> class Group final : public Worker {
  public:
    Group(const Plan& plan, const Batch& batch, Control& control)
        : plan(plan), batch(batch), control(control), model(plan), n(model.size()), steps(plan.steps()) {
        state = plan.state_slots() ? model.arena.take(n * plan.state_slots()) : nullptr;
    }

    void train() noexcept override {
        while (take_group()) train_group();
    }
    void gradient() noexcept override {
        while (take_group()) gradient_of_group();
    }

  private:
    // The next group is this worker's from here on.
    bool take_group() {
        if (control.cancel || control.next_group >= control.groups_until) return false;
        const int64_t first_run = control.next_group++ * lanes<T>;
        if (first_run >= batch.n_runs) return false;
        load(first_run);
        return true;
    }

    void train_group() {
        Recorder<T> losses(row<T>(batch.loss, plan.record_steps.size()), int64_t(plan.record_steps.size()), n_lanes);
        Recorder<T> rates(row<T>(batch.rate, plan.record_steps.size()), int64_t(plan.record_steps.size()), n_lanes);
        Vec<T> rate = splat<T>(T(plan.learning_rate)), loss = splat<T>(std::numeric_limits<T>::quiet_NaN());
        int64_t step = 0;
        size_t recorded = 0;
        if (steps == 0) {  // no step has a loss: it is that of the weights as they are
            loss = model.forward();
            mark_diverged(loss, 0);
        }
        for (const Phase& phase : plan.phases) {
            PlateauState<T> plateau;
            for (int64_t k = 0; k < phase.steps; ++k, ++step) {
                if (control.cancel) return;
                if (step % 16 == 0) report(step);
                snapshot(step);
                const Vec<T> new_loss = model.forward();
                mark_diverged(new_loss, step);
                loss = alive ? new_loss : splat<T>(T(NAN));
                if (recorded < plan.record_steps.size() && plan.record_steps[recorded] == step) {
                    losses.add(loss);
                    rates.add(rate);
                    ++recorded;
                }
                model.backward();
                update<T>(plan, step, n, rate, model.gradient, model.weights, state);
                if (phase.plateau) plateau.epoch_ended(phase, loss, rate);
            }
        }
        snapshot(step);
        losses.flush();
        rates.flush();
        finish(loss);
        report(step);
    }

    void gradient_of_group() {
        const Vec<T> loss = model.forward();
        model.backward();
        if (batch.final_loss) store_lanes(batch.final_loss, loss);
        for (int lane = 0; lane < n_lanes; ++lane) store_lane<T>(row<T>(batch.gradient, n) + lane * n, model.gradient, n, lane);
    }

    template <class X> X* row(void* base, int64_t width) const { return base ? static_cast<X*>(base) + first * width : nullptr; }

    void load(int64_t first_run) {
        first = first_run;
        n_lanes = int(std::min<int64_t>(lanes<T>, batch.n_runs - first));
        reported = 0;
        const int64_t n_state = n * plan.state_slots();
        for (int lane = 0; lane < lanes<T>; ++lane) {  // spare lanes repeat the first run
            const int64_t run = lane < n_lanes ? lane : 0;
            alive[lane] = lane < n_lanes ? -1 : 0;
            load_lane<T>(model.weights, row<T>(batch.weights, n) + run * n, n, lane);
            if (state) load_lane<T>(state, row<T>(batch.state, n_state) + run * n_state, n_state, lane);
        }
    }

    // A lane whose loss is not finite keeps the weights that gave it; the other lanes never notice.
    void mark_diverged(Vec<T> loss, int64_t step) {
        const Int<T> bad = alive & (Int<T>)(loss - loss != T(0));
        if (!any<T>(bad)) return;
        for (int lane = 0; lane < n_lanes; ++lane)
            if (bad[lane]) end_lane(lane, step);
    }

    void end_lane(int lane, int64_t outcome) {
        const int64_t n_state = n * plan.state_slots();
        alive[lane] = 0;
        batch.outcome[first + lane] = outcome;
        store_lane<T>(row<T>(batch.weights, n) + lane * n, model.weights, n, lane);
        if (state) store_lane<T>(row<T>(batch.state, n_state) + lane * n_state, state, n_state, lane);
    }

    void snapshot(int64_t step) {
        if (!batch.snapshots) return;
        const int64_t count = int64_t(plan.snapshot_steps.size());
        const auto found = std::lower_bound(plan.snapshot_steps.begin(), plan.snapshot_steps.end(), step);
        if (found == plan.snapshot_steps.end() || *found != step) return;
        const int64_t index = found - plan.snapshot_steps.begin();
        for (int lane = 0; lane < n_lanes; ++lane)
            store_lane<T>(row<T>(batch.snapshots, count * n) + (lane * count + index) * n, model.weights, n, lane);
    }

    void finish(Vec<T> loss) {
        if (batch.final_loss) store_lanes(batch.final_loss, loss);
        for (int lane = 0; lane < n_lanes; ++lane) {
            if (!alive[lane]) continue;
            bool finite = true;
            for (int64_t i = 0; i < n; ++i) finite &= std::isfinite(model.weights[i][lane]);
            end_lane(lane, finite ? outcome_finished : steps);
        }
    }

    void store_lanes(void* base, Vec<T> value) const {
        for (int lane = 0; lane < n_lanes; ++lane) row<T>(base, 1)[lane] = value[lane];
    }

    void report(int64_t step) {
        control.run_steps_done += (step - reported) * n_lanes;
        reported = step;
    }

    const Plan& plan;
    const Batch& batch;
    Control& control;
    Model<T> model;
    const int64_t n, steps;
    Vec<T>* state;
    int64_t first = 0, reported = 0;
    int n_lanes = 0;
    Int<T> alive;  // -1 for a lane whose run goes on, 0 for one that has ended or was never there
};

template <class T> std::unique_ptr<Worker> worker(const Plan& plan, const Batch& batch, Control& control) {
    return std::make_unique<Group<T>>(plan, batch, control);
}

}  // namespace

extern const Kernel kernel;
const Kernel kernel = {HEADLAB_TEXT(HEADLAB_ISA), lanes<float>, lanes<double>, worker<float>, worker<double>};

}  // namespace headlab::HEADLAB_ISA
