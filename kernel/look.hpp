// Look: forward alone, with interventions in the middle of it.
#pragma once

#include "model.hpp"

namespace headlab::HEADLAB_ISA {

template <class T> class LookWorker final : public Worker {
  public:
    LookWorker(const LookCall& call, Control& control) : call(call), control(control) {}
    void work() noexcept override {}

  private:
    const LookCall& call;
    Control& control;
};

}  // namespace headlab::HEADLAB_ISA
