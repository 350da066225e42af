// Batches that steps bring along: fed by the host while workers train, made into rows here, and dropped when they are past.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "recipe.hpp"
#include "rows.hpp"

namespace headlab {

// The largest batches of a recipe's phases and of what is held out.
std::vector<Sizes> fed_sizes(const hl_shape& shape, const Recipe& recipe);

// Rows like those of most steps: of batches as large as theirs, with tokens and targets where the problem's own batch has them.
Rows usual_rows(const hl_problem& problem, const hl_shape& shape, const Recipe& recipe);

// Whoever calls the functions of a training calls these; workers only read what `from` gave them.
class Feed {
  public:
    Feed(const hl_shape& shape, const std::vector<int32_t>& order, const Recipe& recipe);

    // The phase whose steps are to be fed next, and how many of them there are; null: there are none.
    const hl_phase* next(int64_t* n_steps) const;
    void add(int64_t n_steps, const int32_t* tokens, const int32_t* targets);  // of that phase
    int64_t until() const { return cursor; }  // how far may be advanced
    // The rows of the steps from one to another that were fed, in their order; those before are dropped.
    std::vector<const Rows*> between(int64_t from, int64_t to);

  private:
    void skip();                           // phases that need not be fed
    int64_t fed_before(int64_t step) const;  // how many steps need to be

    const Recipe& recipe;
    RowMaker maker;
    std::deque<std::unique_ptr<Rows>> rows;
    std::vector<std::unique_ptr<Rows>> spare;
    int64_t dropped = 0, cursor = 0;
};

// What is held out: pieces of it, with how much of the whole loss each is.
struct HeldOut {
    HeldOut(const hl_shape& shape, const std::vector<int32_t>& order, const hl_held_out& given);

    hl_held_out of;
    std::vector<Rows> pieces;
    std::vector<int64_t> evaluated;  // steps, ascending
    int64_t targets = 0, sequences = 0;  // sequences: that have a target
};

}  // namespace headlab
