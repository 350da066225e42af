// A training's phases: what each remembers, which weights it moves, and how wide heads are trained in it.
#pragma once

#include <cstddef>
#include <vector>

#include "weights.hpp"

namespace headlab {

int slots_of(const hl_phase& phase);  // how many numbers its optimiser remembers of each weight
// Whether what the optimiser of the phase before remembers means the same here; if not, it starts afresh.
bool goes_on(const hl_phase& phase, const hl_phase& before);

struct Recipe {
    explicit Recipe(const hl_recipe& given);

    std::vector<hl_phase> phases;  // one at least
    int64_t optimizer_step;        // steps that the state of the first phase has already seen
    std::vector<int64_t> recorded, snapshots;
    hl_held_out held_out;  // the caller's, who keeps its arrays until the training has begun

    int64_t steps() const;
    bool fed() const;  // whether steps bring their batches along
    int most_slots() const;
    std::size_t first_lasting() const;  // the first phase whose optimiser's state lasts to the end
};

// Where the weights stand that move in a phase: all but the frozen ones, neighbours joined that shrink alike.
struct Moving {
    Range range;
    bool shrinks;
};
std::vector<Moving> moving(const hl_phase& phase, const Places& places);

// Under SGD (W_Q, W_K) of a head may be turned by one orthogonal matrix, so that heads wider than 2 d_model are trained in that
// width: see rotation.hpp. Not where they are factored with the values, where keys and queries have
// biases or distances, or where one of the two is frozen alone. 0: in their own width.
int narrow_width(const hl_shape& shape, const std::vector<hl_phase>& phases);

}  // namespace headlab
