// One attention head: scores, pattern, values, and their gradients.
//
// An input is a distinct row of the residual stream X; `map` gives the input of each (sequence, position).
//   left  = X W_QK (folded) or X W_Q            right = X (folded) or X W_K
//   score[t][s] = scale · left[t] · right[s]    pattern = softmax over the allowed s
//   value = X W_V                               z[t] = sum_s pattern[t][s] value[s]
#pragma once

#include "product.hpp"
#include "plan.hpp"

namespace headlab::HEADLAB_ISA {

template <class T> struct Head {  // what the forward pass leaves for the backward pass
    Vec<T> *W_QK, *left, *key, *value, *pattern, *z;
};
template <class T> struct HeadWeights {
    Vec<T> *Q, *K, *V, *O;
};
template <class T> struct Scratch {
    Vec<T> *d_left, *d_key, *d_value, *d_pattern, *d_W_QK, *d_z;
};

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

template <class T>
void head_forward(const Plan& plan, int layer, const Vec<T>* X, const HeadWeights<T>& W, const Head<T>& head, Vec<T>* out) {
    const int d = plan.d_model, h = plan.d_head, n = plan.inputs(layer), v = plan.value_width();
    const bool fold = plan.fold_qk(layer);
    const int width = fold ? d : h;
    if (fold) {
        set_product<T>({d, d, h, W.Q, h, 1, W.K, h, 1, head.W_QK, d, 1});
        set_product<T>({n, d, d, X, d, 1, head.W_QK, 1, d, head.left, d, 1});
    } else {
        set_product<T>({n, h, d, X, d, 1, W.Q, 1, h, head.left, h, 1});
        set_product<T>({n, h, d, X, d, 1, W.K, 1, h, head.key, h, 1});
    }
    set_product<T>({n, v, d, X, d, 1, W.V, 1, v, head.value, v, 1});
    const Vec<T>* right = fold ? X : head.key;
    const int64_t square = int64_t(plan.n_ctx) * plan.n_ctx;
    for (int b = 0; b < plan.n_sequences; ++b) {
        const int first = plan.sequence_start[b], length = plan.sequence_start[b + 1] - first;
        const int* map = plan.row_map(layer) + first;
        Vec<T>* pattern = head.pattern + b * square;
        set_product<T>({length, length, width, head.left, width, 1, right, width, 1, pattern, plan.n_ctx, 1, map, map, nullptr,
                        nullptr, plan.causal ? Region::lower_out : Region::full});
        for (int t = 0; t < length; ++t)
            softmax_row<T>(pattern + t * plan.n_ctx, plan.causal ? t + 1 : length, length, T(plan.scale));
        Vec<T>* z = (plan.factored_values ? head.z : out) + int64_t(first) * v;
        const Product<T> mix{length, v, length, pattern, plan.n_ctx, 1, head.value, 1, v, z, v, 1, nullptr, nullptr, map,
                             nullptr, plan.causal ? Region::lower_sum : Region::full};
        plan.factored_values ? set_product<T>(mix) : add_product<T>(mix);
    }
    if (plan.factored_values) add_product<T>({plan.rows(), d, h, head.z, h, 1, W.O, 1, d, out, d, 1});
}

template <class T>
void head_backward(const Plan& plan, int layer, const Vec<T>* X, const HeadWeights<T>& W, const Head<T>& head, const Vec<T>* d_out,
                   const Scratch<T>& s, const HeadWeights<T>& dW, Vec<T>* dX) {
    const int d = plan.d_model, h = plan.d_head, n = plan.inputs(layer), v = plan.value_width(), rows = plan.rows();
    const bool fold = plan.fold_qk(layer);
    const int width = fold ? d : h;
    const Vec<T>* d_z = d_out;
    if (plan.factored_values) {  // d z = d out W_Oᵀ,  d W_O = zᵀ d out
        set_product<T>({rows, h, d, d_out, d, 1, W.O, d, 1, s.d_z, h, 1});
        set_product<T>({h, d, rows, head.z, 1, h, d_out, 1, d, dW.O, d, 1});
        d_z = s.d_z;
    }
    std::fill_n(s.d_value, n * v, Vec<T>{});
    std::fill_n(s.d_left, n * width, Vec<T>{});
    if (!fold) std::fill_n(s.d_key, n * h, Vec<T>{});
    const Vec<T>* right = fold ? X : head.key;
    Vec<T>* d_right = fold ? dX : s.d_key;
    const int64_t square = int64_t(plan.n_ctx) * plan.n_ctx;
    const Region out_region = plan.causal ? Region::lower_out : Region::full;
    const Region row_region = plan.causal ? Region::lower_sum : Region::full;
    const Region col_region = plan.causal ? Region::upper_sum : Region::full;
    const int c = plan.n_ctx;
    for (int b = 0; b < plan.n_sequences; ++b) {
        const int first = plan.sequence_start[b], length = plan.sequence_start[b + 1] - first;
        const int* map = plan.row_map(layer) + first;
        const Vec<T>* pattern = head.pattern + b * square;
        const Vec<T>* d_mix = d_z + int64_t(first) * v;
        // d value[s] += sum_t pattern[t][s] d z[t],  d pattern[t][s] = d z[t] · value[s]
        add_product<T>({length, v, length, pattern, 1, c, d_mix, 1, v, s.d_value, v, 1, nullptr, nullptr, nullptr, map, col_region});
        set_product<T>({length, length, v, d_mix, v, 1, head.value, v, 1, s.d_pattern, c, 1, nullptr, map, nullptr, nullptr, out_region});
        for (int t = 0; t < length; ++t)
            softmax_row_backward<T>(pattern + t * c, s.d_pattern + t * c, plan.causal ? t + 1 : length, length, T(plan.scale));
        // d left[t] += sum_s d score[t][s] right[s],  d right[s] += sum_t d score[t][s] left[t]
        add_product<T>({length, width, length, s.d_pattern, c, 1, right, 1, width, s.d_left, width, 1, nullptr, nullptr, map, map, row_region});
        add_product<T>({length, width, length, s.d_pattern, 1, c, head.left, 1, width, d_right, width, 1, nullptr, nullptr, map, map, col_region});
    }
    // d W_V = Xᵀ d value,  d X += d value W_Vᵀ
    set_product<T>({d, v, n, X, 1, d, s.d_value, 1, v, dW.V, v, 1});
    add_product<T>({n, d, v, s.d_value, v, 1, W.V, v, 1, dX, d, 1});
    if (fold) {  // d W_QK = Xᵀ d left,  d W_Q = d W_QK W_K,  d W_K = d W_QKᵀ W_Q
        set_product<T>({d, d, n, X, 1, d, s.d_left, 1, d, s.d_W_QK, d, 1});
        add_product<T>({n, d, d, s.d_left, d, 1, head.W_QK, d, 1, dX, d, 1});
        set_product<T>({d, h, d, s.d_W_QK, d, 1, W.K, 1, h, dW.Q, h, 1});
        set_product<T>({d, h, d, s.d_W_QK, 1, d, W.Q, 1, h, dW.K, h, 1});
    } else {
        set_product<T>({d, h, n, X, 1, d, s.d_left, 1, h, dW.Q, h, 1});
        set_product<T>({d, h, n, X, 1, d, s.d_key, 1, h, dW.K, h, 1});
        add_product<T>({n, d, h, s.d_left, h, 1, W.Q, h, 1, dX, d, 1});
        add_product<T>({n, d, h, s.d_key, h, 1, W.K, h, 1, dX, d, 1});
    }
}

}  // namespace headlab::HEADLAB_ISA
