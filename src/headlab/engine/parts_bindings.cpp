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

// Patterns [run, layer, head, sequence, query, key], and what is written [run, layer, head, sequence, position, d_model], of so
// many layers at least; patterns without the sequence: whichever it is, and nothing else is known.
struct Known {
    hl_known of{};

    Known(const Problem& problem, const nb::object& patterns, const nb::object& written, int64_t runs, int layers) {
        const hl_shape& shape = problem.of.shape;
        const int64_t c = shape.n_ctx, sequences = problem.of.batch.n_sequences;
        if (!patterns.is_none() && nb::cast<Input>(patterns).ndim() == 5) {
            of = {known(patterns, runs * shape.n_layers * shape.n_heads * c * c), nullptr, int64_t(shape.n_layers) * shape.n_heads, 1, 0};
            return;
        }
        for (const auto* given : {&patterns, &written}) {
            if (given->is_none()) continue;
            const Input array = nb::cast<Input>(*given);
            const int64_t there = array.ndim() == 6 ? int64_t(array.shape(1)) : 0;
            if (there < layers || (of.run && of.run != there * shape.n_heads * sequences))
                throw std::invalid_argument("what is known must be of every layer that is asked for, and have six axes");
            of.run = there * shape.n_heads * sequences;
            const bool looks = given == &patterns;
            (looks ? of.patterns : of.written) = known(*given, runs * of.run * c * (looks ? c : shape.d_model));
        }
        of.head = sequences;
        of.sequence = 1;
    }
    static const double* known(const nb::object& given, int64_t size) {
        return static_cast<const double*>(memory<Input>(given, "what is known", size, nb::dtype<double>()));
    }
};

const double* in(const nb::object& given, const char* name, int64_t size) {
    return static_cast<const double*>(memory<Input>(given, name, size, nb::dtype<double>()));
}

double* out(const nb::object& given, const char* name, int64_t size) {
    return static_cast<double*>(memory(given, name, size, nb::dtype<double>()));
}

void parts(const Problem& problem, const nb::object& weights, const nb::object& patterns, const nb::object& written, std::pair<int, int> place, const nb::object& readout,
           const nb::object& paths, const nb::object& token, const nb::object& position, const nb::object& edge, const nb::object& adjoint,
           const nb::object& gradient, const nb::object& total) {
    const hl_shape& shape = problem.of.shape;
    const int64_t runs = int64_t(nb::cast<Input>(weights).shape(0)), c = shape.n_ctx;
    const int64_t n_paths = paths.is_none() ? 0 : int64_t(nb::cast<Input>(paths).shape(0));
    const double* from = in(weights, "weights", runs * problem.size());
    const Known known(problem, patterns, written, runs, shape.n_layers);
    const double* by = in(readout, "readout", shape.d_vocab);
    const auto* along = static_cast<const int32_t*>(memory<Input>(paths, "paths", n_paths * shape.n_layers, nb::dtype<int32_t>()));
    const int64_t streams = runs * (shape.n_layers + 1) * c * shape.d_model;
    const hl_gives gives{out(token, "token", runs * n_paths * c),
                         out(position, "position", runs * n_paths * c),
                         out(edge, "edge", runs * shape.n_layers * shape.n_heads * c * c),
                         out(adjoint, "adjoint", streams),
                         out(gradient, "gradient", streams),
                         out(total, "total", runs)};
    raise_if(hl_parts(&problem.of, runs, from, &known.of, place_of(place), by, int32_t(n_paths), along, &gives));
}

void score_parts(const Problem& problem, const nb::object& weights, const nb::object& written, int layer,
                 const std::vector<std::pair<int, int>>& queries, const std::vector<std::pair<int, int>>& keys, const nb::object& parts) {
    const hl_shape& shape = problem.of.shape;
    const int64_t runs = int64_t(nb::cast<Input>(weights).shape(0));
    const double* from = in(weights, "weights", runs * problem.size());
    const Known known(problem, nb::none(), written, runs, layer);
    const std::vector<hl_place> rows = places_of(queries), columns = places_of(keys);
    if (layer < 0 || layer >= shape.n_layers) throw std::invalid_argument("the layer must be one that the model has");
    const int64_t features = hl_features(&shape, layer);
    double* to = out(parts, "parts", runs * shape.n_heads * int64_t(rows.size() * columns.size()) * features * features);
    raise_if(hl_score_parts(&problem.of, runs, from, &known.of, layer, int32_t(rows.size()), rows.data(), int32_t(columns.size()),
                            columns.data(), to));
}

}  // namespace

void bind_parts(nb::module_& m) {
    m.def("parts", &parts, nb::arg("problem"), nb::arg("weights"), nb::arg("patterns").none(), nb::arg("written").none(), nb::arg("place"), nb::arg("readout"),
          nb::arg("paths") = nb::none(), nb::arg("token") = nb::none(), nb::arg("position") = nb::none(), nb::arg("edge") = nb::none(), nb::arg("adjoint") = nb::none(),
          nb::arg("gradient") = nb::none(), nb::arg("total") = nb::none());
    m.def("score_parts", &score_parts, nb::arg("problem"), nb::arg("weights"), nb::arg("written").none(), nb::arg("layer"), nb::arg("queries"),
          nb::arg("keys"), nb::arg("parts"));
}

}  // namespace headlab::python
