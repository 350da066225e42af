#include "recipe.hpp"

#include <algorithm>

namespace headlab {

int slots_of(const hl_phase& phase) {
    switch (phase.optimizer) {
        case HL_SGD: return phase.momentum > 0 ? 1 : 0;
        case HL_RMSPROP: return 1 + (phase.centered ? 1 : 0) + (phase.momentum > 0 ? 1 : 0);
        default: return 2;
    }
}

bool goes_on(const hl_phase& phase, const hl_phase& before) {
    return !phase.reset && phase.optimizer == before.optimizer && (phase.momentum > 0) == (before.momentum > 0) && !phase.centered == !before.centered;
}

Recipe::Recipe(const hl_recipe& given)
    : phases(given.phases, given.phases + given.n_phases),
      optimizer_step(given.optimizer_step),
      recorded(given.recorded, given.recorded + given.n_recorded),
      snapshots(given.snapshots, given.snapshots + given.n_snapshots),
      held_out(given.held_out) {}

bool Recipe::fed() const {
    return std::any_of(phases.begin(), phases.end(), [](const hl_phase& phase) { return phase.n_sequences > 0; });
}

int64_t Recipe::steps() const {
    int64_t total = 0;
    for (const hl_phase& phase : phases) total += phase.steps;
    return total;
}

int Recipe::most_slots() const {
    int most = 0;
    for (const hl_phase& phase : phases) most = std::max(most, slots_of(phase));
    return most;
}

std::size_t Recipe::first_lasting() const {
    size_t first = phases.size() - 1;
    while (first > 0 && goes_on(phases[first], phases[first - 1])) --first;
    return first;
}

std::vector<Moving> moving(const hl_phase& phase, const Places& places) {
    std::vector<Moving> found;
    for (int w = 0; w < HL_WEIGHTS; ++w) {
        const Range& weight = places.of[w];
        if (phase.frozen >> w & 1 || weight.size() == 0) continue;
        const bool shrinks = !(phase.spared >> w & 1);
        if (found.empty() || found.back().range.to != weight.from || found.back().shrinks != shrinks)
            found.push_back({{weight.from, weight.from}, shrinks});
        found.back().range.to = weight.to;
    }
    return found;
}

int narrow_width(const hl_shape& shape, const std::vector<hl_phase>& phases) {
    if (shape.factored_values || shape.biases || shape.relative || shape.d_head <= 2 * shape.d_model) return 0;
    for (const hl_phase& phase : phases)
        if (phase.optimizer != HL_SGD || phase.frozen & (1u << HL_W_Q | 1u << HL_W_K)) return 0;
    return 2 * shape.d_model;
}

}  // namespace headlab
