// Token ids to the rows that a model works on, and the distinct inputs of its first layer.
#pragma once

#include <cstdint>
#include <vector>

#include "headlab.h"

namespace headlab {

// The caller's id of each token as it is trained: in the order in which tokens first appear in the batch, then in its targets;
// those that never appear come last, by their ids.
std::vector<int32_t> order_of(const hl_shape& shape, const hl_batch& batch);

// A row is one (sequence, position); padding has none. Row r of sequence b is at sequence_start[b] + position. Two rows with the
// same (token, position) embed alike, so the first layer works on the distinct inputs: input_of_row maps a row to its input.
// target: -1 where a row has none, or has no weight; share: of the loss, a row's weight over the sum of all, and empty where
// the rows with a target are equal. before: 1 + the input of a row that an earlier row has had too, or 0; first_of_token: whether an
// input is the first with its token. Tokens are numbered as they are trained.
struct Rows {
    std::vector<int> sequence_start, target, input_of_row, input_token, input_position, before, row_itself, first_of_token;
    std::vector<double> share;
    int n_targets = 0;

    int rows() const { return sequence_start.back(); }
    int inputs(int layer) const { return layer == 0 ? int(input_token.size()) : rows(); }
    const int* map(int layer) const { return layer == 0 ? input_of_row.data() : row_itself.data(); }
    int length(int sequence) const { return sequence_start[sequence + 1] - sequence_start[sequence]; }
};
Rows rows_of(const hl_shape& shape, const hl_batch& batch, const std::vector<int32_t>& order);

}  // namespace headlab
