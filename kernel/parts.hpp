// Parts: what gives what, exactly.
#pragma once

#include "model.hpp"

namespace headlab::HEADLAB_ISA {

class PartsWorker final : public Worker {
  public:
    PartsWorker(const PartsCall& call, Control& control) : call(call), control(control) {}
    void work() noexcept override {}

  private:
    const PartsCall& call;
    Control& control;
};

class ScorePartsWorker final : public Worker {
  public:
    ScorePartsWorker(const ScorePartsCall& call, Control& control) : call(call), control(control) {}
    void work() noexcept override {}

  private:
    const ScorePartsCall& call;
    Control& control;
};

}  // namespace headlab::HEADLAB_ISA
