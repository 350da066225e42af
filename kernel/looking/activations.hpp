// What a model computes on its sequences when nobody intervenes, kept row by row, with room for what a case changes.
//
// Every block has a row for each (sequence, position) that a case may need, and behind these `rows()` rows those of the cases at
// work; a case's own index says for each position in which row it stands, so that what it leaves untouched is never computed again.
#pragma once

#include "../blocks/attention.hpp"
#include "blocks.hpp"

namespace headlab::HEADLAB_ISA {

class Activations {
  public:
    struct Head {
        Vec<double> *q, *k, *v, *scores, *pattern, *z;  // scores before the scale, only if asked for; z as the head writes it
        Vec<double>* W_QK;                              // of the last layer's heads, where it folds; else null
    };
    struct Weights {
        Input<Vec<double>> Q, K, V, O, R;  // R: of each distance
        int64_t head;                 // among those of all layers
    };

    // slots: cases at work at once, of which each has its own rows in `stream`
    Activations(const LookCall& call, int slots, Arena<Vec<double>>& arena)
        : plan(call.plan), d(plan.shape.d_model), h(plan.shape.d_head), v(plan.value_width()), c(plan.shape.n_ctx),
          weights(arena.take(plan.at.end)), blocks(plan, weights, arena), folds(d < 2 * h && !call.computes && !blocks.beyond_heads(plan.shape)),
          kept(kept_rows(call)), first(first_rows()), nothing(arena.take(d)) {
        const bool scores = call.computes ? call.computes->scores != nullptr : edits_scores(call);
        const int64_t all = int64_t(n) + int64_t(slots) * c;
        for (int l = 0; l <= plan.shape.n_layers; ++l)
            if (l < plan.shape.n_layers || call.computes || l == 0) stream.push_back(arena.take(all * d));
        for (int l = 0; l < plan.shape.n_layers; ++l) {
            const int64_t rows = int64_t(n) + c;
            read.push_back(blocks.norms_before() ? arena.take(all * d) : stream[l]);
            written.push_back(arena.take(plan.shape.d_mlp ? rows * d : 0));
            for (int k = 0; k < plan.shape.n_heads; ++k)
                heads.push_back({arena.take(rows * h), arena.take(rows * h), arena.take(rows * v), arena.take(scores ? rows * c : 0),
                                 arena.take(rows * c), arena.take(rows * d),
                                 folds && l == plan.shape.n_layers - 1 ? arena.take(int64_t(d) * d) : nullptr});
            keeps_scores = scores;
        }
        mixed = arena.take(plan.shape.factored_values ? int64_t(n) * h : 0);
        mid = arena.take(plan.shape.d_mlp ? int64_t(n) * d : 0);
        by_distance = arena.take(plan.shape.relative ? int64_t(c) * c : 0);
        paired = arena.take(plan.shape.pairs ? int64_t(plan.rows.inputs(0)) * d : 0);
        if (n > 2 * plan.rows.inputs(0)) {  // of a few sentences of many, most inputs are none of theirs
            distinct = arena.take(int64_t(plan.rows.inputs(0)) * d);
            projected = arena.take(int64_t(plan.rows.inputs(0)) * std::max(h, v));
        }
    }

    void compute() {
        if (plan.shape.pairs) pair_up();
        for (int b = 0; b < plan.rows.sequences(); ++b)
            for (int t = 0; t < kept[b]; ++t) {
                Vec<double>* to = stream[0] + int64_t(row(b, t)) * d;
                for (int j = 0; j < d; ++j) to[j] = plan.shape.positions ? token(b, t)[j] + position(t)[j] : token(b, t)[j];
            }
        for (int l = 0; l < plan.shape.n_layers; ++l) {
            for (int r = 0; blocks.norms_before() && r < n; ++r) read_row(l, r);
            if (l == 0 && distinct) copy_distinct();
            for (int k = 0; k < plan.shape.n_heads; ++k) compute_head(l, head(l, k), of_head(l, k));
            Vec<double>* above = l + 1 < int(stream.size()) ? stream[l + 1] : nullptr;
            Vec<double>* to = plan.shape.d_mlp ? mid : above;
            for (int r = 0; to && r < n; ++r) add_up(l, r, to + int64_t(r) * d);
            if (!plan.shape.d_mlp) continue;
            blocks.mlp(l, mid, nullptr, written[l], nullptr, n);
            for (int64_t at = 0; above && at < int64_t(n) * d; at += d) blocks.end_mlp(above + at, mid + at, written[l] + at, l);
        }
    }

    // What heads read, from a row of their stream.
    void read_row(int layer, int r) {
        if (blocks.norms_before()) blocks.norm(read[layer] + int64_t(r) * d, stream[layer] + int64_t(r) * d, HL_LN1_W, layer);
    }

    Head& head(int layer, int k) { return heads[layer * plan.shape.n_heads + k]; }
    const Head& head(int layer, int k) const { return heads[layer * plan.shape.n_heads + k]; }
    Weights of_head(int layer, int k) const {
        const int64_t block = int64_t(layer) * plan.shape.n_heads + k, qk = int64_t(d) * h;
        const Vec<double>* base = weights;
        return {matrix(base + plan.at[HL_W_Q] + block * qk, d, h), matrix(base + plan.at[HL_W_K] + block * qk, d, h),
                matrix(base + plan.at[HL_W_V] + block * d * v, d, v), matrix(base + plan.at[HL_W_O] + block * qk, h, d),
                matrix(base + plan.at[HL_W_R] + block * c * h, c, h), block};
    }

    const Vec<double>* token(int b, int t) const {
        if (plan.shape.pairs) return paired + int64_t(input(b, t)) * d;
        return weights + plan.at[HL_W_E] + int64_t(plan.rows.input_token[input(b, t)]) * d;
    }
    const Vec<double>* position(int t) const { return plan.shape.positions ? weights + plan.at[HL_W_POS] + int64_t(t) * d : nothing; }

    // To the scores of the query at t, what its distances to the keys give.
    void add_distances(Vec<double>* scores, const Vec<double>* distances, int t) const {
        for (int s = 0; s <= t; ++s) scores[s] += distances[t - s];
    }

    int rows() const { return n; }
    int row(int b, int t) const { return first[b] + t; }  // of a sequence that is kept
    int length(int b) const { return plan.rows.length(b); }
    int seen(int t, int length) const { return plan.shape.causal ? t + 1 : length; }

  private:
    int n = 0;

  public:
    const Plan& plan;
    const int d, h, v, c;
    Vec<double>*const weights;
    const Blocks blocks;
    const bool folds;  // whether u = x W_Q W_Kᵀ costs less by the product of the two, in the last layer
    bool keeps_scores = false;
    std::vector<Vec<double>*> stream;  // what each layer reads; of what is asked for on its own, what the last one writes, too
    std::vector<Vec<double>*> read;    // what its heads read: that, or that normed
    std::vector<Vec<double>*> written; // what its MLP writes

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

    // The embeddings of pairs, side by side.
    void pair_up() {
        const int half = d / 2, vocab = plan.shape.d_vocab;
        for (int i = 0; i < plan.rows.inputs(0); ++i) {
            const int id = plan.rows.input_token[i];
            std::copy_n(weights + plan.at[HL_W_E] + int64_t(id / vocab) * half, half, paired + int64_t(i) * d);
            std::copy_n(weights + plan.at[HL_W_E] + int64_t(id % vocab) * half, half, paired + int64_t(i) * d + half);
        }
    }

    void copy_distinct() {
        for (int b = 0; b < plan.rows.sequences(); ++b)
            for (int t = 0; t < kept[b]; ++t) std::copy_n(read[0] + int64_t(row(b, t)) * d, d, distinct + int64_t(input(b, t)) * d);
    }

    int input(int b, int t) const {  // without layers, each row has one of its own
        const int of = plan.rows.sequence_start[b] + t;
        return plan.shape.n_layers ? plan.rows.input_of_row[of] : of;
    }

    // What the heads of a layer read, times W; of the first one, each distinct input once.
    void project(int layer, Vec<double>* to, int width, Input<Vec<double>> W, int bias, int64_t head) {
        const auto added = [&](int rows) { return blocks.bias(bias, head, width, rows); };
        if (layer > 0 || !distinct) return product(matrix(to, n, width), added(n), matrix<const Vec<double>>(read[layer], n, d), W);
        const int inputs = plan.rows.inputs(0);
        product(matrix(projected, inputs, width), added(inputs), matrix<const Vec<double>>(distinct, inputs, d), W);
        for (int b = 0; b < plan.rows.sequences(); ++b)
            for (int t = 0; t < kept[b]; ++t) std::copy_n(projected + int64_t(input(b, t)) * width, width, to + int64_t(row(b, t)) * width);
    }

    void compute_head(int layer, Head& to, const Weights& W) {
        project(layer, to.q, h, W.Q, HL_B_Q, W.head);
        project(layer, to.k, h, W.K, HL_B_K, W.head);
        if (plan.shape.stream_values)
            std::copy_n(read[layer], int64_t(n) * d, to.v);
        else
            project(layer, to.v, v, W.V, HL_B_V, W.head);
        if (to.W_QK) set_product(matrix(to.W_QK, d, d), W.Q, W.K.transposed());
        const bool factored = plan.shape.factored_values;
        for (int b = 0; b < plan.rows.sequences(); ++b) {
            if (kept[b] == 0) continue;
            const int64_t at = first[b], size = kept[b];
            const Region below = plan.shape.causal ? Region::lower_out : Region::full;
            const Region summed = plan.shape.causal ? Region::lower_sum : Region::full;
            const Matrix<Vec<double>> pattern = matrix(to.pattern + at * c, size, size, c);
            set_product(pattern, matrix(to.q + at * h, size, h), Input<Vec<double>>(matrix(to.k + at * h, size, h)).transposed(), below);
            if (plan.shape.relative) {
                set_product(matrix(by_distance, size, size, c), matrix(to.q + at * h, size, h), Input<Vec<double>>(matrix(W.R.data, size, h)).transposed());
                for (int t = 0; t < size; ++t) add_distances(to.pattern + (at + t) * c, by_distance + int64_t(t) * c, t);
            }
            for (int t = 0; t < size; ++t) {
                if (keeps_scores) std::copy_n(to.pattern + (at + t) * c, seen(t, size), to.scores + (at + t) * c);
                softmax_row<Vec<double>>(to.pattern + (at + t) * c, seen(t, size), c, double(plan.scale));
            }
            set_product(matrix((factored ? mixed : to.z) + at * v, size, v), pattern, matrix(to.v + at * v, size, v), summed);
        }
        if (factored) set_product(matrix(to.z, n, d), matrix(mixed, n, h), W.O);
    }

    // What a layer's heads leave of the stream, at one row.
    void add_up(int layer, int r, Vec<double>* to) {
        const int64_t at = int64_t(r) * d;
        std::copy_n(head(layer, 0).z + at, d, to);
        for (int k = 1; k < plan.shape.n_heads; ++k)
            for (int j = 0; j < d; ++j) to[j] += head(layer, k).z[at + j];
        if (plan.shape.residual)
            for (int j = 0; j < d; ++j) to[j] += stream[layer][at + j];
        blocks.end_heads(to, layer);
    }

    const std::vector<int> kept, first;  // [sequence]: how many of its rows, and where they begin
    std::vector<Head> heads;
    Vec<double>*const nothing;
    Vec<double>*mixed, *mid, *by_distance, *paired, *distinct = nullptr, *projected = nullptr;  // the distinct inputs of the first layer, where they are few
};

}  // namespace headlab::HEADLAB_ISA
