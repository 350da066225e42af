#include "rows.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

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

Sizes most_sizes(const hl_shape& shape, int sequences, int positions) {
    const int rows = sequences * positions, inputs = int(std::min<int64_t>(rows, positions * ids_of(shape)));
    return {sequences, positions, rows, shape.n_layers ? inputs : rows, rows, shape.n_layers == 1 ? inputs : rows};
}

Reading Rows::of_layer(int layer) const {
    const int n = inputs(layer);
    const int* map = layer == 0 ? input_of_row.data() : row_itself.data();
    Reading all{n, n, rows(), map, before.data(), nullptr, map, map, n < rows()};
    if (!some || layer + 1 < n_layers) return all;
    return {n, int(asks.size()), n_wanted(), map, before.data(), asks.data(), ask_map.data(), below.data(), all.shared};
}

Sizes Rows::sizes() const {
    return {sequences(), positions, rows(), inputs(0), n_wanted(), int(asks.size())};
}

RowMaker::RowMaker(const hl_shape& shape, const std::vector<int32_t>& order)
    : shape(shape), ids(ids_of(shape)), follows(follows_vocabulary(shape, Axis::out)), trained(shape.d_vocab) {
    for (int token = 0; token < shape.d_vocab; ++token) trained[order[token]] = token;
}

void RowMaker::make(Rows& rows, const int32_t* tokens, const int32_t* targets, const double* weights, int sequences, int positions,
                    [[maybe_unused]] bool some) {
    const int64_t n = int64_t(sequences) * positions;
    const auto counts = [&](int64_t i) { return targets && targets[i] >= 0 && (!weights || weights[i] > 0); };
    for (auto* all : {&rows.sequence_start, &rows.target, &rows.wanted, &rows.wanted_start}) all->clear();
    rows.share.clear(), pair.clear(), weight.clear();
    rows.n_targets = 0, rows.n_layers = shape.n_layers, rows.positions = positions;
#if !defined(HEADLAB_ATTENTION_ALONE)
    rows.some = some;
#endif

    double largest = 0;  // with the largest weight as 1, they can be added whatever their size
    for (int64_t i = 0; weights && i < n; ++i)
        if (counts(i)) largest = std::max(largest, weights[i]);
    rows.sequence_start.push_back(0);
    rows.wanted_start.push_back(0);
    for (int b = 0; b < sequences; ++b) {
        for (int t = 0; t < positions; ++t) {
            const int64_t i = int64_t(b) * positions + t;
            const int32_t id = tokens[i];
            if (id < 0) continue;
            const bool learns = counts(i);
            if (rows.some && learns) rows.wanted.push_back(int(pair.size()));
            pair.push_back(t * ids + (shape.pairs ? int64_t(trained[id / shape.d_vocab]) * shape.d_vocab + trained[id % shape.d_vocab] : trained[id]));
            rows.target.push_back(!learns ? -1 : follows ? trained[targets[i]] : targets[i]);
            if (weights) weight.push_back(learns ? weights[i] / largest : 0);
            rows.n_targets += learns;
        }
        rows.sequence_start.push_back(int(pair.size()));
        rows.wanted_start.push_back(int(rows.wanted.size()));
    }
    rows.row_itself.resize(pair.size());
    std::iota(rows.row_itself.begin(), rows.row_itself.end(), 0);
    find_inputs(rows);
    find_first(rows);
    find_asking(rows);

    const bool equal = std::all_of(weight.begin(), weight.end(), [](double w) { return w == 0 || w == 1; });
    if (equal) return;
    double sum = 0;
    for (const double w : weight) sum += w;
    for (const double w : weight) rows.share.push_back(w / sum);
}

// By position, and there by token: by a table of all that there could be, or where that is large for so few rows, by sorting.
void RowMaker::find_inputs(Rows& rows) {
    for (auto* all : {&rows.input_token, &rows.input_position, &rows.input_of_row, &rows.before}) all->clear();
    const auto add = [&](int64_t one) {
        rows.input_position.push_back(int(one / ids));
        rows.input_token.push_back(int(one % ids));
    };
    if (shape.n_layers == 0) {  // what is embedded is what is wanted, row by row
        for (int w = 0; w < rows.n_wanted(); ++w) add(pair[rows.row(w)]);
        return;
    }
    const int64_t possible = rows.positions * ids;
    const bool table = possible <= 16 * int64_t(pair.size()) + 4096;
    distinct.clear();
    if (table) {
        number.assign(possible, -1);
        for (const int64_t one : pair) number[one] = 0;
        for (int64_t one = 0; one < possible; ++one) {
            if (number[one] < 0) continue;
            number[one] = int(rows.input_token.size());
            add(one);
        }
    } else {
        distinct = pair;
        std::make_heap(distinct.begin(), distinct.end());  // std::sort's code is ten times as long, and travels with the module
        std::sort_heap(distinct.begin(), distinct.end());
        distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
        for (const int64_t one : distinct) add(one);
    }
    std::vector<int>& had = marks;
    had.assign(rows.input_token.size(), 0);
    for (const int64_t one : pair) {
        const int input = table ? number[one] : int(std::lower_bound(distinct.begin(), distinct.end(), one) - distinct.begin());
        rows.input_of_row.push_back(input);
        rows.before.push_back(had[input]);
        had[input] = input + 1;
    }
}

// Which inputs are the first ones with their tokens and positions, and what none of them has.
void RowMaker::find_first(Rows& rows) {
    std::vector<int>& had = marks;
    had.assign(shape.d_vocab + shape.n_ctx, 0);
    const auto is_first = [&](int64_t of) { return !std::exchange(had[of], 1); };
    rows.first.clear();
    for (size_t u = 0; u < rows.input_token.size(); ++u) {
        const int id = rows.input_token[u];
        int first = 0;
        if (is_first(shape.pairs ? id / shape.d_vocab : id)) first |= Rows::first_of_token;
        if (shape.pairs && is_first(id % shape.d_vocab)) first |= Rows::first_of_second;
        if (is_first(shape.d_vocab + rows.input_position[u])) first |= Rows::first_of_position;
        rows.first.push_back(uint8_t(first));
    }
    rows.absent_tokens.clear(), rows.absent_positions.clear();
    for (int token = 0; token < shape.d_vocab; ++token)
        if (!had[token]) rows.absent_tokens.push_back(token);
    for (int position = 0; position < shape.n_ctx; ++position)
        if (!had[shape.d_vocab + position]) rows.absent_positions.push_back(position);
}

// What the rows that are wanted ask from, in the last layer: each distinct input once, in their order.
void RowMaker::find_asking(Rows& rows) {
    for (auto* all : {&rows.asks, &rows.ask_map, &rows.below}) all->clear();
    if (!rows.some || shape.n_layers == 0) return;
    if (shape.n_layers > 1) {
        rows.asks = rows.below = rows.wanted;
        rows.ask_map.assign(rows.row_itself.begin(), rows.row_itself.begin() + rows.n_wanted());
        return;
    }
    std::vector<int>& had = marks;
    had.assign(rows.input_token.size(), 0);
    for (const int row : rows.wanted) {
        const int input = rows.input_of_row[row];
        if (!had[input]) {
            rows.asks.push_back(input);
            had[input] = int(rows.asks.size());
        }
        rows.ask_map.push_back(had[input] - 1);
        rows.below.push_back(input);
    }
}

Rows rows_of(const hl_shape& shape, const hl_batch& batch, const std::vector<int32_t>& order) {
    Rows rows;
    RowMaker(shape, order).make(rows, batch.tokens, batch.targets, batch.weights, batch.n_sequences, shape.n_ctx, false);
    return rows;
}

}  // namespace headlab
