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

template <class T> void softmax_row(Vec<T>* row, int n, int n_all, T scale) {
    Vec<T> top = row[0];
    for (int s = 1; s < n; ++s) top = max<T>(top, row[s]);
    Vec<T> sum{};
    for (int s = 0; s < n; ++s) {
        row[s] = exp_nonpositive<T>((row[s] - top) * scale);
        sum += row[s];
    }
    const Vec<T> inverse = T(1) / sum;
    for (int s = 0; s < n; ++s) row[s] *= inverse;
    for (int s = n; s < n_all; ++s) row[s] = Vec<T>{};
}

// d score = scale · pattern · (d pattern - sum over the row of pattern · d pattern); d_row becomes d score.
template <class T> void softmax_row_backward(const Vec<T>* row, Vec<T>* d_row, int n, int n_all, T scale) {
    Vec<T> mean{};
    for (int s = 0; s < n; ++s) mean += row[s] * d_row[s];
    for (int s = 0; s < n; ++s) d_row[s] = row[s] * (d_row[s] - mean) * scale;
    for (int s = n; s < n_all; ++s) d_row[s] = Vec<T>{};
}

// What the backward passes of all layers work on, one after the other.
template <class T> struct AttentionScratch {
    AttentionScratch(const Plan& plan, Arena<T>& arena) {
        const int64_t d = plan.shape.d_model, h = plan.shape.d_head, c = plan.shape.n_ctx;
        const int64_t rows = plan.rows.rows(), n = std::max<int64_t>(rows, plan.rows.inputs(0));
        const int64_t width = plan.value_width() + std::max(d, 2 * h);
        d_taken = arena.take(n * width);
        d_W = arena.take(d * width);
        d_pattern = arena.take(c * c);
        d_z = arena.take(plan.shape.factored_values ? rows * plan.shape.n_heads * h : 0);
    }
    Vec<T> *d_taken, *d_W, *d_pattern, *d_z;
};

template <class T> class Attention final : public Block<T> {
  public:
    Attention(const Plan& plan, int layer, Arena<T>& arena, const AttentionScratch<T>& scratch)
        : plan(plan), layer(layer), n(plan.rows.inputs(layer)), d(plan.shape.d_model), h(plan.shape.d_head), v(plan.value_width()),
          c(plan.shape.n_ctx), rows(plan.rows.rows()), fold(plan.folds(layer)), factored(plan.shape.factored_values), q(fold ? d : h),
          width(v + q + (fold ? 0 : h)), all_z(plan.shape.n_heads * h), map(plan.rows.map(layer)), scratch(scratch),
          z(arena.take(factored ? int64_t(rows) * all_z : 0)) {
        for (int k = 0; k < plan.shape.n_heads; ++k)
            heads.push_back({arena.take(int64_t(d) * width), arena.take(int64_t(n) * width), arena.take(int64_t(plan.n_sequences) * c * c)});
    }

    int64_t size() const override { return int64_t(rows) * d; }

    void forward(const Vec<T>* weights, const Vec<T>* in, Vec<T>* out) override {
        const Input<T> below = matrix(in, n, d).gathered(map, rows);
        const Matrix<T> above = matrix(out, rows, d);
        if (!factored)
            for (int r = 0; r < rows; ++r)
                for (int j = 0; j < d; ++j) out[int64_t(r) * d + j] = plan.shape.residual ? in[int64_t(map[r]) * d + j] : Vec<T>{};
        for (int k = 0; k < plan.shape.n_heads; ++k) head_forward(of_head(weights, k), k, in, out);
        if (factored) product<T>(above, plan.shape.residual ? below : nothing<T>(), matrix(z, rows, all_z), W_O(weights));
    }

    void backward(const Vec<T>* weights, const Vec<T>* in, const Vec<T>* d_out, Vec<T>* gradient, Vec<T>* d_in) override {
        if (factored) {  // d z = d out W_Oᵀ,  d W_O = zᵀ d out
            const Input<T> d_above = matrix(d_out, rows, d);
            set_product<T>(matrix(scratch.d_z, rows, all_z), d_above, W_O(weights).transposed());
            set_product<T>(W_O(gradient), matrix(z, rows, all_z).transposed(), d_above);
        }
        std::fill_n(d_in, int64_t(n) * d, Vec<T>{});
        if (plan.shape.residual)
            for (int r = 0; r < rows; ++r)
                for (int j = 0; j < d; ++j) d_in[int64_t(map[r]) * d + j] += d_out[int64_t(r) * d + j];
        for (int k = 0; k < plan.shape.n_heads; ++k) head_backward(of_head(weights, k), k, in, d_out, of_head(gradient, k), d_in);
    }

  private:
    struct Head {  // what the forward pass leaves for the backward pass
        Vec<T> *W, *taken, *pattern;
    };
    template <class V> struct Weights {
        MatrixOf<V> Q, K, V_;
    };
    template <class V> Weights<V> of_head(V* base, int k) const {
        const int64_t block = int64_t(layer) * plan.shape.n_heads + k, qk = int64_t(d) * h;
        return {matrix(base + plan.at[HL_W_Q] + block * qk, d, h), matrix(base + plan.at[HL_W_K] + block * qk, d, h),
                matrix(base + plan.at[HL_W_V] + block * d * v, d, v)};
    }
    // Of all heads, one below the other, as their z stand side by side.
    template <class V> MatrixOf<V> W_O(V* base) const { return matrix(base + plan.at[HL_W_O] + int64_t(layer) * all_z * d, all_z, d); }

    // Side by side: what a head takes from an input, or the weights that it takes it with.
    template <class V> struct Taken {
        MatrixOf<V> all, value, left, key;
    };
    template <class V> Taken<V> taken(V* data, int n_rows) const {
        const MatrixOf<V> all = matrix(data, n_rows, width);
        return {all, all.columns(0, v), all.columns(v, q), all.columns(v + q, width - v - q)};
    }

    // The rows of one sequence.
    struct Sequence {
        int first, length;
        const int* map;
        Vec<T>* pattern;
    };
    Sequence sequence(int b, const Head& head) const {
        const int first = plan.rows.sequence_start[b];
        return {first, plan.rows.length(b), map + first, head.pattern + int64_t(b) * c * c};
    }
    // A head's z of one sequence, or where there is no W_O its part of the stream; and the same of their gradients.
    template <class V> MatrixOf<V> mixed(V* z, V* stream, int k, const Sequence& s) const {
        return factored ? matrix(z + int64_t(s.first) * all_z + k * h, s.length, h, all_z) : matrix(stream + int64_t(s.first) * d, s.length, d);
    }
    int seen(int t, int length) const { return plan.shape.causal ? t + 1 : length; }
    Region where(Region causal) const { return plan.shape.causal ? causal : Region::full; }

    void head_forward(const Weights<const Vec<T>>& W, int k, const Vec<T>* in, Vec<T>* out) {
        const Input<T> X = matrix(in, n, d);
        const Head& head = heads[k];
        const Taken<Vec<T>> with = taken(head.W, d);
        copy(with.value, W.V_);
        if (fold) {
            set_product<T>(with.left, W.Q, W.K.transposed());
        } else {
            copy(with.left, W.Q);
            copy(with.key, W.K);
        }
        set_product<T>(matrix(head.taken, n, width), X, with.all);
        const Taken<const Vec<T>> of = taken<const Vec<T>>(head.taken, n);
        const Input<T> right = fold ? X : of.key;
        for (int b = 0; b < plan.n_sequences; ++b) {
            const Sequence s = sequence(b, head);
            const Matrix<T> pattern = matrix(s.pattern, s.length, s.length, c);
            set_product<T>(pattern, of.left.gathered(s.map, s.length), right.gathered(s.map, s.length).transposed(), where(Region::lower_out));
            for (int t = 0; t < s.length; ++t) softmax_row<T>(s.pattern + t * c, seen(t, s.length), s.length, T(plan.scale));
            const Matrix<T> to = mixed(z, out, k, s);
            product<T>(to, factored ? nothing<T>() : to, pattern, of.value.gathered(s.map, s.length), where(Region::lower_sum));
        }
    }

    void head_backward(const Weights<const Vec<T>>& W, int k, const Vec<T>* in, const Vec<T>* d_out, const Weights<Vec<T>>& dW, Vec<T>* d_in) {
        const Head& head = heads[k];
        const Input<T> X = matrix(in, n, d);
        const Matrix<T> dX = matrix(d_in, n, d);
        const Taken<const Vec<T>> of = taken<const Vec<T>>(head.taken, n), with = taken<const Vec<T>>(head.W, d);
        const Taken<Vec<T>> d_of = taken(scratch.d_taken, n), d_with = taken(scratch.d_W, d);
        const Input<T> right = fold ? X : of.key;
        const Matrix<T> d_right = fold ? dX : d_of.key;
        // Where no two rows share an input, each is written once. Either way sums begin with zero.
        const bool shared = n < rows;
        const auto put = [](bool adds, Matrix<T> C, Input<T> A, Input<T> B, Region region) {
            product<T>(C, adds ? C : nothing<T>(), A, B, region);
        };
        if (shared) std::fill_n(scratch.d_taken, int64_t(n) * width, Vec<T>{});
        for (int b = 0; b < plan.n_sequences; ++b) {
            const Sequence s = sequence(b, head);
            const int length = s.length;
            const Input<T> pattern = matrix(s.pattern, length, length, c), d_mixed = mixed<const Vec<T>>(scratch.d_z, d_out, k, s);
            const Matrix<T> d_pattern = matrix(scratch.d_pattern, length, length, c);
            // d value[s] += sum_t pattern[t][s] d z[t],  d pattern[t][s] = d z[t] · value[s]
            put(shared, d_of.value.gathered(s.map, length), pattern.transposed(), d_mixed, where(Region::upper_sum));
            set_product<T>(d_pattern, d_mixed, of.value.gathered(s.map, length).transposed(), where(Region::lower_out));
            for (int t = 0; t < length; ++t)
                softmax_row_backward<T>(s.pattern + t * c, scratch.d_pattern + t * c, seen(t, length), length, T(plan.scale));
            // d left[t] += sum_s d score[t][s] right[s],  d right[s] += sum_t d score[t][s] left[t]
            put(shared, d_of.left.gathered(s.map, length), d_pattern, right.gathered(s.map, length), where(Region::lower_sum));
            put(shared || fold, d_right.gathered(s.map, length), d_pattern.transposed(), of.left.gathered(s.map, length), where(Region::upper_sum));
        }
        // d X += d taken Wᵀ,  d W = Xᵀ d taken
        add_product<T>(dX, d_of.all, with.all.transposed());
        set_product<T>(d_with.all, X.transposed(), d_of.all);
        copy<Vec<T>>(dW.V_, d_with.value);
        if (fold) {  // d W_Q = d W_QK W_K,  d W_K = d W_QKᵀ W_Q
            set_product<T>(dW.Q, d_with.left, W.K);
            set_product<T>(dW.K, d_with.left.transposed(), W.Q);
        } else {
            copy<Vec<T>>(dW.Q, d_with.left);
            copy<Vec<T>>(dW.K, d_with.key);
        }
    }

    const Plan& plan;
    const int layer, n, d, h, v, c, rows;
    const bool fold, factored;
    const int q, width, all_z;  // of left; of all that a head takes; of z of all heads
    const int* map;
    const AttentionScratch<T>& scratch;
    Vec<T>* const z;
    std::vector<Head> heads;
};

}  // namespace headlab::HEADLAB_ISA
