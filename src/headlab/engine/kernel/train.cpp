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
    Group(const Plan& plan, const Arrays& arrays, Control& control)
        : plan(plan), arrays(arrays), control(control), model(plan), n(model.size()), steps(plan.steps()) {
        state = plan.most_slots() ? model.arena.take(n * plan.most_slots()) : nullptr;
        for (const Phase& phase : plan.phases) moving.push_back(plan.moving(phase));
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
        if (first_run >= arrays.n_runs) return false;
        load(first_run);
        return true;
    }

    void train_group() {
        Recorder<T> losses(row<T>(arrays.losses, plan.record_steps.size()), int64_t(plan.record_steps.size()), n_lanes);
        Recorder<T> rates(row<T>(arrays.rates, plan.record_steps.size()), int64_t(plan.record_steps.size()), n_lanes);
        Vec<T> loss = splat<T>(std::numeric_limits<T>::quiet_NaN());
        int64_t step = 0, seen = plan.optimizer_step;
        size_t recorded = 0;
        number = 0;
        if (steps == 0) {  // no step has a loss: it is that of the weights as they are
            loss = model.forward(plan.phases.back().loss);
            mark_diverged(loss, 0);
        }
        for (number = 0; number < plan.phases.size(); ++number) {
            const Phase& phase = plan.phases[number];
            if (begin(phase)) seen = 0;
            for (int64_t k = 0; k < phase.steps; ++k, ++step, ++seen) {
                if (control.cancel) return;
                if (step % 16 == 0) report(step);
                snapshot(step);
                const Vec<T> new_loss = model.forward(phase.loss);
                mark_diverged(new_loss, step);
                loss = alive ? new_loss : splat<T>(T(NAN));
                if (recorded < plan.record_steps.size() && plan.record_steps[recorded] == step) {
                    losses.add(loss);
                    rates.add(rate);
                    ++recorded;
                }
                model.backward();
                update<T>(phase, moving[number], n, seen, rate, model.gradient, model.weights, state);
                if (phase.plateau) plateau.epoch_ended(phase, loss, rate);
            }
        }
        --number;  // what ends now ends in the last phase
        snapshot(step);
        losses.flush();
        rates.flush();
        finish(loss);
        report(step);
    }

    // Takes over what a phase goes on from; returns whether its optimiser starts afresh.
    bool begin(const Phase& phase) {
        if (phase.sets_rate) rate = splat<T>(T(phase.learning_rate));
        plateau.begin(phase);
        const bool afresh = number > 0 && !phase.has_state_of(plan.phases[number - 1]);
        if (afresh && state) std::fill_n(state, n * plan.most_slots(), Vec<T>{});
        return afresh;
    }

    void gradient_of_group() {
        const Vec<T> loss = model.forward(plan.phases.front().loss);
        model.backward();
        if (arrays.final_loss) store_lanes(arrays.final_loss, loss);
        for (int lane = 0; lane < n_lanes; ++lane) store_lane<T>(row<T>(arrays.gradient, n) + lane * n, model.gradient, n, lane);
    }

    template <class X, class Base> X* row(Base* base, int64_t width) const {
        return base ? static_cast<X*>(base) + first * width : nullptr;
    }

    void load(int64_t first_run) {
        first = first_run;
        n_lanes = int(std::min<int64_t>(lanes<T>, arrays.n_runs - first));
        reported = 0;
        const int64_t n_slots = n * plan.phases.front().state_slots();
        if (state) std::fill_n(state, n * plan.most_slots(), Vec<T>{});
        for (int lane = 0; lane < lanes<T>; ++lane) {  // spare lanes repeat the first run
            const int64_t run = lane < n_lanes ? lane : 0;
            alive[lane] = lane < n_lanes ? -1 : 0;
            load_lane<T>(model.weights, row<T>(arrays.weights, n) + run * n, n, lane);
            if (arrays.slots) load_lane<T>(state, row<const T>(arrays.slots, n_slots) + run * n_slots, n_slots, lane);
            if (!arrays.rate) continue;
            rate[lane] = row<T>(arrays.rate, 1)[run];
            plateau.best[lane] = row<T>(arrays.best, 1)[run];
            plateau.wait[lane] = count(arrays.wait[first + run]);
            plateau.cooldown[lane] = count(arrays.cooldown[first + run]);
        }
    }
    static typename PlateauState<T>::Count count(int64_t steps) { return PlateauState<T>::bounded(steps); }

    // A lane whose loss is not finite keeps the weights that gave it; the other lanes never notice.
    void mark_diverged(Vec<T> loss, int64_t step) {
        const Int<T> bad = alive & (Int<T>)(loss - loss != T(0));
        if (!any<T>(bad)) return;
        for (int lane = 0; lane < n_lanes; ++lane)
            if (bad[lane]) end_lane(lane, step);
    }

    void end_lane(int lane, int64_t outcome) {
        const int64_t n_slots = n * plan.phases.back().state_slots();
        alive[lane] = 0;
        arrays.outcome[first + lane] = outcome;
        store_lane<T>(row<T>(arrays.weights, n) + lane * n, model.weights, n, lane);
        if (arrays.last_slots && number >= plan.first_lasting())
            store_lane<T>(row<T>(arrays.last_slots, n_slots) + lane * n_slots, state, n_slots, lane);
    }

    void snapshot(int64_t step) {
        if (!arrays.snapshots) return;
        const int64_t count = int64_t(plan.snapshot_steps.size());
        const auto found = std::lower_bound(plan.snapshot_steps.begin(), plan.snapshot_steps.end(), step);
        if (found == plan.snapshot_steps.end() || *found != step) return;
        const int64_t index = found - plan.snapshot_steps.begin();
        for (int lane = 0; lane < n_lanes; ++lane) {
            T* to = row<T>(arrays.snapshots, count * n) + (lane * count + index) * n;
            if (alive[lane])
                store_lane<T>(to, model.weights, n, lane);
            else
                std::copy_n(row<T>(arrays.weights, n) + lane * n, n, to);  // as it ended
        }
    }

    void finish(Vec<T> loss) {
        if (arrays.final_loss) store_lanes(arrays.final_loss, loss);
        store_lanes(arrays.rate, rate);
        store_lanes(arrays.best, plateau.best);
        for (int lane = 0; lane < n_lanes; ++lane) {
            arrays.wait[first + lane] = plateau.wait[lane];
            arrays.cooldown[first + lane] = plateau.cooldown[lane];
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
    const Arrays& arrays;
    Control& control;
    Model<T> model;
    const int64_t n, steps;
    Vec<T>* state;  // what the optimiser remembers
    std::vector<std::vector<Range>> moving;  // of each phase
    Vec<T> rate{};
    PlateauState<T> plateau;
    size_t number = 0;  // of the phase
    int64_t first = 0, reported = 0;
    int n_lanes = 0;
    Int<T> alive;  // -1 for a lane whose run goes on, 0 for one that has ended or was never there
};

template <class T> std::unique_ptr<Worker> worker(const Plan& plan, const Arrays& arrays, Control& control) {
    return std::make_unique<Group<T>>(plan, arrays, control);
}

}  // namespace

extern const Kernel kernel;
const Kernel kernel = {HEADLAB_TEXT(HEADLAB_ISA), lanes<float>, lanes<double>, worker<float>, worker<double>};

}  // namespace headlab::HEADLAB_ISA
