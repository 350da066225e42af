#include "plan.hpp"

#include <algorithm>

namespace headlab {

namespace {

hl_shape with_heads_of(hl_shape shape, int d_head) {
    if (d_head) shape.d_head = d_head;
    return shape;
}

}  // namespace

Plan::Plan(const hl_problem& problem, int d_head)
    : shape(with_heads_of(problem.shape, d_head)),
      model(problem.shape),
      scale(1.0 / __builtin_sqrt(double(problem.shape.d_head))),
      order(order_of(model, problem.batch)),
      rows(rows_of(model, problem.batch, order)),
      n_sequences(problem.batch.n_sequences),
      at(places_of(shape)),
      wide_at(places_of(model)),
      gather(gather_of(shape, order)),
      wide_gather(narrow() ? gather_of(model, order) : gather) {}

bool Plan::folds(int layer) const {
    const int64_t positions = shape.n_ctx, several = layer == 0 ? std::min(n_sequences, shape.d_vocab) : n_sequences;
    const double d = shape.d_model, h = shape.d_head, n = double(positions * several);
    return 3 * d * d * h + 3 * n * d * d < 6 * n * d * h;
}

}  // namespace headlab
