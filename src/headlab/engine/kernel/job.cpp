// Spreads groups of lanes over threads.
#include "job.hpp"

#include <unistd.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace headlab {

struct Job::State {
    State(const Kernel& kernel, bool is_double, Plan plan, const Batch& batch)
        : plan(std::move(plan)),
          batch(batch),
          train(is_double ? kernel.train_double : kernel.train_float),
          lanes(is_double ? kernel.lanes_double : kernel.lanes_float) {}

    bool complete() const { return control.groups_done * lanes >= batch.n_runs; }

    // A thread that finds no memory for its workspace leaves its groups to the others.
    void work() {
        std::exception_ptr caught;
        try {
            train(plan, batch, control);
        } catch (...) {
            caught = std::current_exception();
        }
        const std::lock_guard<std::mutex> lock(guard);
        if (caught) failure = caught;
        if (--working == 0) ended.notify_all();
    }

    bool add_thread() {
        const std::lock_guard<std::mutex> lock(guard);  // the new thread ends after it is counted
        try {
            threads.emplace_back([this] { work(); });
        } catch (const std::exception&) {  // the system has no more threads, or no memory for one
            return false;
        }
        ++working;
        return true;
    }

    // One group and no more, so that whoever waits can look around in between.
    void work_here() {
        control.groups_until = control.next_group + 1;
        working = 1;
        work();
    }

    const Plan plan;
    const Batch batch;
    void (*const train)(const Plan&, const Batch&, Control&);
    const int64_t lanes;
    const pid_t process = getpid();
    Control control;
    std::mutex guard;
    std::condition_variable ended;
    int working = 0;
    std::exception_ptr failure;
    std::vector<std::thread> threads;
};

Job::Job(const Kernel& kernel, bool is_double, Plan plan, const Batch& batch, int n_threads)
    : state(new State(kernel, is_double, std::move(plan), batch)) {
    for (int i = 0; i < n_threads && state->add_thread(); ++i) continue;
}

Job::~Job() {
    if (state->process != getpid()) return;  // a fork has none of the threads, and maybe a lock that nobody opens
    cancel();
    for (std::thread& thread : state->threads) thread.join();
    delete state;
}

bool Job::wait(std::chrono::milliseconds most) {
    State& job = *state;
    if (job.process != getpid()) return true;
    if (job.threads.empty() && !job.failure && !job.control.cancel && !job.complete()) {
        job.work_here();
        return false;
    }
    std::unique_lock<std::mutex> lock(job.guard);
    return job.ended.wait_for(lock, most, [&] { return job.working == 0; });
}

void Job::cancel() { state->control.cancel = true; }

void Job::check() const {
    if (state->failure && !state->complete()) std::rethrow_exception(state->failure);
}

int64_t Job::run_steps_done() const { return state->control.run_steps_done; }

}  // namespace headlab
