// A training on threads of its own: begun at once, waited for a little at a time, cancelled, or dropped. No Python in it.
#pragma once

#include <chrono>

#include "plan.hpp"

namespace headlab {

class Job {
  public:
    // Threads that cannot be had are done without; where there is none at all, those who wait do the work.
    // Throws std::bad_alloc when there is no memory for one workspace.
    Job(const Kernel& kernel, bool is_double, Plan plan, const Arrays& arrays, int n_threads);
    ~Job();  // cancels, and returns when no thread touches the arrays any more
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    bool wait(std::chrono::milliseconds most);  // whether it has ended
    void cancel();                              // end at the next step
    int64_t run_steps_done() const;

  private:
    struct State;
    State* state;
};

}  // namespace headlab
