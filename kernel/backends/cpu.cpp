// Processors: the instruction set is picked at run time, and groups of runs are spread over threads.
#include <unistd.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "backend.hpp"

namespace headlab {

namespace generic { extern const Kernel kernel; }
#ifdef HEADLAB_HAS_avx2
namespace avx2 { extern const Kernel kernel; }
namespace avx512 { extern const Kernel kernel; }
#endif

std::vector<const Kernel*> available_kernels() {
    std::vector<const Kernel*> found;
#ifdef HEADLAB_HAS_avx2
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw"))
        found.push_back(&avx512::kernel);
    if (__builtin_cpu_supports("avx2")) found.push_back(&avx2::kernel);
#endif
    found.push_back(&generic::kernel);
    return found;
}

struct Crew::State {
    // Workspaces and threads are made here, one after the other, because a thread that finds no memory can only abort:
    // the C++ runtime needs some to throw. The first one must be had; the others are welcome.
    void add(const MakeWorker& make, bool with_thread) {
        try {
            workers.push_back(make(control));
            if (with_thread) threads.emplace_back([this, worker = workers.back().get()] { stand_by(*worker); });
        } catch (const std::exception&) {  // no memory, or no more threads
            if (workers.empty()) throw;
            full = true;
        }
    }

    void stand_by(Worker& worker) noexcept {
        const FloatingMode mode;
        for (int64_t round = 1;; ++round) {
            std::unique_lock<std::mutex> lock(guard);
            called.wait(lock, [&] { return closed || rounds >= round; });
            if (closed) return;
            lock.unlock();
            worker.work();
            lock.lock();
            if (--working == 0) ended.notify_all();
        }
    }

    const pid_t process = getpid();
    int64_t n_runs = 0, lanes = 1, rounds = 0;
    Control control;
    std::mutex guard;
    std::condition_variable called, ended;
    int working = 0;
    bool full = false, closed = false;
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<std::thread> threads;
};

Crew::Crew(const MakeWorker& make, int64_t n_runs, int lanes, int n_threads) {
    (void)std::uncaught_exceptions();  // the runtime takes what it needs to throw while there is memory
    auto made = std::make_unique<State>();
    made->n_runs = n_runs;
    made->lanes = lanes;
    state = made.get();
    try {
        do made->add(make, n_threads > 0);
        while (int(made->workers.size()) < n_threads && !made->full);
    } catch (...) {
        delete made.release();  // it has no threads
        throw;
    }
    made.release();
}

Crew::~Crew() {
    if (state->process != getpid()) return;  // a fork has none of the threads, and maybe a lock that nobody opens
    cancel();
    {
        const std::lock_guard<std::mutex> lock(state->guard);
        state->closed = true;
    }
    state->called.notify_all();
    for (std::thread& thread : state->threads) thread.join();
    delete state;
}

void Crew::start() {
    if (state->process != getpid()) return;
    const std::lock_guard<std::mutex> lock(state->guard);
    state->control.next_group = 0;
    state->working = int(state->threads.size());
    ++state->rounds;
    state->called.notify_all();
}

bool Crew::wait(std::chrono::milliseconds most) {
    if (state->process != getpid()) return true;
    if (state->threads.empty()) return work_on_one_group(*state->workers.front(), state->control, state->n_runs, state->lanes);
    std::unique_lock<std::mutex> lock(state->guard);
    return state->ended.wait_for(lock, most, [&] { return state->working == 0; });
}

void Crew::cancel() { state->control.cancel = true; }

bool Crew::cancelled() const { return state->control.cancel; }

int64_t Crew::run_steps() const { return state->control.run_steps; }

}  // namespace headlab
