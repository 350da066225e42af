// Everything that works on lanes; compiled once for each instruction set.
//
// In the module, which travels, only what trains is compiled for time: the blocks of a model and their updates.
#if defined(__wasm__)
#define HEADLAB_SMALL _Pragma("clang attribute push(__attribute__((minsize)), apply_to = function)")
#define HEADLAB_QUICK _Pragma("clang attribute pop")
#else
#define HEADLAB_SMALL
#define HEADLAB_QUICK
#endif

HEADLAB_SMALL
#include <algorithm>

#include "plan.hpp"
HEADLAB_QUICK
#include "model.hpp"
#include "updates/update.hpp"
HEADLAB_SMALL
#include "evaluation.hpp"
#include "look.hpp"
#include "loop.hpp"
#include "outputs.hpp"
#include "parts.hpp"
HEADLAB_QUICK

#define HEADLAB_TEXT_(x) #x
#define HEADLAB_TEXT(x) HEADLAB_TEXT_(x)

namespace headlab::HEADLAB_ISA {

#if defined(__wasm__)  // what is alike stands side by side, so that it packs
template class Attention<float>;
template class Attention<Vec<float>>;
template class Attention<Vec<double>>;
template class TrainingWorker<float>;
template class TrainingWorker<Vec<float>>;
template class TrainingWorker<Vec<double>>;
#endif

namespace {

template <class W, class Call> std::unique_ptr<Worker> make(const Call& call, Control& control) { return std::make_unique<W>(call, control); }

template <template <class> class W, class Call> constexpr MakeOfType<Call> of_runs = {make<W<Vec<float>>, Call>, make<W<Vec<double>>, Call>};
// Not for pages.
template <template <class> class W, class Call> constexpr MakeOfType<Call> elsewhere() {
    if constexpr (attention_alone)
        return {};
    else
        return of_runs<W, Call>;
}

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
                       elsewhere<EvaluationWorker, EvaluationCall>(),
                       of_runs<WideningWorker, WideningCall>,
                       make<LookWorker, LookCall>,
                       make<PartsWorker, PartsCall>,
                       make<ScorePartsWorker, ScorePartsCall>,
                       softmax_rows,
                       logarithms};

}  // namespace headlab::HEADLAB_ISA
