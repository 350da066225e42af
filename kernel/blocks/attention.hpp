// A layer of attention heads: scores, patterns, values, and their gradients.
//
// An input is a row of the stream X below; `map` gives the input of each (sequence, position).
//   left  = X W_QK (folded) or X W_Q            right = X (folded) or X W_K
//   score[t][s] = scale · left[t] · right[s]    pattern = softmax over the allowed s
//   value = X W_V                               z[t] = sum_s pattern[t][s] value[s]
//   out[t] = X[t] (with the residual) + sum over heads of z[t], or of z[t] W_O
// A head takes value, left and (unfolded) key from its input in one product: X [W_V | W_QK] or X [W_V | W_Q | W_K].
#pragma once

#include "../product.hpp"
#include "block.hpp"

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

// What the backward passes of all layers work on, one after the other.
template <class E> struct AttentionScratch {
    AttentionScratch(const Plan& plan, Arena<E>& arena) {
        const int d = plan.shape.d_model, h = plan.shape.d_head, c = plan.shape.n_ctx;
        const int64_t rows = plan.rows.rows(), n = std::max<int64_t>(rows, plan.rows.inputs(0));
        const int64_t width = row_size<E>(plan.value_width()) + std::max(row_size<E>(d), 2 * row_size<E>(h));
        const int64_t before = std::max<int64_t>(width, row_size<E>(d));
        zeros = arena.take(before + n * width);
        d_taken = zeros + before;
        d_W = arena.take(d * width);
        d_pattern = arena.take(int64_t(c) * row_size<E>(c));
        d_z = arena.take(plan.shape.factored_values ? rows * row_of_z<E>(plan.shape) : 0);
    }
    E *zeros, *d_taken, *d_W, *d_pattern, *d_z;  // zeros: a row of anything, right before d_taken
};

template <class E> class Attention final : public Block<E> {
    using T = Real<E>;

  public:
    Attention(const Plan& plan, int layer, Arena<E>& arena, const AttentionScratch<E>& scratch)
        : plan(plan), layer(layer), n(plan.rows.inputs(layer)), d(plan.shape.d_model), h(plan.shape.d_head), v(plan.value_width()),
          c(row_size<E>(plan.shape.n_ctx)), rows(plan.rows.rows()), fold(plan.folds(layer)), factored(plan.shape.factored_values), shared(n < rows),
          q(fold ? d : h), width(row_size<E>(v) + row_size<E>(q) + (fold ? 0 : row_size<E>(h))), all_z(plan.shape.n_heads * h), map(plan.rows.map(layer)),
          scratch(scratch), z(arena.take(factored ? int64_t(rows) * row_of_z<E>(plan.shape) : 0)) {
        for (int k = 0; k < plan.shape.n_heads; ++k)
            heads.push_back({arena.take(int64_t(d) * width), arena.take(int64_t(n) * width), arena.take(int64_t(plan.n_sequences) * plan.shape.n_ctx * c)});
    }

    int64_t size() const override { return int64_t(rows) * row_size<E>(d); }

    void forward(const E* weights, const E* in, E* out) override {
        const Input<E> below = matrix(in, n, d).gathered(map, rows);
        const Matrix<E> above = matrix(out, rows, d);
        for (int k = 0; k < plan.shape.n_heads; ++k) head_forward(of_head(weights, k), k, in, out);
        if (factored) product(above, plan.shape.residual ? below : nothing<E>(), matrix(z, rows, all_z, row_of_z<E>(plan.shape)), W_O(weights));
    }

    void backward(const E* weights, const E* in, const E* d_out, E* gradient, E* d_in) override {
        if (factored) {  // d z = d out W_Oᵀ,  d W_O = zᵀ d out
            const Input<E> d_above = matrix(d_out, rows, d);
            set_product(matrix(scratch.d_z, rows, all_z, row_of_z<E>(plan.shape)), d_above, W_O(weights).transposed());
            set_product(W_O(gradient), matrix(z, rows, all_z, row_of_z<E>(plan.shape)).transposed(), d_above);
        }
        if (!plan.shape.residual) std::fill_n(d_in, int64_t(n) * row_size<E>(d), E{});
        for (int r = 0; r < (plan.shape.residual ? rows : 0); ++r) {
            E* const to = d_in + int64_t(map[r]) * row_size<E>(d);
            add_rows(to, shared && plan.rows.before[r] ? to : scratch.zeros, d_out + int64_t(r) * row_size<E>(d), d);
        }
        for (int k = 0; k < plan.shape.n_heads; ++k) head_backward(of_head(weights, k), k, in, d_out, of_head(gradient, k), d_in);
    }

  private:
    struct Head {  // what the forward pass leaves for the backward pass
        E *W, *taken, *pattern;
    };
    template <class V> struct Weights {
        MatrixOf<V> Q, K, V_;
    };
    template <class V> Weights<V> of_head(V* base, int k) const {
        const int64_t block = (int64_t(layer) * plan.shape.n_heads + k) * d, qk = block * row_size<E>(h);
        return {matrix(base + plan.at[HL_W_Q] + qk, d, h), matrix(base + plan.at[HL_W_K] + qk, d, h),
                matrix(base + plan.at[HL_W_V] + block * row_size<E>(v), d, v)};
    }
    // Of all heads, one below the other, as their z stand side by side.
    template <class V> MatrixOf<V> W_O(V* base) const { return matrix(base + plan.at[HL_W_O] + int64_t(layer) * all_z * row_size<E>(d), all_z, d); }

    // Side by side: what a head takes from an input, or the weights that it takes it with.
    template <class V> struct Taken {
        MatrixOf<V> all, value, left, key;
    };
    template <class V> Taken<V> taken(V* data, int n_rows) const {
        const MatrixOf<V> all = matrix(data, n_rows, width, width);
        const int left = row_size<E>(v), key = left + row_size<E>(q);
        return {all, all.columns(0, v), all.columns(left, q), all.columns(key, fold ? 0 : h)};
    }

    // The rows of one sequence.
    struct Sequence {
        int first, length;
        const int *map, *before;
        E* pattern;
    };
    Sequence sequence(int b, const Head& head) const {
        const int first = plan.rows.sequence_start[b];
        return {first, plan.rows.length(b), map + first, plan.rows.before.data() + first, head.pattern + int64_t(b) * plan.shape.n_ctx * c};
    }
    // A head's z of one sequence, or where there is no W_O its part of the stream; and the same of their gradients.
    template <class V> MatrixOf<V> mixed(V* z, V* stream, int k, const Sequence& s) const {
        const int z_row = row_of_z<E>(plan.shape), d_row = row_size<E>(d);
        return factored ? matrix(z + int64_t(s.first) * z_row + k * h, s.length, h, z_row) : matrix(stream + int64_t(s.first) * d_row, s.length, d);
    }
    int seen(int t, int length) const { return plan.shape.causal ? t + 1 : length; }
    Region where(Region causal) const { return plan.shape.causal ? causal : Region::full; }

    void head_forward(const Weights<const E>& W, int k, const E* in, E* out) {
        const Input<E> X = matrix(in, n, d);
        const Head& head = heads[k];
        const Taken<E> with = taken(head.W, d);
        copy(with.value, W.V_);
        if (fold) {
            set_product(with.left, W.Q, W.K.transposed());
        } else {
            copy(with.left, W.Q);
            copy(with.key, W.K);
        }
        set_product(matrix(head.taken, n, width), X, with.all);
        const Taken<const E> of = taken<const E>(head.taken, n);
        const Input<E> right = fold ? X : of.key;
        for (int b = 0; b < plan.n_sequences; ++b) {
            const Sequence s = sequence(b, head);
            const Matrix<E> pattern = matrix(s.pattern, s.length, s.length, c);
            set_product(pattern, of.left.gathered(s.map, s.length), right.gathered(s.map, s.length).transposed(), where(Region::lower_out));
            for (int t = 0; t < s.length; ++t) softmax_row(s.pattern + t * c, seen(t, s.length), s.length, T(plan.scale));
            const Matrix<E> to = mixed(z, out, k, s);
            const Input<E> before = k > 0 ? Input<E>(to) : X.gathered(s.map, s.length);
            const Input<E> start = factored || (k == 0 && !plan.shape.residual) ? nothing<E>() : before;
            product(to, start, pattern, of.value.gathered(s.map, s.length), where(Region::lower_sum));
        }
    }

    void head_backward(const Weights<const E>& W, int k, const E* in, const E* d_out, const Weights<E>& dW, E* d_in) {
        const Head& head = heads[k];
        const Input<E> X = matrix(in, n, d);
        const Matrix<E> dX = matrix(d_in, n, d);
        const Taken<const E> of = taken<const E>(head.taken, n), with = taken<const E>(head.W, d);
        const Taken<E> d_of = taken(scratch.d_taken, n), d_with = taken(scratch.d_W, d);
        const Input<E> right = fold ? X : of.key;
        // Sums go on from what an earlier sequence with the same input has written; all begin with zero.
        const auto put = [&](Matrix<E> C, const Sequence& s, Input<E> A, Input<E> B, Region region) {
            Input<E> had = C;
            had.data -= width;
            product(C.gathered(s.map, s.length), shared ? had.gathered(s.before, s.length) : nothing<E>(), A, B, region);
        };
        for (int b = 0; b < plan.n_sequences; ++b) {
            const Sequence s = sequence(b, head);
            const int length = s.length;
            const Input<E> pattern = matrix(s.pattern, length, length, c), d_mixed = mixed<const E>(scratch.d_z, d_out, k, s);
            const Matrix<E> d_pattern = matrix(scratch.d_pattern, length, length, c);
            // d value[s] += sum_t pattern[t][s] d z[t],  d pattern[t][s] = d z[t] · value[s]
            put(d_of.value, s, pattern.transposed(), d_mixed, where(Region::upper_sum));
            set_product(d_pattern, d_mixed, of.value.gathered(s.map, length).transposed(), where(Region::lower_out));
            for (int t = 0; t < length; ++t)
                softmax_row_backward(s.pattern + t * c, scratch.d_pattern + t * c, seen(t, length), length, T(plan.scale));
            // d left[t] += sum_s d score[t][s] right[s],  d right[s] += sum_t d score[t][s] left[t]
            put(d_of.left, s, d_pattern, right.gathered(s.map, length), where(Region::lower_sum));
            if (fold)
                add_product(dX.gathered(s.map, length), d_pattern.transposed(), of.left.gathered(s.map, length), where(Region::upper_sum));
            else
                put(d_of.key, s, d_pattern.transposed(), of.left.gathered(s.map, length), where(Region::upper_sum));
        }
        // d X += d taken Wᵀ,  d W = Xᵀ d taken
        if (width == v + q + (fold ? 0 : h)) {
            add_product(dX, d_of.all, with.all.transposed());
        } else {  // past what fills the rows up
            add_product(dX, d_of.value, with.value.transposed());
            add_product(dX, d_of.left, with.left.transposed());
            if (!fold) add_product(dX, d_of.key, with.key.transposed());
        }
        set_product(d_with.all, X.transposed(), d_of.all);
        copy<E>(dW.V_, d_with.value);
        if (fold) {  // d W_Q = d W_QK W_K,  d W_K = d W_QKᵀ W_Q
            set_product(dW.Q, d_with.left, W.K);
            set_product(dW.K, d_with.left.transposed(), W.Q);
        } else {
            copy<E>(dW.Q, d_with.left);
            copy<E>(dW.K, d_with.key);
        }
    }

    const Plan& plan;
    const int layer, n, d, h, v, c, rows;
    const bool fold, factored, shared;  // shared: rows of several sequences have one input
    const int q, width, all_z;  // of left; of all that a head takes; of z of all heads
    const int* map;
    const AttentionScratch<E>& scratch;
    E* const z;
    std::vector<Head> heads;
};

}  // namespace headlab::HEADLAB_ISA
