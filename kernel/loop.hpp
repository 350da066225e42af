// The training loop of one group of lanes, from where it is to where it shall be, and the groups of one thread.
#pragma once

#include <limits>

#include "held_out.hpp"
#include "model.hpp"
#include "recorder.hpp"
#include "rotation.hpp"
#include "updates/plateau.hpp"
#include "updates/schedule.hpp"
#include "updates/update.hpp"

namespace headlab::HEADLAB_ISA {

// A group of runs in a thread's workspace. Between two stretches of steps it is parked in the caller's arrays, which hold all
// that it goes on from.
template <class E> class TrainingWorker final : public Worker {
    using T = Real<E>;

  public:
    TrainingWorker(const TrainingCall& call, Control& control)
        : call(call), plan(call.plan), recipe(call.recipe), control(control), model(plan), evaluation(plan), n(model.size), n_slots(recipe.most_slots()),
          state(model.arena.take(n * n_slots)) {
        for (const hl_phase& phase : recipe.phases) ranges.push_back(moving(phase, plan.at));
        if (plan.narrow()) {
            rotation = std::make_unique<Rotation<E>>(plan, model.arena);
            wide = model.arena.take(plan.wide_at.end);
        }
    }

    void work() noexcept override {
        for (int64_t run; (run = control.take(call.runs.n_runs, runs_in<E>)) >= 0;) {
            first = run;
            n_lanes = int(std::min<int64_t>(runs_in<E>, call.runs.n_runs - first));
            load();
            if (advance()) park();
        }
    }

  private:
    bool ends() const { return call.to == recipe.steps(); }

    // From call.from to call.to; returns whether it got there.
    bool advance() {
        const size_t recorded_before = std::lower_bound(recipe.recorded.begin(), recipe.recorded.end(), call.from) - recipe.recorded.begin();
        const int64_t n_recorded = int64_t(recipe.recorded.size());
        Recorder<T> losses(row(call.runs.losses, n_recorded), n_recorded, int64_t(recorded_before), n_lanes);
        Recorder<T> rates(row(call.runs.rates, n_recorded), n_recorded, int64_t(recorded_before), n_lanes);
        size_t recorded = recorded_before, fed = 0;
        int64_t start = 0, seen = recipe.optimizer_step;
        reported = call.from;
        if (recipe.steps() == 0) {  // no step has a loss: it is that of the weights as they are
            model.at(plan.rows);
            loss = to_lanes<E>(model.forward(recipe.phases.back().loss));
            mark_diverged(loss, 0);
        }
        for (number = 0; number < recipe.phases.size(); ++number) {
            const hl_phase& phase = recipe.phases[number];
            const int64_t end = start + phase.steps;
            if (number > 0 && !goes_on(phase, recipe.phases[number - 1])) seen = 0;
            if (start >= call.from && (start < call.to || ends()))
                begin(phase);
            else if (start < call.from && call.from < end)
                plateau.go_on(phase);
            for (int64_t step = std::max(start, call.from); step < std::min(end, call.to); ++step) {
                if (control.cancel) return false;
                if (step % 16 == 0) report(step);
                snapshot(step);
                if (!attention_alone && call.held_out && !evaluate(phase, step)) return false;
                const Rows& rows = !attention_alone && phase.n_sequences > 0 ? *call.fed[fed++] : plan.rows;
                const Vec<T> now = is_steady(phase) ? rate : scheduled<T>(phase, step - start, rate);
                if (any<T>(alive)) {
                    model.at(rows);
                    const Vec<T> new_loss = to_lanes<E>(model.forward(phase.loss));
                    mark_diverged(new_loss, step);
                    loss = alive ? new_loss : loss;
                }
                if (recorded < recipe.recorded.size() && recipe.recorded[recorded] == step) {
                    losses.add(alive ? loss : splat<T>(std::numeric_limits<T>::quiet_NaN()));
                    rates.add(now);
                    ++recorded;
                }
                if (phase.plateau && !phase.plateau_on) plateau.epoch_ended(phase, loss, rate);
                if (!any<T>(alive)) continue;
                model.backward();
                update<E>(phase, ranges[number], n, seen + (step - start), from_lanes<E>(now), model.gradient, model.weights, state);
            }
            start = end;
            seen += phase.steps;
            if (start >= call.to && !ends()) break;
        }
        if (ends()) {
            --number;  // what ends now ends in the last phase
            snapshot(call.to);
            if (!attention_alone && call.held_out && !evaluate(recipe.phases[number], call.to)) return false;
        }
        losses.flush();
        rates.flush();
        report(call.to);
        return true;
    }

    // Looks at what is held out where a step asks for it; returns whether it got to the end.
    bool evaluate(const hl_phase& phase, int64_t step) {
        const HeldOut& held = *call.held_out;
        const auto found = std::lower_bound(held.evaluated.begin(), held.evaluated.end(), step);
        if (found == held.evaluated.end() || *found != step) return true;
        const int64_t index = found - held.evaluated.begin(), count = int64_t(held.evaluated.size());
        const bool apart = held.of.last_apart && index + 1 == count;
        if (any<T>(alive) && !evaluation.run(model, held, phase.loss, control.cancel)) return false;
        Vec<T> held_loss{};
        const E* weights = nullptr;
        for (int lane = 0; lane < n_lanes; ++lane) {
            const T none = std::numeric_limits<T>::quiet_NaN();
            held_loss[lane] = alive[lane] ? canonical(T(evaluation.loss[lane])) : none;
            if (call.runs.held_loss) row_of(call.runs.held_loss, count, lane)[index] = held_loss[lane];
            if (call.runs.held_right) row_of(call.runs.held_right, count, lane)[index] = alive[lane] ? T(evaluation.right[lane]) : none;
            if (!alive[lane] || apart || held.of.stop_count <= 0) continue;
            reached[lane] = evaluation.right[lane] >= held.of.stop_at ? reached[lane] + 1 : 0;
            if (reached[lane] < held.of.stop_count) continue;
            if (!weights) weights = asked();
            if (step == 0) loss[lane] = held_loss[lane];  // it has no other
            if (call.runs.stopped) call.runs.stopped[first + lane] = step;
            end_lane(weights, lane, HL_STOPPED, step > 0);
        }
        if (phase.plateau && phase.plateau_on && !apart) plateau.epoch_ended(phase, held_loss, rate);
        return true;
    }

    // Takes over what a phase goes on from.
    void begin(const hl_phase& phase) {
        if (phase.sets_rate) rate = splat<T>(T(phase.learning_rate));
        plateau.begin(phase);
        if (number > 0 && !goes_on(phase, recipe.phases[number - 1])) std::fill_n(state, n * n_slots, E{});
    }

    T* row(void* base, int64_t width) const { return base ? static_cast<T*>(base) + first * width : nullptr; }
    T* row_of(void* base, int64_t width, int lane) const { return row(base, width) + lane * width; }
    T* slot_of(int slot, int lane) const { return row_of(call.runs.slots, plan.given.end * n_slots, lane) + slot * plan.given.end; }
    bool at_start() const { return call.from == 0 && !call.runs.turned; }

    void load() {
        for (int lane = 0; lane < lanes<T>; ++lane) {  // spare lanes repeat the first run
            const int of = lane < n_lanes ? lane : 0;
            alive[lane] = lane < n_lanes && call.runs.outcome[first + of] == HL_NOT_ENDED ? -1 : 0;
            rate[lane] = *row_of(call.runs.rate, 1, of);
            plateau.best[lane] = *row_of(call.runs.best, 1, of);
            plateau.wait[lane] = PlateauState<T>::bounded(call.runs.wait[first + of]);
            plateau.cooldown[lane] = PlateauState<T>::bounded(call.runs.cooldown[first + of]);
            reached[lane] = call.runs.reached ? call.runs.reached[first + of] : 0;
            loss[lane] = call.from > 0 && call.runs.final_loss ? *row_of(call.runs.final_loss, 1, of) : std::numeric_limits<T>::quiet_NaN();
        }
        for (int lane = 0; lane < runs_in<E>; ++lane) {
            const int of = lane < n_lanes ? lane : 0;
            load_lane(rotation ? wide : model.weights, row_of(call.runs.weights, plan.wide_given.end, of), plan.wide_gather().data(), plan.wide_at.end, lane);
            for (int slot = 0; slot < n_slots; ++slot)
                load_lane(state + slot * n, slot_of(slot, of), plan.gather.data(), n, lane);
        }
        if (rotation) load_turned();
    }
    void load_turned() {
        const int64_t size = rotation->basis_size();
        if (at_start()) {
            rotation->narrow(wide, model.weights);
            for (int lane = 0; lane < n_lanes; ++lane) store_lane(row_of(call.runs.basis, size, lane), rotation->basis, nullptr, size, lane);
            return;
        }
        rotation->narrow_others(wide, model.weights);
        const Range heads = turned_heads();
        for (int lane = 0; lane < runs_in<E>; ++lane) {
            const int of = lane < n_lanes ? lane : 0;
            load_lane(rotation->basis, row_of(call.runs.basis, size, of), nullptr, size, lane);
            load_heads(row_of(call.runs.narrow, heads.size(), of), lane);
        }
    }

    // W_Q and W_K stand one after the other in the flat weights; narrow has them in the same form, alone.
    Range turned_heads() const { return {plan.given[HL_W_Q], plan.given.of[HL_W_K].to}; }
    void load_heads(const T* from, int lane) {
        const int64_t at = plan.at[HL_W_Q];
        load_lane(model.weights + at, from - turned_heads().from, plan.gather.data() + at, plan.at.of[HL_W_K].to - at, lane);
    }
    void store_heads(T* to, int lane) const {
        const int64_t at = plan.at[HL_W_Q];
        store_lane(to - turned_heads().from, model.weights + at, plan.gather.data() + at, plan.at.of[HL_W_K].to - at, lane);
    }

    // The weights as they were asked for, of all lanes.
    const E* asked() {
        if (!rotation) return model.weights;
        rotation->widen(model.weights, wide);
        return wide;
    }

    // A lane whose loss is not finite keeps the weights that gave it; the other lanes never notice.
    void mark_diverged(Vec<T> of, int64_t step) {
        const Int<T> bad = alive & (Int<T>)(of - of != T(0));
        if (!any<T>(bad)) return;
        const E* weights = asked();
        for (int lane = 0; lane < n_lanes; ++lane)
            if (bad[lane]) {
                loss[lane] = std::numeric_limits<T>::quiet_NaN();
                end_lane(weights, lane, step, step > 0);
            }
    }

    // moved: whether its weights are others than those that were given
    void end_lane(const E* weights, int lane, int64_t outcome, bool moved) {
        alive[lane] = 0;
        call.runs.outcome[first + lane] = outcome;
        tell(lane);
        store(weights, lane, moved, number >= recipe.first_lasting());
    }

    void tell(int lane) const {
        if (call.runs.final_loss) *row_of(call.runs.final_loss, 1, lane) = canonical<T>(loss[lane]);
        if (call.runs.reached) call.runs.reached[first + lane] = reached[lane];
    }

    void store(const E* weights, int lane, bool moved, bool remembers) {
        if (moved) store_lane(row_of(call.runs.weights, plan.wide_given.end, lane), weights, plan.wide_gather().data(), plan.wide_at.end, lane);
        for (int slot = 0; slot < n_slots; ++slot) {
            if (remembers)
                store_lane(slot_of(slot, lane), state + slot * n, plan.gather.data(), n, lane);
            else
                std::fill_n(slot_of(slot, lane), plan.given.end, T(0));
        }
        if (!rotation) return;
        store_heads(row_of(call.runs.narrow, turned_heads().size(), lane), lane);
    }

    // In the width that is trained, as hl_widen takes it.
    void snapshot(int64_t step) {
        if (!call.runs.snapshots) return;
        const auto found = std::lower_bound(recipe.snapshots.begin(), recipe.snapshots.end(), step);
        if (found == recipe.snapshots.end() || *found != step) return;
        const int64_t count = int64_t(recipe.snapshots.size()), index = found - recipe.snapshots.begin(), size = plan.given.end;
        for (int lane = 0; lane < n_lanes; ++lane) {
            T* to = row_of(call.runs.snapshots, count * size, lane) + index * size;
            if (alive[lane] && (step > 0 || rotation))
                store_lane(to, model.weights, plan.gather.data(), n, lane);
            else
                copy_stored(to, lane);  // as it was given, or as it ended
        }
    }
    void copy_stored(T* to, int lane) const {
        const T* weights = row_of(call.runs.weights, plan.wide_given.end, lane);
        if (!rotation) return void(std::copy_n(weights, plan.given.end, to));
        const Range heads = turned_heads();
        std::copy_n(weights, heads.from, to);
        std::copy_n(row_of(call.runs.narrow, heads.size(), lane), heads.size(), to + heads.from);
        std::copy_n(weights + plan.wide_given.of[HL_W_K].to, plan.given.end - heads.to, to + heads.to);
    }

    // Everything that the next stretch goes on from, and what has ended.
    void park() {
        store_lanes(call.runs.rate, rate);
        store_lanes(call.runs.best, plateau.best);
        const E* weights = call.to > 0 ? asked() : model.weights;
        for (int lane = 0; lane < n_lanes; ++lane) {
            call.runs.wait[first + lane] = plateau.wait[lane];
            call.runs.cooldown[first + lane] = plateau.cooldown[lane];
            if (!alive[lane]) continue;
            if (!ends()) {
                tell(lane);
                store(weights, lane, call.to > 0, true);
                continue;
            }
            bool finite = true;
            for (int64_t i = 0; i < n; ++i)
                if (plan.gather[i] >= 0) finite &= of_run(model.weights[i], lane) - of_run(model.weights[i], lane) == 0;
            end_lane(weights, lane, finite ? int64_t(HL_FINISHED) : call.to, call.to > 0);
        }
    }

    void store_lanes(void* base, Vec<T> value) const {
        for (int lane = 0; lane < n_lanes; ++lane) *row_of(base, 1, lane) = canonical<T>(value[lane]);
    }

    void report(int64_t step) {
        control.run_steps += (step - reported) * n_lanes;
        reported = step;
    }

    const TrainingCall& call;
    const Plan& plan;
    const Recipe& recipe;
    Control& control;
    Model<E> model;
    Evaluation<E> evaluation;
    const int64_t n;
    const int n_slots;
    E* const state;                         // what the optimiser remembers
    std::unique_ptr<Rotation<E>> rotation;       // where heads are trained narrow
    E* wide = nullptr;                      // the weights as they were asked for, then
    std::vector<std::vector<Moving>> ranges;     // that move in each phase
    Vec<T> rate{}, loss{};
    PlateauState<T> plateau;
    int64_t reached[lanes<T>]{};  // evaluations in a row that were good enough to end
    size_t number = 0;  // of the phase
    int64_t first = 0, reported = 0;
    int n_lanes = 0;
    Int<T> alive;  // -1 for a lane whose run goes on, 0 for one that has ended or was never there
};

// Loss and gradient of each run at given weights.
template <class E> class GradientWorker final : public Worker {
    using T = Real<E>;

  public:
    GradientWorker(const GradientCall& call, Control& control) : call(call), control(control), model(call.plan) {}

    void work() noexcept override {
        const int64_t n = model.size;
        const int64_t* place = call.plan.gather.data();
        for (int64_t first; (first = control.take(call.n_runs, runs_in<E>)) >= 0;) {
            const int n_lanes = int(std::min<int64_t>(runs_in<E>, call.n_runs - first));
            for (int lane = 0; lane < runs_in<E>; ++lane)
                load_lane(model.weights, static_cast<const T*>(call.weights) + (first + (lane < n_lanes ? lane : 0)) * n, place, n, lane);
            const E loss = model.forward(call.loss);
            model.backward();
            for (int lane = 0; lane < n_lanes; ++lane) {
                if (call.losses) static_cast<T*>(call.losses)[first + lane] = canonical(of_run(loss, lane));
                if (call.gradient) store_lane(static_cast<T*>(call.gradient) + (first + lane) * n, model.gradient, place, n, lane);
            }
        }
    }

  private:
    const GradientCall& call;
    Control& control;
    Model<E> model;
};

// Narrow weights, or whatever is like them, in the width that was asked for.
template <class E> class WideningWorker final : public Worker {
    using T = Real<E>;

  public:
    WideningWorker(const WideningCall& call, Control& control)
        : call(call), control(control), rotation(call.plan, arena), narrow(arena.take(call.plan.at.end)), wide(arena.take(call.plan.wide_at.end)) {}

    void work() noexcept override {
        const Plan& plan = call.plan;
        const int64_t size = rotation.basis_size();
        for (int64_t first; (first = control.take(call.n_runs, runs_in<E>)) >= 0;) {
            const int n_lanes = int(std::min<int64_t>(runs_in<E>, call.n_runs - first));
            for (int lane = 0; lane < n_lanes; ++lane) {
                load_lane(rotation.basis, static_cast<const T*>(call.basis) + (first + lane) * size, nullptr, size, lane);
                load_lane(narrow, static_cast<const T*>(call.narrow) + (first + lane) * plan.at.end, plan.gather.data(), plan.at.end, lane);
            }
            rotation.widen(narrow, wide);
            for (int lane = 0; lane < n_lanes; ++lane)
                store_lane(static_cast<T*>(call.wide) + (first + lane) * plan.wide_at.end, wide, plan.wide_gather().data(), plan.wide_at.end, lane);
        }
    }

  private:
    const WideningCall& call;
    Control& control;
    Arena<E> arena;
    Rotation<E> rotation;
    E *const narrow, *const wide;
};

}  // namespace headlab::HEADLAB_ISA
