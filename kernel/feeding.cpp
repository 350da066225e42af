#include "feeding.hpp"

#include <algorithm>

namespace headlab {

std::vector<Sizes> fed_sizes(const hl_shape& shape, const Recipe& recipe) {
    std::vector<Sizes> found;
    if (attention_alone) return found;
    for (const hl_phase& phase : recipe.phases)
        if (phase.n_sequences > 0) found.push_back(most_sizes(shape, phase.n_sequences, phase.n_positions));
    const hl_held_out& held = recipe.held_out;
    if (held.n_sequences > 0) {  // in pieces; the last one, which is smaller, may fold otherwise
        found.push_back(most_sizes(shape, std::min(held.n_sequences, held.at_once), held.n_positions));
        found.push_back(most_sizes(shape, held.n_sequences % held.at_once, held.n_positions));
    }
    return found;
}

Rows usual_rows(const hl_problem& problem, const hl_shape& shape, const Recipe& recipe) {
    const hl_batch& batch = problem.batch;
    const std::vector<int32_t> order = order_of(shape, batch);
    const hl_phase* longest = nullptr;
    if (attention_alone) return rows_of(shape, batch, order);
    for (const hl_phase& phase : recipe.phases)
        if (phase.n_sequences > 0 && (!longest || phase.steps > longest->steps)) longest = &phase;
    if (!longest) return rows_of(shape, batch, order);
    std::vector<int32_t> tokens, targets;
    for (int b = 0; b < longest->n_sequences; ++b)
        for (int t = 0; t < longest->n_positions; ++t) {
            const int64_t like = int64_t(b % batch.n_sequences) * shape.n_ctx + std::min(t, shape.n_ctx - 1);
            tokens.push_back(batch.tokens[like] < 0 ? -1 : int32_t(int64_t(tokens.size()) * 7919 % ids_of(shape)));
            targets.push_back(batch.targets ? batch.targets[like] : -1);
        }
    Rows rows;
    RowMaker(shape, order).make(rows, tokens.data(), targets.data(), nullptr, longest->n_sequences, longest->n_positions, true);
    return rows;
}

Feed::Feed(const hl_shape& shape, const std::vector<int32_t>& order, const Recipe& recipe) : recipe(recipe), maker(shape, order) { skip(); }

const hl_phase* Feed::next(int64_t* n_steps) const {
    int64_t end = 0;
    for (const hl_phase& phase : recipe.phases) {
        end += phase.steps;
        *n_steps = end - cursor;
        if (cursor < end) return &phase;
    }
    return nullptr;
}

void Feed::skip() {
    int64_t rest = 0;
    for (const hl_phase* phase; (phase = next(&rest)) && phase->n_sequences == 0;) cursor += rest;
}

void Feed::add(int64_t n_steps, const int32_t* tokens, const int32_t* targets) {
    int64_t rest = 0;
    const hl_phase& phase = *next(&rest);
    const int64_t places = int64_t(phase.n_sequences) * phase.n_positions;
    for (int64_t step = 0; step < n_steps; ++step, ++cursor) {
        std::unique_ptr<Rows> made = spare.empty() ? std::make_unique<Rows>() : std::move(spare.back());
        if (!spare.empty()) spare.pop_back();
        maker.make(*made, tokens + step * places, targets + step * places, nullptr, phase.n_sequences, phase.n_positions, true);
        rows.push_back(std::move(made));
    }
    skip();
}

int64_t Feed::fed_before(int64_t step) const {
    int64_t start = 0, count = 0;
    for (const hl_phase& phase : recipe.phases) {
        if (phase.n_sequences > 0) count += std::clamp<int64_t>(step - start, 0, phase.steps);
        start += phase.steps;
    }
    return count;
}

std::vector<const Rows*> Feed::between(int64_t from, int64_t to) {
    const int64_t first = fed_before(from);
    for (; dropped < first; ++dropped) {
        spare.push_back(std::move(rows.front()));
        rows.pop_front();
    }
    std::vector<const Rows*> found;
    for (int64_t at = 0; at < fed_before(to) - first; ++at) found.push_back(rows[size_t(at)].get());
    return found;
}

HeldOut::HeldOut(const hl_shape& shape, const std::vector<int32_t>& order, const hl_held_out& given)
    : of(given), evaluated(given.steps, given.steps + given.n_steps) {
    RowMaker maker(shape, order);
    for (int from = 0; from < given.n_sequences; from += given.at_once) {
        const int n = std::min(given.at_once, given.n_sequences - from);
        const int64_t first = int64_t(from) * given.n_positions;
        pieces.emplace_back();
        maker.make(pieces.back(), given.tokens + first, given.targets + first, nullptr, n, given.n_positions, true);
        targets += pieces.back().n_targets;
        for (int64_t b = 0; b < n; ++b) {
            const int32_t* row = given.targets + first + b * given.n_positions;
            sequences += std::any_of(row, row + given.n_positions, [](int32_t target) { return target >= 0; });
        }
    }
}

}  // namespace headlab
