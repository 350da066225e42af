// Everything that works on lanes; compiled once for each instruction set.
#include "look.hpp"
#include "loop.hpp"
#include "parts.hpp"

#define HEADLAB_TEXT_(x) #x
#define HEADLAB_TEXT(x) HEADLAB_TEXT_(x)

namespace headlab::HEADLAB_ISA {
namespace {

template <class W, class Call> std::unique_ptr<Worker> make(const Call& call, Control& control) { return std::make_unique<W>(call, control); }

template <template <class> class W, class Call> constexpr MakeOfType<Call> of_type = {make<W<float>, Call>, make<W<double>, Call>};
template <template <class> class W, class Call> constexpr MakeOfType<Call> of_runs = {make<W<Vec<float>>, Call>, make<W<Vec<double>>, Call>};

// Two lanes are not worth their code in the module: alone, doubles go in a group.
template <template <class> class W> constexpr Make<TrainingCall>* doubles_alone() {
    if constexpr (compact)
        return nullptr;
    else
        return make<W<double>, TrainingCall>;
}

}  // namespace

extern const Kernel kernel;
const Kernel kernel = {HEADLAB_TEXT(HEADLAB_ISA),
                       lanes<float>,
                       lanes<double>,
                       {make<TrainingWorker<float>, TrainingCall>, doubles_alone<TrainingWorker>()},
                       of_runs<TrainingWorker, TrainingCall>,
                       of_runs<GradientWorker, GradientCall>,
                       of_runs<WideningWorker, WideningCall>,
                       of_type<LookWorker, LookCall>,
                       make<PartsWorker, PartsCall>,
                       make<ScorePartsWorker, ScorePartsCall>};

}  // namespace headlab::HEADLAB_ISA
