// What the bindings of every part of the kernel share: arrays that are checked, and what is asked of which model.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include "headlab.h"

namespace nb = nanobind;

namespace headlab::python {

using Array = nb::ndarray<nb::c_contig, nb::device::cpu>;
using Input = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

inline void raise_if(const char* wrong) {
    if (!wrong) return;
    if (std::strcmp(wrong, HL_NO_MEMORY) == 0) throw std::bad_alloc();
    throw std::invalid_argument(wrong);
}

// The array's memory when it has the expected size and dtype; null for None. Input: it is only read.
template <class Kind = Array> auto* memory(const nb::object& given, const char* name, int64_t size, nb::dlpack::dtype dtype) {
    using Memory = decltype(nb::cast<Kind>(given).data());
    if (given.is_none()) return Memory(nullptr);
    const Kind array = nb::cast<Kind>(given);
    if (array.dtype() != dtype || int64_t(array.size()) != size)
        throw std::invalid_argument(std::string(name) + " must have " + std::to_string(size) + " elements of the expected dtype");
    return array.data();
}

// A shape on a batch, with the memory that it points to.
struct Problem {
    hl_problem of{};
    nb::object tokens, targets, weights;
    std::string instruction_set;

    Problem(const hl_shape& shape, nb::object tokens, nb::object targets, nb::object weights, bool declared, bool float64, int threads,
            std::string name, int at_once)
        : tokens(std::move(tokens)), targets(std::move(targets)), weights(std::move(weights)), instruction_set(std::move(name)) {
        const int64_t sequences = int64_t(nb::cast<Input>(this->tokens).shape(0)), size = sequences * shape.n_ctx;
        const auto ids = nb::dtype<int32_t>();
        of.shape = shape;
        of.batch = {int32_t(sequences), static_cast<const int32_t*>(memory<Input>(this->tokens, "tokens", size, ids)),
                    static_cast<const int32_t*>(memory<Input>(this->targets, "targets", size, ids)),
                    static_cast<const double*>(memory<Input>(this->weights, "weights", size, nb::dtype<double>())), declared};
        of.type = float64 ? HL_FLOAT64 : HL_FLOAT32;
        of.threads = threads;
        of.at_once = at_once;
        of.instruction_set = instruction_set.empty() ? nullptr : instruction_set.c_str();
    }
    Problem(const Problem&) = delete;
    Problem& operator=(const Problem&) = delete;

    nb::dlpack::dtype real() const { return of.type == HL_FLOAT64 ? nb::dtype<double>() : nb::dtype<float>(); }
    int64_t size() const { return hl_size(&of.shape); }
};

void bind_look(nb::module_& m);
void bind_parts(nb::module_& m);

}  // namespace headlab::python
