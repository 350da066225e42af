// What gives what, from Python: see bindings.cpp.
#include <nanobind/stl/pair.h>

#include "bindings.hpp"

namespace headlab::python {

namespace {

hl_place place_of(const std::pair<int, int>& place) { return {place.first, place.second}; }

std::vector<hl_place> places_of(const std::vector<std::pair<int, int>>& given) {
    std::vector<hl_place> places;
    for (const auto& one : given) places.push_back(place_of(one));
    return places;
}

// [run, layer, head, sequence, query, key], or without the sequence: whichever it is, then.
struct Patterns {
    hl_patterns of{};

    Patterns(const Problem& problem, const nb::object& given, int64_t runs, bool of_one_too) {
        if (given.is_none()) return;
        const hl_shape& shape = problem.of.shape;
        const int64_t square = int64_t(shape.n_ctx) * shape.n_ctx, blocks = int64_t(shape.n_layers) * shape.n_heads;
        const bool of_one = of_one_too && nb::cast<Input>(given).ndim() == 5;
        const int64_t sequences = of_one ? 1 : problem.of.batch.n_sequences;
        const void* first = memory<Input>(given, "patterns", runs * blocks * sequences * square, nb::dtype<double>());
        of = {static_cast<const double*>(first), blocks * sequences * square, sequences * square, of_one ? 0 : square};
    }
    const hl_patterns* or_none() const { return of.first ? &of : nullptr; }
};

const double* in(const nb::object& given, const char* name, int64_t size) {
    return static_cast<const double*>(memory<Input>(given, name, size, nb::dtype<double>()));
}

double* out(const nb::object& given, const char* name, int64_t size) {
    return static_cast<double*>(memory(given, name, size, nb::dtype<double>()));
}

void parts(const Problem& problem, const nb::object& weights, const nb::object& patterns, std::pair<int, int> place, const nb::object& readout,
           const nb::object& paths, const nb::object& token, const nb::object& position, const nb::object& edge, const nb::object& adjoint,
           const nb::object& gradient, const nb::object& total) {
    const hl_shape& shape = problem.of.shape;
    const int64_t runs = int64_t(nb::cast<Input>(weights).shape(0)), c = shape.n_ctx;
    const int64_t n_paths = paths.is_none() ? 0 : int64_t(nb::cast<Input>(paths).shape(0));
    const double* from = in(weights, "weights", runs * problem.size());
    const Patterns held(problem, patterns, runs, true);
    const double* by = in(readout, "readout", shape.d_vocab);
    const auto* along = static_cast<const int32_t*>(memory<Input>(paths, "paths", n_paths * shape.n_layers, nb::dtype<int32_t>()));
    const int64_t streams = runs * (shape.n_layers + 1) * c * shape.d_model;
    const hl_gives gives{out(token, "token", runs * n_paths * c),
                         out(position, "position", runs * n_paths * c),
                         out(edge, "edge", runs * shape.n_layers * shape.n_heads * c * c),
                         out(adjoint, "adjoint", streams),
                         out(gradient, "gradient", streams),
                         out(total, "total", runs)};
    raise_if(hl_parts(&problem.of, runs, from, held.or_none(), place_of(place), by, int32_t(n_paths), along, &gives));
}

void score_parts(const Problem& problem, const nb::object& weights, const nb::object& patterns, int layer,
                 const std::vector<std::pair<int, int>>& queries, const std::vector<std::pair<int, int>>& keys, const nb::object& parts) {
    const hl_shape& shape = problem.of.shape;
    const int64_t runs = int64_t(nb::cast<Input>(weights).shape(0));
    const double* from = in(weights, "weights", runs * problem.size());
    const Patterns held(problem, patterns, runs, false);
    const std::vector<hl_place> rows = places_of(queries), columns = places_of(keys);
    if (layer < 0 || layer >= shape.n_layers) throw std::invalid_argument("the layer must be one that the model has");
    const int64_t features = hl_features(&shape, layer);
    double* to = out(parts, "parts", runs * shape.n_heads * int64_t(rows.size() * columns.size()) * features * features);
    raise_if(hl_score_parts(&problem.of, runs, from, held.or_none(), layer, int32_t(rows.size()), rows.data(), int32_t(columns.size()),
                            columns.data(), to));
}

}  // namespace

void bind_parts(nb::module_& m) {
    m.def("parts", &parts, nb::arg("problem"), nb::arg("weights"), nb::arg("patterns").none(), nb::arg("place"), nb::arg("readout"),
          nb::arg("paths") = nb::none(), nb::arg("token") = nb::none(), nb::arg("position") = nb::none(), nb::arg("edge") = nb::none(), nb::arg("adjoint") = nb::none(),
          nb::arg("gradient") = nb::none(), nb::arg("total") = nb::none());
    m.def("score_parts", &score_parts, nb::arg("problem"), nb::arg("weights"), nb::arg("patterns").none(), nb::arg("layer"), nb::arg("queries"),
          nb::arg("keys"), nb::arg("parts"));
}

}  // namespace headlab::python
