// One sequence's way through some layers, up to a position, in double: embeddings, patterns, streams, and what each head writes.
#pragma once

#include "arena.hpp"
#include "blocks/attention.hpp"
#include "plan.hpp"
#include "product.hpp"

namespace headlab::HEADLAB_ISA {

using Number = Vec<double>;

// The runs of a group, and whose is in which lane: spare lanes repeat the first run.
struct Group {
    int64_t first;
    int n;
    int64_t run(int lane) const { return first + (lane < n ? lane : 0); }
};

// Matrices of heads, as trained.
class HeadWeights {
  public:
    HeadWeights(const Plan& plan, Arena<Number>& arena) : plan(plan), arena(arena) {}

    // Those of some layers, from one on; only once for each weight.
    void want(int weight, int from_layer, int to_layer) {
        if (plan.at.of[weight].size() == 0 || from_layer >= to_layer) return;
        const int64_t layer = plan.at.of[weight].size() / plan.shape.n_layers;
        wanted[weight] = {plan.at[weight] + from_layer * layer, plan.at[weight] + to_layer * layer};
        numbers[weight] = arena.take(wanted[weight].size());
    }
    void load(const double* weights, const Group& group) {
        for (int w = 0; w < HL_WEIGHTS; ++w)
            for (int64_t from = 0; from < wanted[w].size(); from += together)
                for (int lane = 0; lane < lanes<double>; ++lane)
                    load_lane(numbers[w] + from, weights + group.run(lane) * plan.at.end, plan.gather.data() + wanted[w].from + from,
                                      std::min(together, wanted[w].size() - from), lane);
    }
    Input<Number> operator()(int weight, int layer, int head) const {
        const int d = plan.shape.d_model, h = plan.shape.d_head, v = plan.value_width();
        const int rows = weight == HL_W_O ? h : d, cols = weight == HL_W_O ? d : weight == HL_W_V ? v : h;
        const int64_t block = (int64_t(layer) * plan.shape.n_heads + head) * rows * cols;
        return matrix<const Number>(numbers[weight] + (plan.at[weight] + block - wanted[weight].from), rows, cols);
    }

  private:
    static constexpr int64_t together = 256;  // numbers whose lanes stay in the first-level cache

    const Plan& plan;
    Arena<Number>& arena;
    Range wanted[HL_WEIGHTS] = {};
    Number* numbers[HL_WEIGHTS] = {};
};

// What of a passage is wanted, beside embeddings.
struct PassageNeeds {
    bool patterns, streams, left, written;  // streams above layers; X_q W_Q W_Kᵀ; what each head writes
};

class Passage {
  public:
    // From the first position on, n of them, or as many as the mask lets the last of these see. last: the only position whose
    // queries count in the last layer, or -1: all do.
    Passage(const Plan& plan, int sequence, int n_asked, int layers, int last, const hl_known* given, PassageNeeds needs,
            const HeadWeights& W, Arena<Number>& arena)
        : n(plan.shape.causal ? n_asked : plan.rows.length(sequence)), layers(layers), last(last), plan(plan), sequence(sequence),
          d(plan.shape.d_model), known(given ? *given : hl_known{}), needs(needs), W(W), token(arena.take(int64_t(n) * d)), position(arena.take(int64_t(n) * d)) {
        const int heads = plan.shape.n_heads;
        if (!plan.shape.unembed) place.assign(plan.order.begin(), plan.order.end());
        for (int l = 0; l <= layers; ++l) streams.push_back(streams_needed() ? arena.take(int64_t(n) * d) : nullptr);
        for (int l = 0; l < layers; ++l)
            for (int k = 0; k < heads; ++k) {
                pattern_of.push_back(arena.take(needs.patterns || !known.written ? int64_t(queries(l)) * n : 0));
                left_of.push_back(arena.take(looks() ? int64_t(queries(l)) * d : 0));
                written_of.push_back(needs.written ? arena.take(int64_t(n) * d) : nullptr);
            }
        if (!streams_needed()) return;
        narrow = arena.take(int64_t(n) * std::max(plan.shape.d_head, d));
        mixed = arena.take(int64_t(n) * d);
        out = arena.take(int64_t(n) * d);
    }

    void go(const double* weights, const Group& group) {
        embed(weights, group);
        for (int l = 0; l < layers; ++l) {
            // What nobody reads is not written: the last layer's stream, unless it is asked for.
            const bool writes = needs.written || needs.streams || (streams_needed() && l + 1 < layers);
            for (int k = 0; k < plan.shape.n_heads; ++k) {
                if (looks()) look(l, k);
                if (known.patterns && (needs.patterns || !known.written)) load_pattern(group, l, k);
                if (writes && known.written) load_written(group, l, k);
                if (writes && !known.written) write(l, k);
                if (writes && streams_needed()) add_to_stream(l, k);
            }
        }
    }

    // Whether queries are held against keys, and whether streams above the first one are known.
    bool looks() const { return layers > 0 && (needs.left || (!known.patterns && (needs.patterns || !known.written))); }
    bool streams_needed() const { return needs.streams || looks() || (needs.written && !known.written); }

    int first_query(int layer) const { return last >= 0 && layer == layers - 1 ? last : 0; }
    int queries(int layer) const { return last >= 0 && layer == layers - 1 ? 1 : n; }
    bool square(int layer) const { return queries(layer) == n && first_query(layer) == 0; }
    int seen(int query) const { return plan.shape.causal ? query + 1 : n; }
    Region where(int layer, Region causal) const { return plan.shape.causal && square(layer) ? causal : Region::full; }

    Matrix<Number> stream(int layer) const { return matrix(streams[layer], n, d); }
    Matrix<Number> stream_of_queries(int layer, Number* of) const { return matrix(of + int64_t(first_query(layer)) * d, queries(layer), d); }
    Matrix<Number> pattern(int layer, int head) const { return matrix(pattern_of[number(layer, head)], queries(layer), n); }
    Matrix<Number> left(int layer, int head) const { return matrix(left_of[number(layer, head)], queries(layer), d); }
    Matrix<Number> written(int layer, int head) const { return matrix(written_of[number(layer, head)], n, d); }

    const int n, layers, last;

  private:
    size_t number(int layer, int head) const { return size_t(layer) * plan.shape.n_heads + head; }

    void embed(const double* weights, const Group& group) {
        const int first = plan.rows.sequence_start[sequence];
        for (int s = 0; s < n; ++s) {
            const int input = plan.rows.input_of_row[first + s];
            const int64_t to = int64_t(s) * d;
            const int64_t* token_place = plan.gather.data() + plan.at[HL_W_E] + int64_t(plan.rows.input_token[input]) * d;
            const int64_t* position_place = plan.gather.data() + plan.at[HL_W_POS] + int64_t(s) * d;
            for (int lane = 0; lane < lanes<double>; ++lane) {
                const double* from = weights + group.run(lane) * plan.at.end;
                load_lane(token + to, from, token_place, d, lane);
                if (plan.shape.positions) load_lane(position + to, from, position_place, d, lane);
            }
        }
        if (!streams_needed()) return;
        for (int64_t i = 0; i < int64_t(n) * d; ++i) streams[0][i] = plan.shape.positions ? token[i] + position[i] : token[i];
    }

    // left = X_q W_Q W_Kᵀ, and the pattern of left · Xᵀ where none is given
    void look(int l, int k) {
        const int rows = queries(l), h = plan.shape.d_head;
        set_product(matrix(narrow, rows, h), stream_of_queries(l, streams[l]), W(HL_W_Q, l, k));
        set_product(left(l, k), matrix(narrow, rows, h), W(HL_W_K, l, k).transposed());
        if (known.patterns) return;
        set_product(pattern(l, k), left(l, k), stream(l).transposed(), where(l, Region::lower_out));
        for (int q = 0; q < rows; ++q)
            softmax_row<Number>(pattern_of[number(l, k)] + int64_t(q) * n, seen(first_query(l) + q), n, plan.scale);
    }

    void load_pattern(const Group& group, int l, int k) {
        const int64_t c = plan.shape.n_ctx;
        for (int q = 0; q < queries(l); ++q) {
            const int query = first_query(l) + q;
            for (int lane = 0; lane < lanes<double>; ++lane)
                load_lane(pattern_of[number(l, k)] + int64_t(q) * n,
                                  known.patterns + (offset(group.run(lane), l, k) * c + query) * c, nullptr, seen(query), lane);
        }
    }

    void load_written(const Group& group, int l, int k) {
        const Matrix<Number> to = written_or_out(l, k);
        for (int q = 0; q < to.rows; ++q)
            for (int lane = 0; lane < lanes<double>; ++lane) {
                const double* from = known.written + (offset(group.run(lane), l, k) * plan.shape.n_ctx + first_query(l) + q) * d;
                load_lane(to.data + int64_t(q) * d, from, place.empty() ? nullptr : place.data(), d, lane);
            }
    }
    int64_t offset(int64_t run, int l, int k) const { return run * known.run + int64_t(number(l, k)) * known.head + sequence * known.sequence; }

    Matrix<Number> written_or_out(int l, int k) const { return matrix(needs.written ? written_of[number(l, k)] : out, queries(l), d); }

    // z = pattern X W_V (W_O)
    void write(int l, int k) {
        const int rows = queries(l), v = plan.value_width();
        const Matrix<Number> to = written_or_out(l, k);
        set_product(matrix(mixed, rows, d), pattern(l, k), stream(l), where(l, Region::lower_sum));
        if (plan.shape.factored_values) {
            set_product(matrix(narrow, rows, v), matrix(mixed, rows, d), W(HL_W_V, l, k));
            set_product(to, matrix(narrow, rows, v), W(HL_W_O, l, k));
        } else {
            set_product(to, matrix(mixed, rows, d), W(HL_W_V, l, k));
        }
    }

    void add_to_stream(int l, int k) {
        if (k == 0)
            for (int64_t i = 0; i < int64_t(n) * d; ++i) streams[l + 1][i] = plan.shape.residual ? streams[l][i] : Number{};
        const Matrix<Number> from = written_or_out(l, k);
        Number* above = stream_of_queries(l, streams[l + 1]).data;
        for (int64_t i = 0; i < int64_t(from.rows) * d; ++i) above[i] += from.data[i];
    }

    const Plan& plan;
    const int sequence, d;
    const hl_known known;
    const PassageNeeds needs;
    const HeadWeights& W;

  public:
    Number *const token, *const position;  // [n, d_model]

  private:
    Number *narrow = nullptr, *mixed = nullptr, *out = nullptr;
    std::vector<int64_t> place;  // the caller's of each number of a stream, where it is another
    std::vector<Number*> streams, pattern_of, left_of, written_of;
};

}  // namespace headlab::HEADLAB_ISA
