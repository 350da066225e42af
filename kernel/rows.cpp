#include "rows.hpp"

#include <algorithm>
#include <numeric>

#include "weights.hpp"

namespace headlab {

namespace {

int64_t places(const hl_shape& shape, const hl_batch& batch) { return int64_t(batch.n_sequences) * shape.n_ctx; }

bool counts(const hl_batch& batch, int64_t place) {
    return batch.targets && batch.targets[place] >= 0 && (!batch.weights || batch.weights[place] > 0);
}

}  // namespace

std::vector<int32_t> order_of(const hl_shape& shape, const hl_batch& batch) {
    std::vector<int32_t> order;
    std::vector<bool> seen(shape.d_vocab);
    const auto appears = [&](int32_t id) {
        if (!seen[id]) order.push_back(id);
        seen[id] = true;
    };
    if (!batch.declared) {
        for (int64_t i = 0; i < places(shape, batch); ++i) {
            if (batch.tokens[i] < 0) continue;
            if (shape.pairs) appears(batch.tokens[i] / shape.d_vocab);
            appears(batch.tokens[i] % shape.d_vocab);
        }
        for (int64_t i = 0; i < places(shape, batch) && follows_vocabulary(shape, Axis::out); ++i)
            if (counts(batch, i)) appears(batch.targets[i]);
    }
    for (int32_t id = 0; id < shape.d_vocab; ++id) appears(id);
    return order;
}

Rows rows_of(const hl_shape& shape, const hl_batch& batch, const std::vector<int32_t>& order) {
    Rows rows;
    std::vector<int> trained(shape.d_vocab);
    for (int token = 0; token < shape.d_vocab; ++token) trained[order[token]] = token;
    const int64_t ids = ids_of(shape);
    const bool follows = follows_vocabulary(shape, Axis::out);
    const auto id_trained = [&](int32_t id) { return shape.pairs ? int64_t(trained[id / shape.d_vocab]) * shape.d_vocab + trained[id % shape.d_vocab] : trained[id]; };

    std::vector<double> weight;  // of each row, with the largest as 1: whatever their size, they can be added
    double largest = 0;
    for (int64_t i = 0; i < places(shape, batch); ++i)
        if (batch.weights && counts(batch, i)) largest = std::max(largest, batch.weights[i]);
    std::vector<int64_t> pair;  // each row's position and token, as one number
    rows.sequence_start.push_back(0);
    for (int b = 0; b < batch.n_sequences; ++b) {
        for (int t = 0; t < shape.n_ctx; ++t) {
            const int64_t i = int64_t(b) * shape.n_ctx + t;
            if (batch.tokens[i] < 0) continue;
            pair.push_back(t * ids + id_trained(batch.tokens[i]));
            rows.target.push_back(!counts(batch, i) ? -1 : follows ? trained[batch.targets[i]] : batch.targets[i]);
            weight.push_back(!counts(batch, i) ? 0 : batch.weights ? batch.weights[i] / largest : 1);
            rows.n_targets += counts(batch, i);
        }
        rows.sequence_start.push_back(int(pair.size()));
    }

    std::vector<int64_t> distinct = pair;  // by position, and there by token
    std::make_heap(distinct.begin(), distinct.end());  // std::sort's code is ten times as long, and travels with the module
    std::sort_heap(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    for (const int64_t one : distinct) {
        rows.input_position.push_back(int(one / ids));
        rows.input_token.push_back(int(one % ids));
    }
    for (const int64_t one : pair)
        rows.input_of_row.push_back(int(std::lower_bound(distinct.begin(), distinct.end(), one) - distinct.begin()));
    std::vector<int> had(distinct.size()), had_token(ids);
    for (const int input : rows.input_of_row) {
        rows.before.push_back(had[input]);
        had[input] = input + 1;
    }
    for (const int token : rows.input_token) {
        rows.first_of_token.push_back(!had_token[token]);
        had_token[token] = 1;
    }
    rows.row_itself.resize(pair.size());
    std::iota(rows.row_itself.begin(), rows.row_itself.end(), 0);

    const bool equal = std::all_of(weight.begin(), weight.end(), [](double w) { return w == 0 || w == 1; });
    if (!equal) {
        double sum = 0;
        for (const double w : weight) sum += w;
        for (const double w : weight) rows.share.push_back(w / sum);
    }
    return rows;
}

}  // namespace headlab
