// A layer of attention heads: scores, patterns, values, and their gradients.
//
// An input is a row of the stream X below; `map` gives the input of each (sequence, position).
//   left  = X W_QK (folded) or X W_Q            right = X (folded) or X W_K
//   score[t][s] = scale · left[t] · right[s]    pattern = softmax over the allowed s
//   value = X W_V                               z[t] = sum_s pattern[t][s] value[s]
//   out[t] = X[t] (with the residual) + sum over heads of z[t], or of z[t] W_O
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
        d_left = arena.take(n * std::max(d, h));
        d_key = arena.take(n * h);
        d_value = arena.take(n * plan.value_width());
        d_pattern = arena.take(c * c);
        d_W_QK = arena.take(d * d);
        d_z = arena.take(plan.shape.factored_values ? rows * h : 0);
    }
    Vec<T> *d_left, *d_key, *d_value, *d_pattern, *d_W_QK, *d_z;
};

template <class T> class Attention final : public Block<T> {
  public:
    Attention(const Plan& plan, int layer, Arena<T>& arena, const AttentionScratch<T>& scratch)
        : plan(plan), layer(layer), n(plan.rows.inputs(layer)), d(plan.shape.d_model), h(plan.shape.d_head), v(plan.value_width()),
          c(plan.shape.n_ctx), rows(plan.rows.rows()), fold(plan.folds(layer)), width(fold ? d : h), map(plan.rows.map(layer)),
          scratch(scratch) {
        for (int k = 0; k < plan.shape.n_heads; ++k)
            heads.push_back({arena.take(fold ? int64_t(d) * d : 0), arena.take(int64_t(n) * width), arena.take(fold ? 0 : int64_t(n) * h),
                             arena.take(int64_t(n) * v), arena.take(int64_t(plan.n_sequences) * c * c),
                             arena.take(plan.shape.factored_values ? int64_t(rows) * h : 0)});
    }

    int64_t size() const override { return int64_t(rows) * d; }

    void forward(const Vec<T>* weights, const Vec<T>* in, Vec<T>* out) override {
        for (int r = 0; r < rows; ++r)
            for (int j = 0; j < d; ++j) out[int64_t(r) * d + j] = plan.shape.residual ? in[int64_t(map[r]) * d + j] : Vec<T>{};
        for (int k = 0; k < plan.shape.n_heads; ++k) head_forward(of_head(weights, k), heads[k], in, out);
    }

    void backward(const Vec<T>* weights, const Vec<T>* in, const Vec<T>* d_out, Vec<T>* gradient, Vec<T>* d_in) override {
        std::fill_n(d_in, int64_t(n) * d, Vec<T>{});
        if (plan.shape.residual)
            for (int r = 0; r < rows; ++r)
                for (int j = 0; j < d; ++j) d_in[int64_t(map[r]) * d + j] += d_out[int64_t(r) * d + j];
        for (int k = 0; k < plan.shape.n_heads; ++k) head_backward(of_head(weights, k), heads[k], in, d_out, of_head(gradient, k), d_in);
    }

  private:
    struct Head {  // what the forward pass leaves for the backward pass
        Vec<T> *W_QK, *left, *key, *value, *pattern, *z;
    };
    template <class V> struct Weights {
        MatrixOf<V> Q, K, V_, O;
    };
    template <class V> Weights<V> of_head(V* base, int k) const {
        const int64_t block = int64_t(layer) * plan.shape.n_heads + k, qk = int64_t(d) * h;
        return {matrix(base + plan.at[HL_W_Q] + block * qk, d, h), matrix(base + plan.at[HL_W_K] + block * qk, d, h),
                matrix(base + plan.at[HL_W_V] + block * d * v, d, v), matrix(base + plan.at[HL_W_O] + block * qk, h, d)};
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
    int seen(int t, int length) const { return plan.shape.causal ? t + 1 : length; }
    Region where(Region causal) const { return plan.shape.causal ? causal : Region::full; }

    void head_forward(const Weights<const Vec<T>>& W, const Head& head, const Vec<T>* in, Vec<T>* out) {
        const Input<T> X = matrix(in, n, d);
        if (fold) {
            set_product<T>(matrix(head.W_QK, d, d), W.Q, W.K.transposed());
            set_product<T>(matrix(head.left, n, d), X, matrix(head.W_QK, d, d));
        } else {
            set_product<T>(matrix(head.left, n, h), X, W.Q);
            set_product<T>(matrix(head.key, n, h), X, W.K);
        }
        set_product<T>(matrix(head.value, n, v), X, W.V_);
        const Input<T> left = matrix(head.left, n, width), right = fold ? X : matrix(head.key, n, h), value = matrix(head.value, n, v);
        for (int b = 0; b < plan.n_sequences; ++b) {
            const Sequence s = sequence(b, head);
            const Matrix<T> pattern = matrix(s.pattern, s.length, s.length, c);
            set_product<T>(pattern, left.gathered(s.map, s.length), right.gathered(s.map, s.length).transposed(), where(Region::lower_out));
            for (int t = 0; t < s.length; ++t) softmax_row<T>(s.pattern + t * c, seen(t, s.length), s.length, T(plan.scale));
            Vec<T>* mixed = (plan.shape.factored_values ? head.z : out) + int64_t(s.first) * v;
            const auto mix = plan.shape.factored_values ? set_product<T> : add_product<T>;
            mix(matrix(mixed, s.length, v), pattern, value.gathered(s.map, s.length), where(Region::lower_sum));
        }
        if (plan.shape.factored_values) add_product<T>(matrix(out, rows, d), matrix(head.z, rows, h), W.O);
    }

    void head_backward(const Weights<const Vec<T>>& W, const Head& head, const Vec<T>* in, const Vec<T>* d_out, const Weights<Vec<T>>& dW,
                       Vec<T>* d_in) {
        const Input<T> X = matrix(in, n, d), value = matrix(head.value, n, v), left = matrix(head.left, n, width);
        const Input<T> right = fold ? X : matrix(head.key, n, h);
        const Matrix<T> dX = matrix(d_in, n, d), d_left = matrix(scratch.d_left, n, width), d_value = matrix(scratch.d_value, n, v);
        const Matrix<T> d_right = fold ? dX : matrix(scratch.d_key, n, h);
        const Vec<T>* d_z = d_out;
        if (plan.shape.factored_values) {  // d z = d out W_Oᵀ,  d W_O = zᵀ d out
            set_product<T>(matrix(scratch.d_z, rows, h), matrix(d_out, rows, d), W.O.transposed());
            set_product<T>(dW.O, matrix(head.z, rows, h).transposed(), matrix(d_out, rows, d));
            d_z = scratch.d_z;
        }
        std::fill_n(d_value.data, int64_t(n) * v, Vec<T>{});
        std::fill_n(d_left.data, int64_t(n) * width, Vec<T>{});
        if (!fold) std::fill_n(d_right.data, int64_t(n) * h, Vec<T>{});
        for (int b = 0; b < plan.n_sequences; ++b) {
            const Sequence s = sequence(b, head);
            const int length = s.length;
            const Input<T> pattern = matrix(s.pattern, length, length, c), d_mixed = matrix(d_z + int64_t(s.first) * v, length, v);
            const Matrix<T> d_pattern = matrix(scratch.d_pattern, length, length, c);
            // d value[s] += sum_t pattern[t][s] d z[t],  d pattern[t][s] = d z[t] · value[s]
            add_product<T>(d_value.gathered(s.map, length), pattern.transposed(), d_mixed, where(Region::upper_sum));
            set_product<T>(d_pattern, d_mixed, value.gathered(s.map, length).transposed(), where(Region::lower_out));
            for (int t = 0; t < length; ++t)
                softmax_row_backward<T>(s.pattern + t * c, scratch.d_pattern + t * c, seen(t, length), length, T(plan.scale));
            // d left[t] += sum_s d score[t][s] right[s],  d right[s] += sum_t d score[t][s] left[t]
            add_product<T>(d_left.gathered(s.map, length), d_pattern, right.gathered(s.map, length), where(Region::lower_sum));
            add_product<T>(d_right.gathered(s.map, length), d_pattern.transposed(), left.gathered(s.map, length), where(Region::upper_sum));
        }
        // d W_V = Xᵀ d value,  d X += d value W_Vᵀ
        set_product<T>(dW.V_, X.transposed(), d_value);
        add_product<T>(dX, d_value, W.V_.transposed());
        if (fold) {  // d W_QK = Xᵀ d left,  d W_Q = d W_QK W_K,  d W_K = d W_QKᵀ W_Q
            const Matrix<T> d_W_QK = matrix(scratch.d_W_QK, d, d);
            set_product<T>(d_W_QK, X.transposed(), d_left);
            add_product<T>(dX, d_left, matrix(head.W_QK, d, d).transposed());
            set_product<T>(dW.Q, d_W_QK, W.K);
            set_product<T>(dW.K, d_W_QK.transposed(), W.Q);
        } else {
            set_product<T>(dW.Q, X.transposed(), d_left);
            set_product<T>(dW.K, X.transposed(), d_right);
            add_product<T>(dX, d_left, W.Q.transposed());
            add_product<T>(dX, d_right, W.K.transposed());
        }
    }

    const Plan& plan;
    const int layer, n, d, h, v, c, rows;
    const bool fold;
    const int width;  // of left and right
    const int* map;
    const AttentionScratch<T>& scratch;
    std::vector<Head> heads;
};

}  // namespace headlab::HEADLAB_ISA
