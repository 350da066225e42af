// What a model computes on its sequences when nobody intervenes, kept row by row, with room for what a case changes.
//
// Every block has a row for each (sequence, position) that a case may need, and behind these `rows()` rows those of the cases at
// work; a case's own index says for each position in which row it stands, so that what it leaves untouched is never computed again.
#pragma once

#include "../blocks/attention.hpp"

namespace headlab::HEADLAB_ISA {

template <class T> class Activations {
  public:
    struct Head {
        Vec<T> *q, *k, *v, *scores, *pattern, *z;  // scores before the scale, only if asked for; z as the head writes it
        Vec<T>* W_QK;                              // of the last layer's heads, where it folds; else null
    };
    struct Weights {
        Input<Vec<T>> Q, K, V, O;
    };

    // slots: cases at work at once, of which each has its own rows in `stream`
    Activations(const LookCall& call, int slots, Arena<Vec<T>>& arena)
        : plan(call.plan), d(plan.shape.d_model), h(plan.shape.d_head), v(plan.value_width()), c(plan.shape.n_ctx),
          weights(arena.take(plan.at.end)), folds(d < 2 * h && !call.computes), kept(kept_rows(call)), first(first_rows()), nothing(arena.take(d)) {
        const bool scores = call.computes ? call.computes->scores != nullptr : edits_scores(call);
        for (int l = 0; l <= plan.shape.n_layers; ++l)
            if (l < plan.shape.n_layers || call.computes) stream.push_back(arena.take((int64_t(n) + int64_t(slots) * c) * d));
        for (int l = 0; l < plan.shape.n_layers; ++l) {
            const int64_t rows = int64_t(n) + c;
            for (int k = 0; k < plan.shape.n_heads; ++k)
                heads.push_back({arena.take(rows * h), arena.take(rows * h), arena.take(rows * v), arena.take(scores ? rows * c : 0),
                                 arena.take(rows * c), arena.take(rows * d),
                                 folds && l == plan.shape.n_layers - 1 ? arena.take(int64_t(d) * d) : nullptr});
            keeps_scores = scores;
        }
        mixed = arena.take(plan.shape.factored_values ? int64_t(n) * h : 0);
        if (n > 2 * plan.rows.inputs(0)) {  // of a few sentences of many, most inputs are none of theirs
            distinct = arena.take(int64_t(plan.rows.inputs(0)) * d);
            projected = arena.take(int64_t(plan.rows.inputs(0)) * std::max(h, v));
        }
    }

    void compute() {
        for (int b = 0; b < plan.rows.sequences(); ++b)
            for (int t = 0; t < kept[b]; ++t) {
                Vec<T>* to = stream[0] + int64_t(row(b, t)) * d;
                for (int j = 0; j < d; ++j) to[j] = plan.shape.positions ? token(b, t)[j] + position(t)[j] : token(b, t)[j];
                if (distinct) std::copy_n(to, d, distinct + int64_t(input(b, t)) * d);
            }
        for (int l = 0; l < plan.shape.n_layers; ++l) {
            for (int k = 0; k < plan.shape.n_heads; ++k) compute_head(l, head(l, k), of_head(l, k));
            if (l + 1 < int(stream.size()))
                for (int r = 0; r < n; ++r) add_up(l, r);
        }
    }

    Head& head(int layer, int k) { return heads[layer * plan.shape.n_heads + k]; }
    const Head& head(int layer, int k) const { return heads[layer * plan.shape.n_heads + k]; }
    Weights of_head(int layer, int k) const {
        const int64_t block = int64_t(layer) * plan.shape.n_heads + k, qk = int64_t(d) * h;
        const Vec<T>* base = weights;
        return {matrix(base + plan.at[HL_W_Q] + block * qk, d, h), matrix(base + plan.at[HL_W_K] + block * qk, d, h),
                matrix(base + plan.at[HL_W_V] + block * d * v, d, v), matrix(base + plan.at[HL_W_O] + block * qk, h, d)};
    }

    const Vec<T>* token(int b, int t) const {
        const Rows& rows = plan.rows;
        return weights + plan.at[HL_W_E] + int64_t(rows.input_token[rows.input_of_row[rows.sequence_start[b] + t]]) * d;
    }
    const Vec<T>* position(int t) const { return plan.shape.positions ? weights + plan.at[HL_W_POS] + int64_t(t) * d : nothing; }

    int rows() const { return n; }
    int row(int b, int t) const { return first[b] + t; }  // of a sequence that is kept
    int length(int b) const { return plan.rows.length(b); }
    int seen(int t, int length) const { return plan.shape.causal ? t + 1 : length; }

  private:
    int n = 0;

  public:
    const Plan& plan;
    const int d, h, v, c;
    Vec<T>*const weights;
    const bool folds;  // whether u = x W_Q W_Kᵀ costs less by the product of the two, in the last layer
    bool keeps_scores = false;
    std::vector<Vec<T>*> stream;  // what each layer reads; of what is asked for on its own, what the last one writes, too

  private:
    static bool edits_scores(const LookCall& call) {
        for (int i = 0; i < call.n_cases; ++i)
            for (int e = 0; e < call.cases[i].n_edits; ++e)
                if (call.cases[i].edits[e].what == HL_SCORES) return true;
        return false;
    }

    // How many rows each sequence needs: all of those that a case takes from; of its own, and of those that it takes the mean of, no more
    // than it sees.
    std::vector<int> kept_rows(const LookCall& call) const {
        std::vector<int> found(plan.rows.sequences(), 0);
        const auto needs = [&](int b, int most) { found[b] = std::max(found[b], std::min(most, plan.rows.length(b))); };
        for (int b = 0; call.computes && b < plan.rows.sequences(); ++b) needs(b, plan.shape.n_ctx);
        for (int i = 0; i < call.n_cases; ++i) {
            const hl_case& item = call.cases[i];
            const int most = plan.shape.causal && item.at >= 0 && !call.pattern ? item.at + 1 : plan.shape.n_ctx;
            bool mean = false;
            needs(item.sequence, most);
            for (int e = 0; e < item.n_edits; ++e) {
                mean = mean || item.edits[e].how == HL_MEAN;
                if (item.edits[e].how == HL_FROM) needs(item.edits[e].donor, plan.shape.n_ctx);
            }
            for (int b = 0; mean && b < plan.rows.sequences(); ++b) needs(b, most);
        }
        return found;
    }

    // Where the rows of each sequence begin; the others have none.
    std::vector<int> first_rows() {
        std::vector<int> found(plan.rows.sequences(), -1);
        for (int b = 0; b < plan.rows.sequences(); ++b) {
            if (kept[b] == 0) continue;
            found[b] = n;
            n += kept[b];
        }
        return found;
    }

    int input(int b, int t) const { return plan.rows.input_of_row[plan.rows.sequence_start[b] + t]; }

    // The stream of a layer times W; of the first one, each distinct input once.
    void project(int layer, Vec<T>* to, int width, Input<Vec<T>> W) {
        if (layer > 0 || !distinct) return set_product(matrix(to, n, width), matrix<const Vec<T>>(stream[layer], n, d), W);
        const int inputs = plan.rows.inputs(0);
        set_product(matrix(projected, inputs, width), matrix<const Vec<T>>(distinct, inputs, d), W);
        for (int b = 0; b < plan.rows.sequences(); ++b)
            for (int t = 0; t < kept[b]; ++t) std::copy_n(projected + int64_t(input(b, t)) * width, width, to + int64_t(row(b, t)) * width);
    }

    void compute_head(int layer, Head& to, const Weights& W) {
        project(layer, to.q, h, W.Q);
        project(layer, to.k, h, W.K);
        project(layer, to.v, v, W.V);
        if (to.W_QK) set_product(matrix(to.W_QK, d, d), W.Q, W.K.transposed());
        const bool factored = plan.shape.factored_values;
        for (int b = 0; b < plan.rows.sequences(); ++b) {
            if (kept[b] == 0) continue;
            const int64_t at = first[b], size = kept[b];
            const Region below = plan.shape.causal ? Region::lower_out : Region::full;
            const Region summed = plan.shape.causal ? Region::lower_sum : Region::full;
            const Matrix<Vec<T>> pattern = matrix(to.pattern + at * c, size, size, c);
            set_product(pattern, matrix(to.q + at * h, size, h), Input<Vec<T>>(matrix(to.k + at * h, size, h)).transposed(), below);
            for (int t = 0; t < size; ++t) {
                if (keeps_scores) std::copy_n(to.pattern + (at + t) * c, seen(t, size), to.scores + (at + t) * c);
                softmax_row<Vec<T>>(to.pattern + (at + t) * c, seen(t, size), c, T(plan.scale));
            }
            set_product(matrix((factored ? mixed : to.z) + at * v, size, v), pattern, matrix(to.v + at * v, size, v), summed);
        }
        if (factored) set_product(matrix(to.z, n, d), matrix(mixed, n, h), W.O);
    }

    // The next layer's stream at one row.
    void add_up(int layer, int r) {
        const int64_t at = int64_t(r) * d;
        Vec<T>* to = stream[layer + 1] + at;
        std::copy_n(head(layer, 0).z + at, d, to);
        for (int k = 1; k < plan.shape.n_heads; ++k)
            for (int j = 0; j < d; ++j) to[j] += head(layer, k).z[at + j];
        if (plan.shape.residual)
            for (int j = 0; j < d; ++j) to[j] += stream[layer][at + j];
    }

    const std::vector<int> kept, first;  // [sequence]: how many of its rows, and where they begin
    std::vector<Head> heads;
    Vec<T>*const nothing;
    Vec<T>*mixed, *distinct = nullptr, *projected = nullptr;  // the distinct inputs of the first layer, where they are few
};

}  // namespace headlab::HEADLAB_ISA
