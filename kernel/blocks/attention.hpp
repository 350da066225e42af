// A layer of attention heads: scores, patterns, values, and their gradients.
//
// An input is a row of the stream below; X is what heads read, the stream or its norm. `map` gives the input of each (sequence, position).
//   left  = X W_QK (folded) or X W_Q + b_Q      right = X (folded) or X W_K + b_K
//   score[t][s] = scale · left[t] · right[s]    pattern = softmax over the allowed s; relative: right[s] + W_R[t - s]
//   value = X W_V + b_V, or X                   z[t] = sum_s pattern[t][s] value[s]
//   out[t] = stream[t] (with the residual) + sum over heads of z[t], or of z[t] W_O, + b_O
// A head takes value, left and (unfolded) key from its input in one product: X [W_V | W_QK] or X [W_V | W_Q | W_K]. Where only some rows
// are wanted behind the last layer, there is a left, a pattern, a z of these alone; values and keys are of all inputs.
#pragma once

#include <optional>

#include "norm.hpp"

namespace headlab::HEADLAB_ISA {

template <class E> void softmax_row(E* row, int n, int n_all, Real<E> scale) {
    using T = Real<E>;
    const E top = largest_of(row, n);
    each_but_filling<E>(n, [&](auto at) { at.set(row, exp_nonpositive<T>((at(row) - top) * scale)); });
    const E inverse = T(1) / sum_of(row, n);
    each_but_filling<E>(n, [&](auto at) { at.set(row, at(row) * inverse); });
    if (n < n_all) clear_row(row + row_size<E>(n), n_all - row_size<E>(n));
}

// d score = scale · pattern · (d pattern - sum over the row of pattern · d pattern); d_row becomes d score.
template <class E> void softmax_row_backward(const E* row, E* d_row, int n, int n_all, Real<E> scale) {
    E mean{};
    for (int s = 0; s < n; ++s) mean += row[s] * d_row[s];
    each_but_filling<E>(n, [&](auto at) { at.set(d_row, at(row) * (at(d_row) - mean) * scale); });
    if (n < n_all) clear_row(d_row + row_size<E>(n), n_all - row_size<E>(n));
}

// From one row of z of all heads to the next: alone, a head's last vector reaches into what the next head writes after it.
template <class E> int row_of_z(const hl_shape& shape) { return row_size<E>((shape.n_heads - 1) * shape.d_head + row_size<E>(shape.d_head)); }

// What a layer's heads take from an input, one after the other: value, left and, unfolded, key.
template <class E> struct TakenWidth {
    TakenWidth(const hl_shape& shape, bool fold)
        : value(shape.stream_values ? 0 : int(size_of(shape, Axis::value))), left(fold ? shape.d_model : shape.d_head), key(fold ? 0 : shape.d_head),
          all(row_size<E>(value) + row_size<E>(left) + row_size<E>(key)) {}
    int value, left, key, all;
};

// The most that a layer takes in any batch, for so many rows. Of batches that are fed, smaller ones may fold where the largest does not, or
// the other way round.
template <class E, class Count> int64_t most_taken(const Plan& plan, int layer, const Count& rows) {
    const bool fed = plan.batches.size() > 1;
    const int widest = std::max(TakenWidth<E>(plan.shape, false).all, TakenWidth<E>(plan.shape, true).all);
    return plan.most([&](const Sizes& of) {
        return int64_t(rows(of)) * (fed ? widest : TakenWidth<E>(plan.shape, folds(plan.shape, of.sequences, of.positions, layer)).all);
    });
}

// What the backward passes of all layers work on, one after the other.
template <class E> struct AttentionScratch {
    AttentionScratch(const Plan& plan, Arena<E>& arena) {
        const hl_shape& shape = plan.shape;
        const int64_t rows = plan.most([](const Sizes& of) { return of.rows; }), inputs = plan.most([](const Sizes& of) { return std::max(of.rows, of.inputs); }),
                      scores = plan.most([](const Sizes& of) { return int64_t(of.positions) * row_size<E>(of.positions); }), d = row_size<E>(shape.d_model);
        int64_t taken = 0, width = 0;
        for (int l = 0; l < shape.n_layers; ++l) {
            taken = std::max(taken, most_taken<E>(plan, l, [&](const Sizes& of) { return l == 0 ? of.inputs : of.rows; }));
            width = std::max(width, most_taken<E>(plan, l, [](const Sizes&) { return 1; }));
        }
        const int64_t before = std::max(width, d);
        zeros = arena.take(before + taken);
        d_taken = zeros + before;
        d_W = arena.take(shape.d_model * width);
        d_pattern = arena.take(scores);
        d_z = arena.take(shape.factored_values ? rows * row_of_z<E>(shape) : 0);
        by_distance = arena.take(shape.relative ? scores : 0);
        asking = arena.take(plan.most([](const Sizes& of) { return of.asking; }) * d);
        d_read = arena.take(shape.norm && !shape.norm_after ? inputs * d : 0);
        for (int i = shape.n_ctx; i-- > 0;) backwards.push_back(i);
    }
    E *zeros, *d_taken, *d_W, *d_pattern, *d_z, *by_distance, *asking, *d_read;  // zeros: a row of anything, right before d_taken
    std::vector<int> backwards;                                                  // positions, the last one first
};

template <class E> class Attention final : public Block<E> {
    using T = Real<E>;

  public:
    Attention(const Plan& plan, int layer, Arena<E>& arena, const AttentionScratch<E>& scratch)
        : plan(plan), layer(layer), d(plan.shape.d_model), h(plan.shape.d_head), v(plan.value_width()), factored(plan.shape.factored_values),
          all_z(plan.shape.n_heads * h), most(plan.most([&](const Sizes& of) { return layer + 1 == plan.shape.n_layers ? of.wanted : of.rows; })),
          scratch(scratch), z(arena.take(factored ? most * row_of_z<E>(plan.shape) : 0)) {
        const auto inputs_of = [&](const Sizes& of) { return layer == 0 ? of.inputs : of.rows; };
        const int64_t patterns = most * row_size<E>(int(plan.most([](const Sizes& of) { return of.positions; })));
        for (int k = 0; k < plan.shape.n_heads; ++k)
            heads.push_back({arena.take(most_taken<E>(plan, layer, [&](const Sizes&) { return d + (plan.shape.biases ? 1 : 0); })), arena.take(most_taken<E>(plan, layer, inputs_of)),
                             arena.take(patterns)});
        if (!plan.shape.norm || plan.shape.norm_after) return;
        const int64_t inputs = plan.most(inputs_of);
        norm.emplace(plan, HL_LN1_W, HL_LN1_B, layer, inputs, arena);
        normed = arena.take(inputs * row_size<E>(d));
    }

    int64_t size() const override { return most * row_size<E>(d); }

    void forward(const Rows& rows, const E* weights, const E* in, E* out) override {
        step = {rows.of_layer(layer), &rows, folding(rows)};
        pass([&](const auto& on) { forward(on, weights, out); }, in);
    }

    void backward(const Rows&, const E* weights, const E* in, const E* d_out, E* gradient, E* d_in) override {
        pass([&](const auto& on) { backward(on, weights, in, d_out, gradient, d_in); }, in);
    }

  private:
    struct Head {  // what the forward pass leaves for the backward pass; W: with a row more, of biases, where there are any
        E *W, *taken, *pattern;
    };
    template <class V> struct Weights {
        MatrixOf<V> Q, K, V_, R;
        V *b_Q, *b_K, *b_V;
    };
    template <class V> Weights<V> of_head(V* base, int k) const {
        const int64_t head = int64_t(layer) * plan.shape.n_heads + k, qk = head * d * row_size<E>(h), b = head * row_size<E>(h);
        return {matrix(base + plan.at[HL_W_Q] + qk, d, h), matrix(base + plan.at[HL_W_K] + qk, d, h),
                matrix(base + plan.at[HL_W_V] + head * d * row_size<E>(v), d, v), matrix(base + plan.at[HL_W_R] + b * plan.shape.n_ctx, plan.shape.n_ctx, h),
                base + plan.at[HL_B_Q] + b, base + plan.at[HL_B_K] + b, base + plan.at[HL_B_V] + head * row_size<E>(v)};
    }
    // Of all heads, one below the other, as their z stand side by side.
    template <class V> MatrixOf<V> W_O(V* base) const { return matrix(base + plan.at[HL_W_O] + int64_t(layer) * all_z * row_size<E>(d), all_z, d); }
    template <class V> V* b_O(V* base) const { return base + plan.at[HL_B_O] + int64_t(layer) * row_size<E>(d); }

    // What a step works on, and both of its passes.
    struct Step : Reading {
        const Rows* rows;
        bool fold;
    };
    bool folding(const Rows& rows) {
        if (rows.sequences() != sizes.sequences || rows.positions != sizes.positions) {
            sizes.sequences = rows.sequences(), sizes.positions = rows.positions;
            sizes_fold = folds(plan.shape, sizes.sequences, sizes.positions, layer);
        }
        return sizes_fold;
    }

    // A pass. Usual: all rows are wanted, and heads have neither biases, distances, norms nor values of the stream; what only others
    // need is not in its code.
    template <bool usual> struct Pass : Step {
        Pass(const Attention& of, const E* in)
            : Step(of.step), shape(of.plan.shape), width(shape, this->fold), c(row_size<E>(this->rows->positions)), stream(matrix(in, this->inputs, of.d)),
              X(norm() ? matrix<const E>(of.normed, this->inputs, of.d) : stream) {}
        const Shape& shape;
        const TakenWidth<E> width;
        const int c;             // from one row of a pattern to the next
        const Input<E> stream, X;
        bool some() const { return !usual && Reading::some(); }
        bool biases() const { return !usual && shape.biases; }
        bool relative() const { return !usual && shape.relative; }
        bool values() const { return usual || !shape.stream_values; }
        bool norm() const { return !usual && shape.norm && !shape.norm_after; }
    };
    template <class Work> void pass(const Work& work, const E* in) {
        if constexpr (!attention_alone) {
            const Shape& shape = plan.shape;
            if (step.some() || shape.biases || shape.relative || shape.stream_values || norm) return work(Pass<false>(*this, in));
        }
        work(Pass<true>(*this, in));
    }

    template <bool usual> void forward(const Pass<usual>& on, const E* weights, E* out) {
        if (on.norm()) norm->forward(on.inputs, weights, on.stream.data, normed);
        if (on.some()) copy(matrix(scratch.asking, on.asking, d), on.X.gathered(on.asks, on.asking));
        const Matrix<E> above = matrix(out, on.written, d);
        for (int k = 0; k < plan.shape.n_heads; ++k) head_forward(on, of_head(weights, k), k, out);
        if (factored) product(above, plan.shape.residual ? on.stream.gathered(on.below, on.written) : nothing<E>(), matrix(z, on.written, all_z, row_of_z<E>(plan.shape)), W_O(weights));
        if (on.biases())
            for (int r = 0; r < on.written; ++r) add_rows(above.at(r), above.at(r), b_O(weights), d);
    }

    template <bool usual> void backward(const Pass<usual>& on, const E* weights, const E* in, const E* d_out, E* gradient, E* d_in) {
        const Input<E> d_above = matrix(d_out, on.written, d);
        if (factored) {  // d z = d out W_Oᵀ,  d W_O = zᵀ d out
            set_product(matrix(scratch.d_z, on.written, all_z, row_of_z<E>(plan.shape)), d_above, W_O(weights).transposed());
            set_product(W_O(gradient), matrix(z, on.written, all_z, row_of_z<E>(plan.shape)).transposed(), d_above);
        }
        if (on.biases()) sum_rows(b_O(gradient), d_above);
        if (on.some()) copy(matrix(scratch.asking, on.asking, d), on.X.gathered(on.asks, on.asking));
        const int64_t all = int64_t(on.inputs) * row_size<E>(d);
        if (!plan.shape.residual || on.some()) std::fill_n(d_in, all, E{});
        const int rows = plan.shape.residual ? on.written : 0;
        for (int r = 0; r < rows; ++r) {
            E* const to = d_in + int64_t(on.below[r]) * row_size<E>(d);
            add_rows(to, on.some() || (on.shared && on.before[r]) ? to : scratch.zeros, d_above.at(r), d);
        }
        E* const d_read = on.norm() ? scratch.d_read : d_in;
        if (on.norm()) std::fill_n(d_read, all, E{});
        for (int k = 0; k < plan.shape.n_heads; ++k) head_backward(on, of_head(weights, k), k, d_out, of_head(gradient, k), matrix(d_read, on.inputs, d));
        if (on.norm()) norm->backward(on.inputs, weights, in, d_read, gradient, d_in);
    }

    // Side by side: what a head takes from an input, or the weights that it takes it with.
    template <class V> struct Taken {
        MatrixOf<V> all, value, left, key;
    };
    template <class V, bool usual> Taken<V> taken(const Pass<usual>& on, V* data, int n_rows) const {
        const TakenWidth<E>& width = on.width;
        const MatrixOf<V> all = matrix(data, n_rows, width.all, width.all);
        const int left = row_size<E>(width.value), key = left + row_size<E>(width.left);
        return {all, all.columns(0, width.value), all.columns(left, width.left), all.columns(key, width.key)};
    }

    // A sequence: its keys, and the rows of it that are written, which query.
    struct Sequence {
        int length, asked, queries;      // asked: the first of these
        const int *map, *before, *ask_map, *below;
        const int* row;                  // of each query, in the batch; null: one of each position
        int first;                       // row of the sequence
        E* pattern;
        int position(int query) const { return row ? row[query] - first : query; }
    };
    template <bool usual> Sequence sequence(const Pass<usual>& on, int b, const Head& head) const {
        const Rows& rows = *on.rows;
        const int first = rows.sequence_start[b], asked = on.some() ? rows.wanted_start[b] : first, length = rows.length(b);
        return {length, asked, on.some() ? rows.wanted_start[b + 1] - asked : length, on.map + first, on.before + first, on.ask_map + asked, on.below + asked,
                on.some() ? rows.wanted.data() + asked : nullptr, first, head.pattern + int64_t(asked) * on.c};
    }
    // A head's z of one sequence, or where there is no W_O its part of the stream; and the same of their gradients.
    template <class V> MatrixOf<V> mixed(V* z, V* stream, int k, const Sequence& s) const {
        const int z_row = row_of_z<E>(plan.shape), d_row = row_size<E>(d);
        return factored ? matrix(z + int64_t(s.asked) * z_row + k * h, s.queries, h, z_row) : matrix(stream + int64_t(s.asked) * d_row, s.queries, d);
    }
    int seen(const Sequence& s, int query) const { return plan.shape.causal ? s.position(query) + 1 : s.length; }
    Region where(const Sequence& s, Region causal) const { return plan.shape.causal && !s.row ? causal : Region::full; }

    // Of each distance the vector that stands for it, the farthest first: of the query at t, distance t - s is column length - 1 - t + s.
    template <class V> MatrixOf<V> distances(MatrixOf<V> R, int length) const {
        return R.gathered(scratch.backwards.data() + (plan.shape.n_ctx - length), length);
    }
    int nearest(const Sequence& s, int query) const { return s.length - 1 - s.position(query); }

    template <bool usual> void head_forward(const Pass<usual>& on, const Weights<const E>& W, int k, E* out) {
        const Head& head = heads[k];
        const Taken<E> with = taken(on, head.W, d);
        const bool biases = on.biases(), values = on.values();
        if (values) copy(with.value, W.V_);
        if (on.fold) {
            set_product(with.left, W.Q, W.K.transposed());
        } else {
            copy(with.left, W.Q);
            copy(with.key, W.K);
        }
        const Taken<E> bias = taken(on, head.W + int64_t(d) * on.width.all, 1);  // a row more
        if (biases) {
            if (values) copy(bias.value, matrix(W.b_V, 1, v));
            copy(bias.left, matrix(W.b_Q, 1, h));
            copy(bias.key, matrix(W.b_K, 1, h));
        }
        const Taken<E> of = taken(on, head.taken, on.inputs);
        const auto take = [&](Matrix<E> to, Input<E> from, Matrix<E> by, Matrix<E> start) {
            product(to, every_row<E>(biases ? start.data : nullptr, to.rows, to.cols), from, by);
        };
        if (on.some()) {
            if (values) take(of.value, on.X, with.value, bias.value);
            if (!on.fold) take(of.key, on.X, with.key, bias.key);
            take(taken(on, head.taken, on.asking).left, matrix(scratch.asking, on.asking, d), with.left, bias.left);
        } else {
            take(of.all, on.X, with.all, bias.all);
        }
        const Input<E> right = on.fold ? on.X : of.key, value = values ? Input<E>(of.value) : on.X;
        for (int b = 0; b < on.rows->sequences(); ++b) {
            const Sequence s = sequence(on, b, head);
            if (s.queries == 0) continue;
            const Matrix<E> pattern = matrix(s.pattern, s.queries, s.length, on.c);
            const Input<E> left = Input<E>(of.left).gathered(s.ask_map, s.queries);
            set_product(pattern, left, right.gathered(s.map, s.length).transposed(), where(s, Region::lower_out));
            if (on.relative()) add_distances(s, left, W.R, pattern);
            for (int t = 0; t < s.queries; ++t) softmax_row(s.pattern + t * on.c, seen(s, t), s.length, T(plan.scale));
            const Matrix<E> to = mixed(z, out, k, s);
            const Input<E> before = k > 0 ? Input<E>(to) : on.stream.gathered(s.below, s.queries);
            const Input<E> start = factored || (k == 0 && !plan.shape.residual) ? nothing<E>() : before;
            product(to, start, pattern, value.gathered(s.map, s.length), where(s, Region::lower_sum));
        }
    }

    // score[t][s] += left[t] · W_R[t - s]
    void add_distances(const Sequence& s, Input<E> left, Input<E> R, Matrix<E> scores) {
        const Matrix<E> by_distance = matrix(scratch.by_distance, s.queries, s.length, scores.row);
        set_product(by_distance, left, distances(R, s.length).transposed());
        for (int t = 0; t < s.queries; ++t) add_rows(scores.at(t), scores.at(t), by_distance.at(t) + nearest(s, t), seen(s, t));
    }

    // d left[t] += sum_s d score[t][s] W_R[t - s],  d W_R[t - s] += d score[t][s] left[t]
    void add_distances_backward(const Sequence& s, Input<E> left, Input<E> R, Input<E> d_scores, Matrix<E> d_left, Matrix<E> d_R) {
        const Matrix<E> by_distance = matrix(scratch.by_distance, s.queries, s.length, d_scores.row);
        for (int t = 0; t < s.queries; ++t) {
            const E* from = d_scores.at(t);
            E* const to = by_distance.at(t) + nearest(s, t);
            clear_row(by_distance.at(t), s.length);
            each_but_filling<E>(seen(s, t), [&](auto at) { at.set(to, at(from)); });
        }
        add_product(d_left, by_distance, distances(R, s.length));
        add_product(distances(d_R, s.length), by_distance.transposed(), left);
    }

    template <bool usual> void head_backward(const Pass<usual>& on, const Weights<const E>& W, int k, const E* d_out, const Weights<E>& dW, Matrix<E> dX) {
        const Head& head = heads[k];
        const bool values = on.values();
        const Taken<const E> of = taken<const E>(on, head.taken, on.inputs);
        const Taken<E> d_of = taken(on, scratch.d_taken, on.inputs);
        const Input<E> right = on.fold ? on.X : of.key, value = values ? of.value : on.X;
        if (on.some()) std::fill_n(scratch.d_taken, int64_t(on.inputs) * on.width.all, E{});
        if (on.relative()) std::fill_n(dW.R.data, int64_t(dW.R.rows) * dW.R.row, E{});
        // Sums go on from what an earlier sequence with the same input has written; all begin with zero.
        const auto put = [&](Matrix<E> C, const int* map, const Sequence& s, int n, Input<E> A, Input<E> B, Region region) {
            Input<E> had = C;
            had.data -= on.width.all;
            const Matrix<E> to = C.gathered(map, n);
            product(to, on.some() ? Input<E>(to) : on.shared ? had.gathered(s.before, n) : nothing<E>(), A, B, region);
        };
        for (int b = 0; b < on.rows->sequences(); ++b) {
            const Sequence s = sequence(on, b, head);
            if (s.queries == 0) continue;
            const int length = s.length;
            const Input<E> pattern = matrix(s.pattern, s.queries, length, on.c), d_mixed = mixed<const E>(scratch.d_z, d_out, k, s);
            const Matrix<E> d_pattern = matrix(scratch.d_pattern, s.queries, length, on.c);
            const Input<E> left = of.left.gathered(s.ask_map, s.queries);
            // d value[s] += sum_t pattern[t][s] d z[t],  d pattern[t][s] = d z[t] · value[s]
            if (values)
                put(d_of.value, s.map, s, length, pattern.transposed(), d_mixed, where(s, Region::upper_sum));
            else
                add_product(dX.gathered(s.map, length), pattern.transposed(), d_mixed, where(s, Region::upper_sum));
            set_product(d_pattern, d_mixed, value.gathered(s.map, length).transposed(), where(s, Region::lower_out));
            for (int t = 0; t < s.queries; ++t)
                softmax_row_backward(s.pattern + t * on.c, scratch.d_pattern + t * on.c, seen(s, t), length, T(plan.scale));
            // d left[t] += sum_s d score[t][s] right[s],  d right[s] += sum_t d score[t][s] left[t]
            put(d_of.left, s.ask_map, s, s.queries, d_pattern, right.gathered(s.map, length), where(s, Region::lower_sum));
            if (on.relative()) add_distances_backward(s, left, W.R, d_pattern, d_of.left.gathered(s.ask_map, s.queries), dW.R);
            if (on.fold)
                add_product(dX.gathered(s.map, length), d_pattern.transposed(), left, where(s, Region::upper_sum));
            else
                put(d_of.key, s.map, s, length, d_pattern.transposed(), left, where(s, Region::upper_sum));
        }
        pass_on(on, head, d_of, dX);
        const Taken<E> d_with = taken(on, scratch.d_W, d);
        if (values) copy<E>(dW.V_, d_with.value);
        if (on.fold) {  // d W_Q = d W_QK W_K,  d W_K = d W_QKᵀ W_Q
            set_product(dW.Q, d_with.left, W.K);
            set_product(dW.K, d_with.left.transposed(), W.Q);
        } else {
            copy<E>(dW.Q, d_with.left);
            copy<E>(dW.K, d_with.key);
        }
        if (!on.biases()) return;
        if (values) sum_rows(dW.b_V, d_of.value);
        sum_rows(dW.b_Q, taken(on, scratch.d_taken, on.asking).left);
        sum_rows(dW.b_K, d_of.key);
    }

    // d X += d taken Wᵀ,  d W = Xᵀ d taken
    template <bool usual> void pass_on(const Pass<usual>& on, const Head& head, const Taken<E>& d_of, Matrix<E> dX) {
        const Taken<const E> with = taken<const E>(on, head.W, d);
        const Taken<E> d_with = taken(on, scratch.d_W, d);
        if (on.some()) {
            const Input<E> X = on.X, asking = matrix(scratch.asking, on.asking, d), d_left = taken(on, scratch.d_taken, on.asking).left;
            if (on.values()) add_product(dX, d_of.value, with.value.transposed());
            if (!on.fold) add_product(dX, d_of.key, with.key.transposed());
            add_product(dX.gathered(on.asks, on.asking), d_left, with.left.transposed());
            if (on.values()) set_product(d_with.value, X.transposed(), d_of.value);
            if (!on.fold) set_product(d_with.key, X.transposed(), d_of.key);
            return set_product(d_with.left, asking.transposed(), d_left);
        }
        if (on.width.all == on.width.value + on.width.left + on.width.key) {
            add_product(dX, d_of.all, with.all.transposed());
        } else {  // past what fills the rows up
            if (on.values()) add_product(dX, d_of.value, with.value.transposed());
            add_product(dX, d_of.left, with.left.transposed());
            if (!on.fold) add_product(dX, d_of.key, with.key.transposed());
        }
        set_product(d_with.all, on.X.transposed(), d_of.all);
    }

    const Plan& plan;
    const int layer, d, h, v;
    const bool factored;
    const int all_z;  // of z of all heads
    const int64_t most;  // rows that are written
    const AttentionScratch<E>& scratch;
    E* const z;
    std::vector<Head> heads;
    Step step{};
    Sizes sizes;  // of the last batch, and whether they fold
    bool sizes_fold = false;
    std::optional<Norm<E>> norm;  // of what is read
    E* normed = nullptr;
};

}  // namespace headlab::HEADLAB_ISA
