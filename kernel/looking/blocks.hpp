// What a model has beside its heads, forward alone and row by row: norms, MLPs, biases, what is unembedded.
#pragma once

#include <algorithm>

#include "../blocks/mlp.hpp"

namespace headlab::HEADLAB_ISA {

class Blocks {
  public:
    Blocks(const Plan& plan, const Vec<double>* weights, Arena<Vec<double>>& arena)
        : plan(plan), d(plan.shape.d_model), m(plan.shape.d_mlp), out(int(size_of(plan.shape, Axis::out))), weights(weights) {
        if (!plan.shape.d_mlp) return;
        read = arena.take(int64_t(some) * d);
        hidden = arena.take(int64_t(some) * m);
        made = arena.take(int64_t(some) * d);
    }

    bool norms_before() const { return plan.shape.norm != HL_NO_NORM && !plan.shape.norm_after; }
    bool norms_after() const { return plan.shape.norm != HL_NO_NORM && plan.shape.norm_after; }
    // Whether heads are more than products of the stream and each other, and a layer more than its heads.
    static bool beyond_heads(const Shape& s) {
        return !attention_alone && (s.n_layers == 0 || s.norm || s.d_mlp || s.biases || s.relative || s.stream_values);
    }

    // Of a layer's or a head's weight, by the number of those that come before; null: the model has it not.
    const Vec<double>* weight(int which, int64_t number, int64_t size) const {
        const Range of = plan.at.of[which];
        return of.size() ? weights + of.from + number * size : nullptr;
    }
    // A row that all of n begin with; without one: nothing.
    Input<Vec<double>> bias(int which, int64_t number, int width, int n) const {
        const Vec<double>* row = attention_alone ? nullptr : weight(which, number, width);
        return row ? Input<Vec<double>>{row, n, width, 0, 1} : nothing<Vec<double>>();
    }

    // which: HL_LN1_W, HL_LN2_W or HL_LN_FINAL_W, whose bias follows it; to may be x
    void norm(Vec<double>* to, const Vec<double>* x, int which, int layer) const {
        if (!attention_alone) norm_row(to, x, weight(which, layer, d), weight(which + 1, layer, d), d, plan.shape.norm);
    }

    // The stream that heads have added to, or are: their bias, and the norm after them.
    void end_heads(Vec<double>* row, int layer) const {
        if (!plan.shape.biases && !plan.shape.norm) return;
        if (const Vec<double>* added = weight(HL_B_O, layer, d))
            for (int j = 0; j < d; ++j) row[j] += added[j];
        if (norms_after()) norm(row, row, HL_LN1_W, layer);
    }
    // The stream that the MLP has added to.
    void end_mlp(Vec<double>* to, const Vec<double>* mid, const Vec<double>* written, int layer) const {
        for (int j = 0; j < d; ++j) to[j] = mid[j] + written[j];
        if (norms_after()) norm(to, to, HL_LN2_W, layer);
    }

    // What the MLP writes for n rows of the stream, into others; null: one after the other.
    void mlp(int layer, const Vec<double>* from, const int* from_rows, Vec<double>* to, const int* to_rows, int n) const {
        if (attention_alone) return;
        const Input<Vec<double>> W_in = matrix(weight(HL_W_IN, layer, int64_t(d) * m), d, m), W_out = matrix(weight(HL_W_OUT, layer, int64_t(d) * m), m, d);
        for (int first = 0; first < n; first += some) {
            const int rows = std::min(some, n - first);
            for (int i = 0; i < rows; ++i) {
                const Vec<double>* x = from + int64_t(from_rows ? from_rows[first + i] : first + i) * d;
                if (norms_before())
                    norm(read + int64_t(i) * d, x, HL_LN2_W, layer);
                else
                    std::copy_n(x, d, read + int64_t(i) * d);
            }
            product(matrix(hidden, rows, m), bias(HL_B_IN, layer, m, rows), matrix<const Vec<double>>(read, rows, d), W_in);
            activate_row(hidden, hidden, rows * m, plan.shape.activation);
            product(matrix(made, rows, d), bias(HL_B_OUT, layer, d, rows), matrix<const Vec<double>>(hidden, rows, m), W_out);
            for (int i = 0; i < rows; ++i) std::copy_n(made + int64_t(i) * d, d, to + int64_t(to_rows ? to_rows[first + i] : first + i) * d);
        }
    }

    // Of n rows their logits; added: with what logits begin with.
    void unembed(Vec<double>* to, Input<Vec<double>> rows, bool added) const {
        const Input<Vec<double>> W = plan.shape.tied ? Input<Vec<double>>(matrix(weights + plan.at[HL_W_E], out, d)).transposed()
                                                : Input<Vec<double>>(matrix(weights + plan.at[HL_W_U], d, out));
        product(matrix(to, rows.rows, out), added ? bias(HL_B_U, 0, out, rows.rows) : nothing<Vec<double>>(), rows, W);
    }

  private:
    static constexpr int some = 64;  // rows at a time
    const Plan& plan;
    const int d, m, out;
    const Vec<double>* const weights;
    Vec<double>*read = nullptr, *hidden = nullptr, *made = nullptr;
};

}  // namespace headlab::HEADLAB_ISA
