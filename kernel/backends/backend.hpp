// What a host gives the kernel: instruction sets, and threads.
#pragma once

#include <chrono>
#include <functional>

#include "../floating.hpp"
#include "../plan.hpp"

namespace headlab {

std::vector<const Kernel*> available_kernels();  // the widest first

// Workers on threads of their own, which go over all groups of runs as often as they are told to.
class Crew {
  public:
    using MakeWorker = std::function<std::unique_ptr<Worker>(Control&)>;

    // Threads that cannot be had are done without; where there is none at all, those who wait do the work.
    // Throws std::bad_alloc when there is no memory for one workspace.
    Crew(const MakeWorker& make, int64_t n_runs, int lanes, int n_threads);
    ~Crew();  // cancels, and returns when nobody works any more
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    void start();                               // once over all groups
    bool wait(std::chrono::milliseconds most);  // whether that is done
    void cancel();
    bool cancelled() const;
    int64_t run_steps() const;

  private:
    struct State;
    State* state;
};

// One group and no more, so that whoever waits can look around in between; returns whether that was the last.
inline bool work_on_one_group(Worker& worker, Control& control, int64_t n_runs, int64_t lanes) {
    const FloatingMode mode;
    control.groups_until = control.next_group + 1;
    worker.work();
    return control.cancel || control.next_group * lanes >= n_runs;
}

}  // namespace headlab
