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

}  // namespace

extern const Kernel kernel;
const Kernel kernel = {HEADLAB_TEXT(HEADLAB_ISA),
                       lanes<float>,
                       lanes<double>,
                       of_type<TrainingWorker, TrainingCall>,
                       of_type<GradientWorker, GradientCall>,
                       of_type<WideningWorker, WideningCall>,
                       of_type<LookWorker, LookCall>,
                       make<PartsWorker, PartsCall>,
                       make<ScorePartsWorker, ScorePartsCall>};

}  // namespace headlab::HEADLAB_ISA
