// Where Python meets what the kernel says of models: looks, activations, and what logits become.
#include <algorithm>

#include "bindings.hpp"

namespace headlab::python {

namespace {

int64_t outputs(const hl_shape& shape) { return shape.d_vocab_out ? shape.d_vocab_out : shape.d_vocab; }

// Cases and edits as tables of whole numbers, in the order of the fields of hl_case and hl_edit; `there` and `given` by their row.
void look(const Problem& problem, const nb::object& weights, const nb::object& cases, const nb::object& edits, const nb::object& there,
          const std::vector<nb::object>& given, const nb::object& reads, const nb::object& logits, const nb::object& read, const nb::object& pattern) {
    enum { sequence, at, n_edits, n_reads, case_fields };
    enum { what, how, layer, head, place, key, donor, there_row, given_row, edit_fields };
    const hl_shape& shape = problem.of.shape;
    const auto whole = nb::dtype<int32_t>();
    const int64_t runs = int64_t(nb::cast<Input>(weights).shape(0)), n = int64_t(nb::cast<Input>(cases).shape(0)), c = shape.n_ctx;
    const int64_t m = int64_t(nb::cast<Input>(edits).shape(0)), maps = int64_t(nb::cast<Input>(there).shape(0));
    const int64_t heads = shape.n_heads, blocks = heads * shape.n_layers;
    const auto* case_table = static_cast<const int32_t*>(memory<Input>(cases, "cases", n * case_fields, whole));
    const auto* edit_table = static_cast<const int32_t*>(memory<Input>(edits, "edits", m * edit_fields, whole));
    const auto* maps_at = static_cast<const int32_t*>(memory<Input>(there, "there", maps * c, whole));
    std::vector<hl_edit> every(m);
    for (int64_t i = 0; i < m; ++i) {
        const int32_t* of = edit_table + i * edit_fields;
        every[i] = {of[what], of[how], of[layer], of[head], of[place], of[key], of[donor], nullptr, nullptr, {0, 0, 0}};
        if (of[there_row] >= maps || of[given_row] >= int64_t(given.size())) throw std::invalid_argument("an edit must name a row that is there");
        if (of[there_row] >= 0) every[i].there = maps_at + of[there_row] * c;
        if (of[given_row] < 0) continue;
        const nb::object& pattern_given = given[of[given_row]];
        const bool alike = int64_t(nb::cast<Input>(pattern_given).size()) == c * c;  // in every run and head
        every[i].given = static_cast<const double*>(memory<Input>(pattern_given, "given", (alike ? 1 : runs * blocks) * c * c, nb::dtype<double>())) +
                         (of[place] < 0 ? 0 : std::min<int64_t>(of[place], c - 1) * c);
        const int64_t strides[3] = {blocks * c * c, heads * c * c, c * c};
        for (int axis = 0; !alike && axis < 3; ++axis) every[i].strides[axis] = strides[axis];
    }
    std::vector<hl_case> asked(n);
    const int64_t all_reads = int64_t(nb::cast<Input>(reads).shape(0));
    const auto* read_table = static_cast<const int32_t*>(memory<Input>(reads, "reads", all_reads * 2, whole));
    std::vector<hl_source> every_read(all_reads);
    for (int64_t i = 0; i < all_reads; ++i) every_read[i] = {read_table[2 * i], read_table[2 * i + 1]};
    int64_t first = 0, first_read = 0;
    for (int64_t i = 0; i < n; ++i) {
        const int32_t* of = case_table + i * case_fields;
        asked[i] = {of[sequence], of[at], of[n_edits], of[n_reads], every.data() + first, every_read.data() + first_read};
        first += of[n_edits];
        first_read += of[n_reads];
        if (of[n_edits] < 0 || of[n_reads] < 0 || first > m || first_read > all_reads)
            throw std::invalid_argument("cases must have the edits and reads that there are");
    }
    const int64_t rows = n > 0 && asked[0].at >= 0 ? 1 : c, out = outputs(shape);
    const void* from = memory<Input>(weights, "weights", runs * problem.size(), problem.real());
    void* to = memory(logits, "logits", runs * n * rows * out, problem.real());
    void* what_is_read = memory(read, "read", runs * all_reads * out, problem.real());
    void* seen = memory(pattern, "pattern", runs * n * blocks * c * c, problem.real());
    raise_if(hl_look(&problem.of, runs, from, int32_t(n), asked.data(), to, what_is_read, seen));
}

// Into arrays by the names of hl_computes.
void activations(const Problem& problem, const nb::object& weights, const nb::object& resid, const nb::object& q, const nb::object& k,
                 const nb::object& v, const nb::object& scores, const nb::object& pattern, const nb::object& z, const nb::object& logits,
                 const nb::object& normed, const nb::object& mlp_out) {
    const hl_shape& shape = problem.of.shape;
    const int64_t runs = int64_t(nb::cast<Input>(weights).shape(0)), rows = runs * problem.of.batch.n_sequences * shape.n_ctx;
    const int64_t of_heads = rows * shape.n_layers * shape.n_heads;
    const auto out = [&](const nb::object& given, const char* name, int64_t size) { return memory(given, name, size, problem.real()); };
    const hl_computes computes{out(resid, "resid", rows * (shape.n_layers + 1) * shape.d_model),
                               out(q, "q", of_heads * shape.d_head),
                               out(k, "k", of_heads * shape.d_head),
                               out(v, "v", of_heads * (shape.factored_values ? shape.d_head : shape.d_model)),
                               out(scores, "scores", of_heads * shape.n_ctx),
                               out(pattern, "pattern", of_heads * shape.n_ctx),
                               out(z, "z", of_heads * shape.d_model),
                               out(logits, "logits", rows * outputs(shape)),
                               out(normed, "normed", rows * shape.n_layers * shape.d_model),
                               out(mlp_out, "mlp_out", rows * shape.n_layers * shape.d_model)};
    raise_if(hl_activations(&problem.of, runs, memory<Input>(weights, "weights", runs * problem.size(), problem.real()), &computes));
}

// Of rows [row, number].
void softmax(const nb::object& rows, const nb::object& shares) {
    const Input given = nb::cast<Input>(rows);
    if (given.ndim() != 2 || given.shape(1) < 1) throw std::invalid_argument("rows must have two axes, and at least one number each");
    const int64_t n = int64_t(given.shape(0)), width = int64_t(given.shape(1));
    const auto* from = static_cast<const double*>(memory<Input>(rows, "rows", n * width, nb::dtype<double>()));
    hl_softmax(n, int32_t(width), from, static_cast<double*>(memory(shares, "shares", n * width, nb::dtype<double>())));
}

void log(const nb::object& numbers, const nb::object& logarithms) {
    const int64_t n = int64_t(nb::cast<Input>(numbers).size());
    const auto* from = static_cast<const double*>(memory<Input>(numbers, "numbers", n, nb::dtype<double>()));
    hl_log(n, from, static_cast<double*>(memory(logarithms, "logarithms", n, nb::dtype<double>())));
}

}  // namespace

void bind_look(nb::module_& m) {
    m.def("look", &look, nb::arg("problem"), nb::arg("weights"), nb::arg("cases"), nb::arg("edits"), nb::arg("there"), nb::arg("given"),
          nb::arg("reads"), nb::arg("logits").none(), nb::arg("read").none(), nb::arg("pattern").none());
    m.def("activations", &activations, nb::arg("problem"), nb::arg("weights"), nb::arg("resid") = nb::none(), nb::arg("q") = nb::none(),
          nb::arg("k") = nb::none(), nb::arg("v") = nb::none(), nb::arg("scores") = nb::none(), nb::arg("pattern") = nb::none(),
          nb::arg("z") = nb::none(), nb::arg("logits") = nb::none(), nb::arg("normed") = nb::none(), nb::arg("mlp_out") = nb::none());
    m.def("softmax", &softmax, nb::arg("rows"), nb::arg("shares"));
    m.def("log", &log, nb::arg("numbers"), nb::arg("logarithms"));
}

}  // namespace headlab::python
