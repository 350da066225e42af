// Spreads groups of runs over threads.
#include "job.hpp"

#include <unistd.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace headlab {

struct Job::State {
    State(Plan plan, const Arrays& arrays) : plan(std::move(plan)), arrays(arrays) {}

    // Workspaces and threads are made here, one after the other, because a thread that finds no memory can only abort:
    // the C++ runtime needs some to throw. The first one must be had; the others are welcome.
    void add_worker(Kernel::Make* make) {
        const std::lock_guard<std::mutex> lock(guard);  // a thread ends after it is counted
        try {
            workers.push_back(make(plan, arrays, control));
            threads.emplace_back([this, worker = workers.back().get()] { work(*worker); });
            ++working;
        } catch (const std::exception&) {  // no memory, or no more threads
            if (workers.empty()) throw;
            full = true;
        }
    }

    void work(Worker& worker) noexcept {
        worker.train();
        const std::lock_guard<std::mutex> lock(guard);
        if (--working == 0) ended.notify_all();
    }

    // One group and no more, so that whoever waits can look around in between; returns whether that was the last.
    bool work_here() noexcept {
        control.groups_until = control.next_group + 1;
        workers.front()->train();
        return control.cancel || control.next_group * lanes >= arrays.n_runs;
    }

    const Plan plan;
    const Arrays arrays;
    const pid_t process = getpid();
    int64_t lanes = 1;
    Control control;
    std::mutex guard;
    std::condition_variable ended;
    int working = 0;
    bool full = false;
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<std::thread> threads;
};

Job::Job(const Kernel& kernel, bool is_double, Plan plan, const Arrays& arrays, int n_threads) {
    std::uncaught_exceptions();  // the runtime takes what it needs to throw while there is memory
    auto made = std::make_unique<State>(std::move(plan), arrays);
    made->lanes = is_double ? kernel.lanes_double : kernel.lanes_float;
    while (int(made->workers.size()) < n_threads && !made->full) made->add_worker(kernel.worker(is_double));
    state = made.release();
}

Job::~Job() {
    if (state->process != getpid()) return;  // a fork has none of the threads, and maybe a lock that nobody opens
    cancel();
    for (std::thread& thread : state->threads) thread.join();
    delete state;
}

bool Job::wait(std::chrono::milliseconds most) {
    if (state->process != getpid()) return true;
    if (state->threads.empty()) return state->work_here();
    std::unique_lock<std::mutex> lock(state->guard);
    return state->ended.wait_for(lock, most, [&] { return state->working == 0; });
}

void Job::cancel() { state->control.cancel = true; }

int64_t Job::run_steps_done() const { return state->control.run_steps_done; }

}  // namespace headlab
