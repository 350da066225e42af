// Token ids to the rows that a model works on, and the distinct inputs of its first layer.
#pragma once

#include <cstdint>
#include <vector>

#include "shape.hpp"

namespace headlab {

// The caller's id of each token as it is trained: in the order in which tokens first appear in the batch, then in its targets;
// those that never appear come last, by their ids.
std::vector<int32_t> order_of(const hl_shape& shape, const hl_batch& batch);

// How large a batch is: its rows, distinct inputs, the rows that are wanted behind the last layer's heads, and where not
// all of them are, the last layer's inputs that these ask from.
struct Sizes {
    int sequences = 0, positions = 0, rows = 0, inputs = 0, wanted = 0, asking = 0;
};
// Of the largest batch of so many sequences and positions.
Sizes most_sizes(const hl_shape& shape, int sequences, int positions);

// What a layer's heads read and write. Where all of it is wanted, a row is written for each row, and what it asks from is its input.
struct Reading {
    int inputs, asking, written;
    const int *map, *before;          // of each row: its input; 1 + that where an earlier row has it too, or 0
    const int *asks;                  // the inputs that ask; null: all of them
    const int *ask_map, *below;       // of each row that is written: its number among those that ask; its input
    bool shared;                      // several rows have one input
    bool some() const { return !attention_alone && asks; }  // ask
};

// A row is one (sequence, position); padding has none. Row r of sequence b is at sequence_start[b] + position. Two rows with the
// same (token, position) embed alike, so the first layer works on the distinct inputs: input_of_row maps a row to its input.
// Behind the last layer's heads only rows that are wanted go on: all of them, or those with a target.
// Tokens, or pairs of them, are numbered as they are trained.
struct Rows {
    enum : uint8_t { first_of_token = 1, first_of_second = 2, first_of_position = 4 };

    std::vector<int> sequence_start, target;                 // target: -1 where a row has none, or has no weight
    std::vector<int> input_token, input_position, input_of_row, before, row_itself;
    std::vector<uint8_t> first;                              // of an input: whether it is the first with its token (of a pair's) or position
    std::vector<int> absent_tokens, absent_positions;        // which no input has
    std::vector<int> wanted, wanted_start, asks, ask_map, below;  // where not all rows are wanted; see Reading
    std::vector<double> share;  // of the loss, a row's weight over the sum of all; empty where the rows with a target are equal
    int n_targets = 0, n_layers = 0, positions = 0;
#if defined(HEADLAB_ATTENTION_ALONE)
    static constexpr bool some = false;
#else
    bool some = false;  // not all rows are wanted
#endif

    int rows() const { return sequence_start.back(); }
    int sequences() const { return int(sequence_start.size()) - 1; }
    int length(int sequence) const { return sequence_start[sequence + 1] - sequence_start[sequence]; }
    int inputs(int layer) const { return layer == 0 ? int(input_token.size()) : rows(); }
    int n_wanted() const { return some ? int(wanted.size()) : rows(); }
    int row(int of_wanted) const { return some ? wanted[of_wanted] : of_wanted; }
    int written(int layer) const { return layer + 1 == n_layers ? n_wanted() : rows(); }
    Reading of_layer(int layer) const;
    Sizes sizes() const;
};

// Makes rows of one batch after the other; what it needs for that, it keeps.
class RowMaker {
  public:
    RowMaker(const hl_shape& shape, const std::vector<int32_t>& order);

    // ids [sequence, position]; some: only rows with a target are wanted.
    void make(Rows& rows, const int32_t* tokens, const int32_t* targets, const double* weights, int sequences, int positions, bool some);

  private:
    void find_inputs(Rows& rows);
    void find_first(Rows& rows);
    void find_asking(Rows& rows);

    const hl_shape shape;
    const int64_t ids;            // of tokens, or of pairs
    const bool follows;           // targets are numbered as tokens are
    std::vector<int> trained;     // of each token of the caller's
    std::vector<int64_t> pair;    // each row's position and id, as one number
    std::vector<int> number;      // of the inputs, by that number
    std::vector<int64_t> distinct;
    std::vector<int> marks;
    std::vector<double> weight;
};
Rows rows_of(const hl_shape& shape, const hl_batch& batch, const std::vector<int32_t>& order);

}  // namespace headlab
