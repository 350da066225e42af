// Parts: what gives what, exactly. With patterns held a model is linear in its embeddings.
//
// G[l] is what a vector in the stream before layer l adds to the readout. Through a head it goes back as
//   T[q] = G[q] W_Oᵀ W_Vᵀ            G'[s] = sum over q of pattern[q][s] T[q]
// and what is read along an edge gives pattern[q][s] T[q] · X[s]. Along one path G stays a product of what of each position gets
// through, a[s], and of a direction u: a'[s] = sum over q of a[q] pattern[q][s], u' = W_V W_O u.
#pragma once

#include <numeric>

#include "passage.hpp"

namespace headlab::HEADLAB_ISA {

class PartsWorker final : public Worker {
  public:
    PartsWorker(const PartsCall& call, Control& control)
        : call(call), plan(call.plan), control(control), gives(call.gives), d(plan.shape.d_model), L(plan.shape.n_layers),
          heads(plan.shape.n_heads), W(plan, arena),
          passage(plan, call.place.sequence, call.place.at + 1, L, call.place.at, call.known, needs(), W, arena), n(passage.n) {
        if (passage.looks())
            for (const int w : {HL_W_Q, HL_W_K}) W.want(w, 0, L);
        for (const int w : {HL_W_V, HL_W_O}) W.want(w, 0, L);
        for (int token = 0; token < plan.shape.d_vocab; ++token)
            if (call.readout[plan.order[token]] != 0) read.push_back(token);
        readout = arena.take(d);
        if (plan.shape.unembed) column = arena.take(d);
        for (Number*& one : G) one = arena.take(int64_t(n) * d);
        T = arena.take(int64_t(n) * d);
        back = arena.take(int64_t(n) * d);
        narrow = arena.take(int64_t(n) * plan.shape.d_head);
        D = arena.take(int64_t(n) * n);
        kept = arena.take(n);
        for (int l = 0; l <= L; ++l) {
            a.push_back(arena.take(n));
            u.push_back(arena.take(d));
        }
        sorted.resize(call.n_paths);
        std::iota(sorted.begin(), sorted.end(), 0);
        const auto before = [&](int x, int y) {
            for (int l = L - 1; l >= 0; --l)
                if (path(x)[l] != path(y)[l]) return path(x)[l] < path(y)[l];
            return x < y;
        };
        std::make_heap(sorted.begin(), sorted.end(), before);
        std::sort_heap(sorted.begin(), sorted.end(), before);
    }

    void work() noexcept override {
        for (int64_t first; (first = control.take(call.n_runs, lanes<double>)) >= 0;) {
            group = {first, int(std::min<int64_t>(lanes<double>, call.n_runs - first))};
            W.load(call.weights, group);
            passage.go(call.weights, group);
            take_readout();
            if (gives.token || gives.position) along_paths();
            if (gives.adjoint || gives.edge) backward(false);
            if (gives.gradient) backward(true);
            if (gives.total) total();
        }
    }

  private:
    PassageNeeds needs() const {
        return {true, gives.edge || gives.gradient || gives.total, gives.gradient != nullptr, false};
    }
    const int32_t* path(int number) const { return call.paths + int64_t(number) * L; }

    // W_U readout, or the readout itself where the stream is the logits.
    void take_readout() {
        std::fill_n(readout, d, Number{});
        for (const int token : read) {
            const double by = call.readout[plan.order[token]];
            if (!plan.shape.unembed) {
                readout[token] += by;
                continue;
            }
            for (int lane = 0; lane < lanes<double>; ++lane) {
                const double* from = call.weights + group.run(lane) * plan.at.end;
                for (int j = 0; j < d; ++j)
                    column[j][lane] = from[plan.gather[plan.at[HL_W_U] + int64_t(j) * plan.shape.d_vocab + token]];
            }
            for (int j = 0; j < d; ++j) readout[j] += column[j] * by;
        }
    }

    // Paths that end alike come one after the other: what they share is kept, layer by layer.
    void along_paths() {
        std::copy_n(readout, d, u[L]);
        for (size_t i = 0; i < sorted.size(); ++i) {
            const int32_t* now = path(sorted[i]);
            int from = L;
            if (i > 0)
                for (const int32_t* before = path(sorted[i - 1]); from > 0 && now[from - 1] == before[from - 1];) --from;
            for (int l = from - 1; l >= 0; --l) step(now, l);
            const bool direct = std::all_of(now, now + L, [](int32_t head) { return head < 0; });
            if (gives.token) give(gives.token, sorted[i], passage.token, direct);
            if (gives.position) give(gives.position, sorted[i], passage.position, direct);
        }
    }

    // From after layer l to before it.
    void step(const int32_t* path, int l) {
        const bool direct = std::all_of(path + l + 1, path + L, [](int32_t head) { return head < 0; });
        const int k = path[l];
        if (k < 0) {
            std::copy_n(u[l + 1], d, u[l]);
            if (!direct) std::copy_n(a[l + 1], n, a[l]);
            return;
        }
        const Matrix<Number> pattern = passage.pattern(l, k);
        if (direct)
            std::copy_n(pattern.data + int64_t(call.place.at - passage.first_query(l)) * n, n, a[l]);
        else
            set_product(matrix(a[l], 1, n), matrix(a[l + 1], 1, n), pattern);
        const Input<Number> above = matrix(u[l + 1], d, 1);
        if (plan.shape.factored_values) {
            set_product(matrix(narrow, plan.shape.d_head, 1), W(HL_W_O, l, k), above);
            set_product(matrix(u[l], d, 1), W(HL_W_V, l, k), matrix(narrow, plan.shape.d_head, 1));
        } else {
            set_product(matrix(u[l], d, 1), W(HL_W_V, l, k), above);
        }
    }

    void give(double* to, int number, Number* embeds, bool direct) {
        const int at = call.place.at;
        if (direct) {
            std::fill_n(kept, n, Number{});
            set_product(matrix(kept + at, 1, 1), matrix(embeds + int64_t(at) * d, 1, d), matrix(u[0], d, 1));
        } else {
            set_product(matrix(kept, n, 1), matrix(embeds, n, d), matrix(u[0], d, 1));
            for (int s = 0; s < n; ++s) kept[s] *= a[0][s];
        }
        for (int lane = 0; lane < group.n; ++lane)
            store_row(to + ((group.first + lane) * call.n_paths + number) * plan.shape.n_ctx, kept, n, plan.shape.n_ctx, lane);
    }

    // Of a row of n numbers, of which the first ones are there; the others are 0.
    static void store_row(double* to, const Number* from, int64_t there, int64_t all, int lane) {
        store_lane(to, from, nullptr, there, lane);
        std::fill_n(to + there, all - there, 0.0);
    }

    // G of every stream, from the last one down, into `adjoint` or `gradient`; reacts: patterns change, too.
    void backward(bool reacts) {
        double* to = reacts ? gives.gradient : gives.adjoint;
        Number *above = G[0], *below = G[1];
        std::fill_n(above, int64_t(n) * d, Number{});
        std::copy_n(readout, d, above + int64_t(call.place.at) * d);
        store_stream(to, L, above);
        for (int l = L - 1; l >= 0; --l) {
            for (int64_t i = 0; i < int64_t(n) * d; ++i) below[i] = plan.shape.residual ? above[i] : Number{};
            for (int k = 0; k < heads; ++k) back_through(l, k, above, below, reacts);
            store_stream(to, l, below);
            std::swap(above, below);
        }
    }

    void back_through(int l, int k, Number* above, Number* below, bool reacts) {
        const int rows = passage.queries(l), h = plan.shape.d_head;
        const Matrix<Number> G_q = passage.stream_of_queries(l, above), T_q = matrix(T, rows, d), pattern = passage.pattern(l, k);
        if (plan.shape.factored_values) {
            set_product(matrix(narrow, rows, h), G_q, W(HL_W_O, l, k).transposed());
            set_product(T_q, matrix(narrow, rows, h), W(HL_W_V, l, k).transposed());
        } else {
            set_product(T_q, G_q, W(HL_W_V, l, k).transposed());
        }
        add_product(matrix(below, n, d), pattern.transposed(), T_q, passage.where(l, Region::upper_sum));
        if (!reacts && !gives.edge) return;
        const Matrix<Number> read = matrix(D, rows, n);
        set_product(read, T_q, passage.stream(l).transposed(), passage.where(l, Region::lower_out));
        if (!reacts) return store_edges(l, k);
        for (int q = 0; q < rows; ++q)
            softmax_row_backward<Number>(pattern.data + int64_t(q) * n, D + int64_t(q) * n, passage.seen(passage.first_query(l) + q), n, plan.scale);
        // through keys: d scoreᵀ left; through queries: d score X W_K W_Qᵀ
        add_product(matrix(below, n, d), read.transposed(), passage.left(l, k), passage.where(l, Region::upper_sum));
        set_product(matrix(back, rows, d), read, passage.stream(l), passage.where(l, Region::lower_sum));
        set_product(matrix(narrow, rows, h), matrix(back, rows, d), W(HL_W_K, l, k));
        add_product(passage.stream_of_queries(l, below), matrix(narrow, rows, h), W(HL_W_Q, l, k).transposed());
    }

    void store_edges(int l, int k) {
        const int64_t c = plan.shape.n_ctx;
        const Matrix<Number> pattern = passage.pattern(l, k);
        for (int64_t i = 0; i < int64_t(pattern.rows) * n; ++i) D[i] *= pattern.data[i];
        for (int lane = 0; lane < group.n; ++lane) {
            double* to = gives.edge + (((group.first + lane) * L + l) * heads + k) * c * c;
            std::fill_n(to, c * c, 0.0);
            for (int q = 0; q < pattern.rows; ++q) {
                const int query = passage.first_query(l) + q;
                store_lane(to + query * c, D + int64_t(q) * n, nullptr, passage.seen(query), lane);
            }
        }
    }

    // Of d_model numbers each is the caller's, which are the vocabulary's where the stream is the logits.
    void store_stream(double* base, int layer, const Number* from) {
        if (!base) return;
        const int64_t c = plan.shape.n_ctx;
        for (int lane = 0; lane < group.n; ++lane) {
            double* to = base + ((group.first + lane) * (L + 1) + layer) * c * d;
            for (int s = 0; s < n; ++s)
                for (int j = 0; j < d; ++j) to[int64_t(s) * d + (plan.shape.unembed ? j : plan.order[j])] = canonical<double>(from[int64_t(s) * d + j][lane]);
            std::fill_n(to + int64_t(n) * d, (c - n) * d, 0.0);
        }
    }

    void total() {
        Number sum;
        set_product(matrix(&sum, 1, 1), matrix(passage.stream(L).data + int64_t(call.place.at) * d, 1, d), matrix(readout, d, 1));
        for (int lane = 0; lane < group.n; ++lane) gives.total[group.first + lane] = canonical<double>(sum[lane]);
    }

    const PartsCall& call;
    const Plan& plan;
    Control& control;
    const hl_gives gives;
    const int d, L, heads;
    Arena<Number> arena;
    HeadWeights W;
    Passage passage;
    const int n;  // positions
    Group group{};
    std::vector<int> read, sorted;  // tokens that the readout reads; paths
    Number *readout, *column = nullptr, *G[2], *T, *back, *narrow, *D, *kept;
    std::vector<Number*> a, u;  // before each layer, and after the last
};

class ScorePartsWorker final : public Worker {
  public:
    ScorePartsWorker(const ScorePartsCall& call, Control& control)
        : call(call), plan(call.plan), control(control), d(plan.shape.d_model), F(features_of(plan.shape, call.layer)), W(plan, arena),
          n_query(call.n_queries * F), n_key(call.n_keys * F) {
        const int l = call.layer;
        const bool written = call.known && call.known->written, patterns = call.known && call.known->patterns;
        for (const int w : {HL_W_Q, HL_W_K}) W.want(w, written || patterns ? l : 0, l + 1);
        if (!written)
            for (const int w : {HL_W_V, HL_W_O}) W.want(w, 0, l);
        longest.assign(plan.rows.sequences(), 0);
        for (const auto& [places, count] : {std::pair(call.queries, call.n_queries), std::pair(call.keys, call.n_keys)})
            for (int i = 0; i < count; ++i) longest[places[i].sequence] = std::max(longest[places[i].sequence], places[i].at + 1);
        for (int b = 0; b < plan.rows.sequences(); ++b)
            passages.push_back(longest[b] ? std::make_unique<Passage>(plan, b, longest[b], l, -1, call.known, PassageNeeds{false, false, false, l > 0}, W, arena)
                                          : nullptr);
        for (int s = 0; s < call.n_keys; ++s) {  // neighbours in a sequence are worked on at once
            if (s == 0 || call.keys[s].sequence != call.keys[s - 1].sequence) rows.push_back({call.keys[s].sequence, s, {}});
            rows.back().positions.push_back(call.keys[s].at);
        }
        query = arena.take(int64_t(n_query) * d);
        narrow = arena.take(int64_t(n_query) * plan.shape.d_head);
        left = arena.take(int64_t(n_query) * d);
        scores = arena.take(int64_t(n_query) * n_key);
    }

    void work() noexcept override {
        for (int64_t first; (first = control.take(call.n_runs, lanes<double>)) >= 0;) {
            group = {first, int(std::min<int64_t>(lanes<double>, call.n_runs - first))};
            W.load(call.weights, group);
            for (const auto& passage : passages)
                if (passage) passage->go(call.weights, group);
            collect_queries();
            for (int k = 0; k < plan.shape.n_heads; ++k) {
                set_product(matrix(narrow, n_query, plan.shape.d_head), matrix(query, n_query, d), W(HL_W_Q, call.layer, k));
                set_product(matrix(left, n_query, d), matrix(narrow, n_query, plan.shape.d_head), W(HL_W_K, call.layer, k).transposed());
                for (const Keys& some : rows)
                    for (int i = 0; i < F; ++i) score(some, i);
                store(k);
            }
        }
    }

  private:
    struct Keys {
        int sequence, first;
        std::vector<int> positions;
    };

    // Of all positions of a sequence; features in their order: token, position, heads.
    Matrix<Number> feature(int sequence, int number) const {
        const Passage& passage = *passages[sequence];
        const int embeds = plan.shape.residual || call.layer == 0 ? 2 : 0, head = number - embeds;
        if (head < 0) return matrix(number == 0 ? passage.token : passage.position, passage.n, d);
        const int first = plan.shape.residual ? 0 : std::max(0, call.layer - 1);
        return passage.written(first + head / plan.shape.n_heads, head % plan.shape.n_heads);
    }

    void collect_queries() {
        for (int q = 0; q < call.n_queries; ++q)
            for (int i = 0; i < F; ++i)
                std::copy_n(feature(call.queries[q].sequence, i).data + int64_t(call.queries[q].at) * d, d, query + (int64_t(q) * F + i) * d);
    }

    // The scores of all queries with one feature of some keys.
    void score(const Keys& some, int number) {
        const int n = int(some.positions.size());
        const Matrix<Number> to = matrix(scores + int64_t(number) * call.n_keys + some.first, n_query, n, n_key);
        set_product(to, matrix(left, n_query, d), feature(some.sequence, number).gathered(some.positions.data(), n).transposed());
    }

    void store(int k) {
        const int64_t size = int64_t(n_query) * n_key;
        for (int64_t i = 0; i < size; ++i) scores[i] *= plan.scale;
        for (int lane = 0; lane < group.n; ++lane) {
            double* to = call.parts + ((group.first + lane) * plan.shape.n_heads + k) * size;
            for (int q = 0; q < call.n_queries; ++q)
                for (int s = 0; s < call.n_keys; ++s)
                    for (int i = 0; i < F; ++i)
                        for (int j = 0; j < F; ++j) *to++ = canonical(of_run(scores[(int64_t(q) * F + i) * n_key + int64_t(j) * call.n_keys + s], lane));
        }
    }

    const ScorePartsCall& call;
    const Plan& plan;
    Control& control;
    const int d, F;  // features
    Arena<Number> arena;
    HeadWeights W;
    const int n_query, n_key;
    Group group{};
    std::vector<int> longest;  // positions of each sequence that are looked at
    std::vector<std::unique_ptr<Passage>> passages;
    std::vector<Keys> rows;
    Number *query, *narrow, *left, *scores;
};

}  // namespace headlab::HEADLAB_ISA
