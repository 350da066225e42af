#include "plan.hpp"

#include <algorithm>

namespace headlab {

hl_shape with_heads_of(hl_shape shape, int d_head) {
    if (d_head) shape.d_head = d_head;
    return shape;
}

bool folds(const hl_shape& shape, int n_sequences, int n_positions, int layer) {
    if (shape.biases || shape.relative) return false;
    const int64_t several = layer == 0 ? std::min<int64_t>(n_sequences, ids_of(shape)) : n_sequences;
    const double d = shape.d_model, h = shape.d_head, n = double(n_positions * several);
    return 3 * d * d * h + 3 * n * d * d < 6 * n * d * h;
}

Plan::Plan(const hl_problem& problem, int d_head, int columns, const std::vector<Sizes>& fed)
    : shape(with_heads_of(problem.shape, d_head)),
      model(problem.shape),
      scale(1.0 / __builtin_sqrt(double(problem.shape.d_head))),
      order(order_of(model, problem.batch)),
      rows(rows_of(model, problem.batch, order)),
      batches(fed),
      given(places_of(shape)),
      wide_given(places_of(model)),
      at(places_of(shape, columns)),
      wide_at(places_of(model, columns)),
      gather(gather_of(shape, order, columns)),
      of_wide(narrow() ? gather_of(model, order, columns) : std::vector<int64_t>()) {
    batches.push_back(rows.sizes());
}

}  // namespace headlab
