// Look: forward alone, with interventions in the middle of it; in double, whatever the type of weights and results.
//
// What nobody intervenes upon is computed once for a group of runs. A case then computes only what its edits change: rows of its own
// sequence, none behind the position whose logits are wanted, and of the last layer that position alone. There, the weighted keys are
// added up before W_V, and the query goes through W_K before it meets them, so that no key or value of the last layer is computed.
#pragma once

#include "looking/edits.hpp"

namespace headlab::HEADLAB_ISA {

class LookWorker final : public Worker {
  public:
    LookWorker(const LookCall& call, Control& control)
        : call(call), plan(call.plan), control(control), on(call, together, arena), edits(on), d(on.d), h(on.h), v(on.v), c(on.c),
          n_layers(plan.shape.n_layers), n_heads(plan.shape.n_heads), out(int(size_of(plan.shape, Axis::out))),
          plain(Blocks::beyond_heads(plan.shape)), order(plan.order.begin(), plan.order.end()) {
        final_stream = arena.take(int64_t(together) * c * d);
        logits = arena.take(int64_t(std::max(together, c)) * out);
        final_normed = arena.take(plan.shape.norm_final ? int64_t(std::max(together, c)) * d : 0);
        by_distance = arena.take(plan.shape.relative ? int64_t(std::max(pack_from_rows, 1)) * c : 0);
        sum = arena.take(int64_t(std::max(together, c)) * d);
        delta = arena.take(int64_t(std::max(together, c)) * v);
        mixed = arena.take(int64_t(std::max(together, c)) * v);
        scratch = arena.take(std::max(d, v));
        query = arena.take(int64_t(together) * h);
        through = arena.take(int64_t(together) * d);
        replaced = arena.take(int64_t(together) * d);
        row = arena.take(c);
        first_read.push_back(0);
        for (int i = 0; i < call.n_cases; ++i) {
            first_read.push_back(first_read.back() + call.cases[i].n_reads);
            most_reads = std::max(most_reads, call.cases[i].n_reads);
        }
        reads = arena.take(int64_t(together) * most_reads * std::max(d, v));
        written_reads = arena.take(int64_t(together) * most_reads * std::max(d, out));
        read_rows.resize(together * most_reads);
        for (auto* table : {&q_row, &k_row, &v_row, &p_row, &z_row, &list, &other_list, &written_list}) table->resize(std::max(together, c));
        where.resize(together * c);
        changed.resize(together * c);
        for (auto* mark : {&left_out, &is_needed, &has_delta, &mlp_edited}) mark->resize(std::max(together, c));
        for (auto* mark : {&marks.q, &marks.k, &marks.v, &marks.scores, &marks.softmax, &marks.pattern, &marks.mix, &marks.z}) mark->resize(c);
    }

    void work() noexcept override {
        for (int64_t group; (group = control.take(call.n_runs, lanes<double>)) >= 0;) {
            first_run = group;
            n_lanes = int(std::min<int64_t>(lanes<double>, call.n_runs - group));
            for (int lane = 0; lane < lanes<double>; ++lane) {
                run[lane] = group + (lane < n_lanes ? lane : 0);
                load(lane);
            }
            on.compute();
            if (call.computes) store_computed(*call.computes);
            for (int from = 0; from < call.n_cases; from += together) look(from, std::min(from + together, call.n_cases));
        }
    }

  private:
    using Head = Activations::Head;
    using Weights = Activations::Weights;
    static constexpr int together = 8;  // cases, whose last layers are worked on at once

    // One run's weights, in double whatever the caller's are.
    void load(int lane) {
        const int64_t n = plan.at.end, first = run[lane] * n;
        const auto from = [&](const auto* given) {
            for (int64_t i = 0; i < n; ++i) on.weights[i][lane] = double(given[first + plan.gather[i]]);
        };
        if (call.type == HL_FLOAT64)
            from(static_cast<const double*>(call.weights));
        else
            from(static_cast<const float*>(call.weights));
    }

    void look(int from, int to) {
        int n_put_off = 0, put_off[together];
        for (int slot = 0; from + slot < to; ++slot) {
            begin(call.cases[from + slot], slot);
            if (n_layers > 0) edit_stream(0);
            for (int l = 0; l + 1 < n_layers; ++l) {
                layer(l);
                edit_stream(l + 1);
            }
            if (can_be_put_off())
                put_off[n_put_off++] = slot;
            else if (n_layers > 0)
                layer(n_layers - 1);
            else
                for (int t = 0; t < ends; ++t) std::copy_n(on.stream[0] + int64_t(x_row[t]) * d, d, final_row(t));
        }
        if (n_put_off > 0) last_layers(from, put_off, n_put_off);
        for (int slot = 0; from + slot < to; ++slot) {
            begin_again(call.cases[from + slot], slot);
            edit_direct();
        }
        store_logits(from, to);
        store_reads(from, to);
    }

    // The case that the functions below are about.
    void begin_again(const hl_case& of, int number) {
        item = &of;
        slot = number;
        size = on.length(of.sequence);
        ends = plan.shape.causal && of.at >= 0 && !call.pattern ? of.at + 1 : size;
        x_row = where.data() + int64_t(slot) * c;
        x_changed = changed.data() + int64_t(slot) * c;
    }

    // The stream that the first layer reads.
    void begin(const hl_case& of, int number) {
        begin_again(of, number);
        for (int t = 0; t < ends; ++t) {
            x_row[t] = on.row(of.sequence, t);
            x_changed[t] = 0;
        }
        for (int e = 0; e < of.n_edits; ++e) {
            if (of.edits[e].what != HL_TOKEN && of.edits[e].what != HL_POSITION) continue;
            const Span span = places(of.edits[e], ends);
            for (int t = span.from; t < span.to; ++t) x_changed[t] = 1;
        }
        for (int t = 0; t < ends; ++t) {
            if (!x_changed[t]) continue;
            x_row[t] = case_row(t);
            embed(on.stream[0] + int64_t(x_row[t]) * d, t);
        }
    }

    int case_row(int t) const { return on.rows() + slot * c + t; }  // of the stream; of what is within heads: rows() + t
    int head_row(int t) const { return on.rows() + t; }

    void embed(Vec<double>* to, int t) {
        const auto clean = [&](int b, int from) { return on.token(b, from); };
        std::copy_n(on.token(item->sequence, t), d, to);
        std::copy_n(on.position(t), d, scratch);
        for (int e = 0; e < item->n_edits; ++e) {
            const hl_edit& edit = item->edits[e];
            if (edit.at >= 0 && edit.at != t) continue;
            if (edit.what == HL_TOKEN) edits.replace(edit, to, d, t, clean);
            if (edit.what == HL_POSITION) edits.replace_position(edit, scratch, item->sequence, t);
        }
        if (plan.shape.positions)
            for (int j = 0; j < d; ++j) to[j] += scratch[j];
    }

    void edit_stream(int l) {
        for (int e = 0; e < item->n_edits; ++e) {
            const hl_edit& edit = item->edits[e];
            if (edit.what != HL_RESID || !of_layer(edit, l)) continue;
            const auto clean = [&](int b, int from) { return on.stream[l] + int64_t(on.row(b, from)) * d; };
            const Span span = places(edit, ends);
            for (int t = span.from; t < span.to; ++t) {
                if (edits.replace(edit, scratch, d, t, clean)) std::copy_n(scratch, d, on.stream[l] + int64_t(changed_row(t)) * d);
            }
        }
    }
    int changed_row(int t) {
        x_changed[t] = 1;
        return x_row[t] = case_row(t);
    }

    // ---- Which rows of a head an edit or a changed stream changes; head -1: of any

    struct Marks {
        std::vector<uint8_t> q, k, v, scores, softmax, pattern, mix, z;
    };

    void mark(int l, int head, Span queries) {
        for (auto* all : {&marks.softmax, &marks.pattern, &marks.z}) std::fill_n(all->data(), ends, 0);
        for (auto* all : {&marks.q, &marks.k, &marks.v}) std::copy_n(x_changed, ends, all->data());
        for (int e = 0; e < item->n_edits; ++e) {
            if (!of_head(item->edits[e], l, head)) continue;
            uint8_t* marked = marks_of(item->edits[e].what);
            const Span span = places(item->edits[e], ends);
            for (int t = span.from; marked && t < span.to; ++t) marked[t] = 1;
        }
        const int first_key = first_of(marks.k), first_value = first_of(marks.v);
        for (int t = queries.from; t < queries.to; ++t) {
            const int seen = on.seen(t, size);
            marks.scores[t] = marks.q[t] || first_key < seen;
            marks.softmax[t] |= marks.scores[t];
            marks.pattern[t] |= marks.softmax[t];
            marks.mix[t] = marks.pattern[t] || first_value < seen;
            marks.z[t] |= marks.mix[t];
        }
    }
    uint8_t* marks_of(int what) {
        switch (what) {
            case HL_Q: return marks.q.data();
            case HL_K: return marks.k.data();
            case HL_V: return marks.v.data();
            case HL_SCORES: return marks.softmax.data();
            case HL_PATTERN: return marks.pattern.data();
            case HL_Z:
            case HL_EDGE: return marks.z.data();
        }
        return nullptr;
    }
    int first_of(const std::vector<uint8_t>& marked) const {
        int t = 0;
        while (t < ends && !marked[t]) ++t;
        return t;
    }

    // ---- One layer of one case, at the queries that are needed

    void layer(int l) {
        const bool last = l + 1 == n_layers;
        const Span queries = last && item->at >= 0 && !call.pattern ? Span{item->at, item->at + 1} : Span{0, ends};
        mark(l, -1, queries);
        if (!attention_alone) mark_mlp(l);
        for (int t = 0; on.blocks.norms_before() && t < ends; ++t)
            if (x_changed[t]) on.read_row(l, x_row[t]);
        bool any = last || call.pattern;
        for (int t = queries.from; t < queries.to; ++t) {
            is_needed[t] = last || marks.z[t] || x_changed[t] || mlp_edited[t];
            any = any || is_needed[t];
            if (is_needed[t]) std::fill_n(sum + int64_t(t) * d, d, Vec<double>{});
        }
        if (!any) return go_up_clean();
        for (int k = 0; k < n_heads; ++k) layer_head(l, k, queries);
        for (int t = queries.from; t < queries.to; ++t) {
            if (!is_needed[t]) {
                x_row[t] = on.row(item->sequence, t);
                x_changed[t] = 0;
                continue;
            }
            const Vec<double>*below = on.stream[l] + int64_t(x_row[t]) * d, *added = sum + int64_t(t) * d;
            Vec<double>* above = last ? final_row(t) : on.stream[l + 1] + int64_t(case_row(t)) * d;
            for (int j = 0; j < d; ++j) above[j] = plan.shape.residual ? added[j] + below[j] : added[j];
            on.blocks.end_heads(above, l);
            changed_row(t);
        }
        if (plan.shape.d_mlp) layer_mlp(l, last ? final_stream : on.stream[l + 1], last ? slot * c : case_row(0), queries);
    }

    // What the MLP adds to the rows that are needed, those at `first` and behind it; and edits of that.
    void layer_mlp(int l, Vec<double>* stream, int first, Span queries) {
        int n = 0;
        for (int t = queries.from; t < queries.to; ++t) {
            if (!is_needed[t]) continue;
            list[n] = first + t;
            other_list[n++] = head_row(t);
        }
        Vec<double>* written = on.written[l];
        on.blocks.mlp(l, stream, list.data(), written, other_list.data(), n);
        for (int i = 0; i < n; ++i) {
            const int t = list[i] - first;
            Vec<double>*added = written + int64_t(other_list[i]) * d, *to = stream + int64_t(list[i]) * d;
            for (int e = 0; e < item->n_edits; ++e) {
                const hl_edit& edit = item->edits[e];
                if (edit.what == HL_MLP && of_layer(edit, l) && (edit.at < 0 || edit.at == t))
                    edits.replace(edit, added, d, t, [&](int b, int from) { return written + int64_t(on.row(b, from)) * d; });
            }
            on.blocks.end_mlp(to, to, added, l);
        }
    }
    void mark_mlp(int l) {
        std::fill_n(mlp_edited.data(), ends, 0);
        for (int e = 0; e < item->n_edits; ++e) {
            if (item->edits[e].what != HL_MLP || !of_layer(item->edits[e], l)) continue;
            const Span span = places(item->edits[e], ends);
            for (int t = span.from; t < span.to; ++t) mlp_edited[t] = 1;
        }
    }

    Vec<double>* final_row(int t) { return final_stream + (int64_t(slot) * c + t) * d; }
    void go_up_clean() {
        for (int t = 0; t < ends; ++t) {
            x_row[t] = on.row(item->sequence, t);
            x_changed[t] = 0;
        }
    }

    void layer_head(int l, int k, Span queries) {
        mark(l, k, queries);
        const Head& to = on.head(l, k);
        const Weights W = on.of_head(l, k);
        const Span keys = {0, ends};
        rows_of(HL_Q, l, k, to.q, h, W.Q, bias_of(HL_B_Q, W.head, h), marks.q, queries, q_row.data());
        rows_of(HL_K, l, k, to.k, h, W.K, bias_of(HL_B_K, W.head, h), marks.k, keys, k_row.data());
        rows_of(HL_V, l, k, to.v, v, W.V, bias_of(HL_B_V, W.head, v), marks.v, keys, v_row.data());
        patterns(l, k, to, W, queries);
        if (call.pattern) store_pattern(l, k, to);
        if (l + 1 == n_layers && item->n_reads > 0) read_values(k, to, W);
        mix(to, W, queries);
        edit_z(l, k, to, W, queries);
        for (int t = queries.from; t < queries.to; ++t) {
            if (!is_needed[t]) continue;
            const Vec<double>* from = to.z + int64_t(z_row[t]) * d;
            for (int j = 0; j < d; ++j) sum[int64_t(t) * d + j] += from[j];
        }
    }

    // q, k or v; index: the row in which each position stands.
    void rows_of(int what, int l, int k, Vec<double>* block, int width, Input<Vec<double>> W, Input<Vec<double>> bias, const std::vector<uint8_t>& marked, Span span,
                 int* index) {
        int n = 0;
        for (int t = span.from; t < span.to; ++t) {
            const int clean = on.row(item->sequence, t);
            index[t] = marked[t] ? head_row(t) : clean;
            if (x_changed[t]) {
                list[n] = x_row[t];
                other_list[n++] = head_row(t);
            } else if (marked[t]) {
                std::copy_n(block + int64_t(clean) * width, width, block + int64_t(head_row(t)) * width);
            }
        }
        if (n > 0 && what == HL_V && plan.shape.stream_values)
            for (int i = 0; i < n; ++i) std::copy_n(on.read[l] + int64_t(list[i]) * d, d, block + int64_t(other_list[i]) * d);
        else if (n > 0)
            product(matrix(block, n, width).gathered(other_list.data(), n), bias, Input<Vec<double>>(matrix(on.read[l], n, d)).gathered(list.data(), n), W);
        for (int e = 0; e < item->n_edits; ++e) {
            const hl_edit& edit = item->edits[e];
            if (edit.what != what || !of_head(edit, l, k)) continue;
            const Span at = places(edit, span.to);
            for (int t = std::max(at.from, span.from); t < at.to; ++t)
                edits.replace(edit, block + int64_t(head_row(t)) * width, width, t,
                              [&](int b, int from) { return block + int64_t(on.row(b, from)) * width; });
        }
    }

    Input<Vec<double>> bias_of(int which, int64_t head, int width) const { return on.blocks.bias(which, head, width, c); }

    // Of the marked queries, some at a time: call(how many, the keys that the last of them sees), with their positions in list.
    template <class Call> void some_at_a_time(const std::vector<uint8_t>& marked, Span queries, Call call_with) {
        int n = 0;
        for (int t = queries.from; t < queries.to; ++t) {
            if (marked[t]) list[n++] = t;
            if (n == 0 || (n < pack_from_rows && t + 1 < queries.to)) continue;
            call_with(n, on.seen(list[n - 1], size));
            n = 0;
        }
    }
    const int* rows_in(const std::vector<int>& index, int n, std::vector<int>& into) const {
        for (int i = 0; i < n; ++i) into[i] = index[list[i]];
        return into.data();
    }

    void patterns(int l, int k, const Head& to, const Weights& W, Span queries) {
        for (int t = queries.from; t < queries.to; ++t) p_row[t] = marks.pattern[t] ? head_row(t) : on.row(item->sequence, t);
        some_at_a_time(marks.scores, queries, [&](int n, int seen) {
            const Matrix<Vec<double>> scores = matrix(to.pattern, n, seen, c).gathered(rows_in(p_row, n, written_list), n);
            const Input<Vec<double>> queried = Input<Vec<double>>(matrix(to.q, n, h)).gathered(rows_in(q_row, n, other_list), n);
            set_product(scores, queried, Input<Vec<double>>(matrix(to.k, seen, h)).gathered(k_row.data(), seen).transposed());
            if (!plan.shape.relative) return;
            set_product(matrix(by_distance, n, seen, c), queried, Input<Vec<double>>(matrix(W.R.data, seen, h)).transposed());
            for (int i = 0; i < n; ++i) on.add_distances(scores.at(i), by_distance + int64_t(i) * c, list[i]);
        });
        for (int t = queries.from; t < queries.to; ++t) {
            if (!marks.pattern[t]) continue;
            Vec<double>* pattern = to.pattern + int64_t(p_row[t]) * c;
            const int64_t clean = int64_t(on.row(item->sequence, t)) * c;
            if (!marks.scores[t]) std::copy_n((marks.softmax[t] ? to.scores : to.pattern) + clean, on.seen(t, size), pattern);
            finish_row(l, k, t, pattern, marks.softmax[t]);
        }
    }

    // A row of scores, or of the pattern where there are no new scores, becomes the pattern that the model goes on with.
    void finish_row(int l, int k, int t, Vec<double>* pattern, bool scores) {
        const int seen = on.seen(t, size);
        if (scores) {
            std::fill_n(left_out.data(), seen, 0);
            each_edit(HL_SCORES, l, k, t, [&](const hl_edit& edit) { edits.edit_scores(edit, pattern, left_out.data(), l, k, t, seen); });
            softmax_some(pattern, left_out.data(), seen, c, double(plan.scale));
        } else {
            std::fill(pattern + seen, pattern + c, Vec<double>{});
        }
        each_edit(HL_PATTERN, l, k, t, [&](const hl_edit& edit) { edits.edit_pattern(edit, pattern, l, k, t, seen, run); });
    }
    template <class Call> void each_edit(int what, int l, int k, int t, Call call_with) {
        for (int e = 0; e < item->n_edits; ++e) {
            const hl_edit& edit = item->edits[e];
            if (edit.what == what && of_head(edit, l, k) && (edit.at < 0 || edit.at == t)) call_with(edit);
        }
    }

    // What the head reads, and writes.
    void mix(const Head& to, const Weights& W, Span queries) {
        for (int t = queries.from; t < queries.to; ++t) {
            z_row[t] = marks.z[t] ? head_row(t) : on.row(item->sequence, t);
            if (marks.z[t] && !marks.mix[t])
                std::copy_n(to.z + int64_t(on.row(item->sequence, t)) * d, d, to.z + int64_t(head_row(t)) * d);
        }
        some_at_a_time(marks.mix, queries, [&](int n, int seen) {
            const Input<Vec<double>> pattern = Input<Vec<double>>(matrix(to.pattern, n, seen, c)).gathered(rows_in(p_row, n, other_list), n);
            const Input<Vec<double>> values = Input<Vec<double>>(matrix(to.v, seen, v)).gathered(v_row.data(), seen);
            const Matrix<Vec<double>> z = matrix(to.z, n, d).gathered(rows_in(z_row, n, written_list), n);
            if (!plan.shape.factored_values) return set_product(z, pattern, values);
            set_product(matrix(mixed, n, v), pattern, values);
            set_product(z, matrix(mixed, n, v), W.O);
        });
    }

    // Edits of what the head writes, and of what it reads from single keys, in their order.
    void edit_z(int l, int k, const Head& to, const Weights& W, Span queries) {
        for (int t = queries.from; t < queries.to; ++t) has_delta[t] = 0;
        for (int e = 0; e < item->n_edits; ++e) {
            const hl_edit& edit = item->edits[e];
            if ((edit.what != HL_Z && edit.what != HL_EDGE) || !of_head(edit, l, k)) continue;
            const Span at = places(edit, queries.to);
            for (int t = std::max(at.from, queries.from); t < at.to; ++t) {
                if (edit.what == HL_Z) {
                    if (replace_z(edit, to, to.z + int64_t(z_row[t]) * d, t)) has_delta[t] = 0;
                } else if (edits.changes_edge(edit, t, on.seen(t, size))) {
                    Vec<double>* moved = delta + int64_t(t) * v;
                    if (!has_delta[t]) std::fill_n(moved, v, Vec<double>{});
                    has_delta[t] = 1;
                    if (edit.key < on.seen(t, size)) {
                        const Vec<double> weight = to.pattern[int64_t(p_row[t]) * c + edit.key];
                        const Vec<double>* value = to.v + int64_t(v_row[edit.key]) * v;
                        for (int j = 0; j < v; ++j) moved[j] -= weight * value[j];
                    }
                    edits.add_edge(edit, moved, scratch, l, k, t);
                }
            }
        }
        int n = 0;
        for (int t = queries.from; t < queries.to; ++t) {
            if (!has_delta[t]) continue;
            if (!plan.shape.factored_values)
                for (int j = 0; j < d; ++j) to.z[int64_t(z_row[t]) * d + j] += delta[int64_t(t) * v + j];
            list[n] = t;
            other_list[n++] = z_row[t];
        }
        if (n > 0 && plan.shape.factored_values)
            add_product(matrix(to.z, n, d).gathered(other_list.data(), n), Input<Vec<double>>(matrix(delta, n, v)).gathered(list.data(), n), W.O);
    }
    bool replace_z(const hl_edit& edit, const Head& of, Vec<double>* to, int t) {
        return edits.replace(edit, to, d, t, [&](int b, int from) { return of.z + int64_t(on.row(b, from)) * d; });
    }

    // ---- The last layers of several cases, whose stream has changed, at one query each

    bool can_be_put_off() {
        if (plain || item->at < 0 || call.pattern) return false;
        bool any = false;
        for (int t = 0; t < ends; ++t) any = any || x_changed[t];
        for (int e = 0; e < item->n_edits; ++e) {
            const hl_edit& edit = item->edits[e];
            if (of_layer(edit, n_layers - 1) && (edit.what == HL_Q || edit.what == HL_K || edit.what == HL_V)) return false;
        }
        return any;
    }

    void last_layers(int from, const int* slots, int n) {
        const int l = n_layers - 1;
        const Input<Vec<double>> X = matrix<const Vec<double>>(on.stream[l], 1, d);
        std::fill_n(sum, int64_t(n) * d, Vec<double>{});
        for (int k = 0; k < n_heads; ++k) {
            const Head& of = on.head(l, k);
            const Weights W = on.of_head(l, k);
            for (int i = 0; i < n; ++i) {
                begin_again(call.cases[from + slots[i]], slots[i]);
                list[i] = x_row[item->at];
            }
            if (on.folds) {
                set_product(matrix(through, n, d), X.gathered(list.data(), n), matrix(of.W_QK, d, d));
            } else {
                set_product(matrix(query, n, h), X.gathered(list.data(), n), W.Q);
                set_product(matrix(through, n, d), matrix(query, n, h), W.K.transposed());
            }
            n_reads = 0;
            for (int i = 0; i < n; ++i) {
                begin_again(call.cases[from + slots[i]], slots[i]);
                mix_stream(l, k, i);
            }
            if (n_reads > 0) write_reads(W);
            set_product(matrix(mixed, n, v), matrix(through, n, d), W.V);
            for (int64_t j = 0; j < int64_t(n) * v; ++j) mixed[j] += delta[j];
            if (plan.shape.factored_values) add_product(matrix(replaced, n, d), matrix(mixed, n, v), W.O);
            for (int64_t j = 0; j < int64_t(n) * d; ++j) sum[j] += plan.shape.factored_values ? replaced[j] : replaced[j] + mixed[j];
        }
        for (int i = 0; i < n; ++i) {
            begin_again(call.cases[from + slots[i]], slots[i]);
            const Vec<double>*below = on.stream[l] + int64_t(x_row[item->at]) * d, *added = sum + int64_t(i) * d;
            for (int j = 0; j < d; ++j) final_row(item->at)[j] = plan.shape.residual ? added[j] + below[j] : added[j];
        }
    }

    // What the i-th case's query reads of the stream, weighted, in the place of the query in `through`; what comes in the place of edges
    // in `delta`, and in the place of all that the head writes in `replaced`.
    void mix_stream(int l, int k, int i) {
        const int t = item->at, seen = on.seen(t, size);
        const Input<Vec<double>> X = Input<Vec<double>>(matrix(on.stream[l], seen, d)).gathered(x_row, seen);
        Vec<double>*mine = through + int64_t(i) * d, *moved = delta + int64_t(i) * v, *written = replaced + int64_t(i) * d;
        set_product(matrix(row, 1, seen), matrix(mine, 1, d), X.transposed());
        finish_row(l, k, t, row, true);
        each_read(k, [&](int key, int64_t number) {
            const Vec<double>* from = on.stream[l] + int64_t(x_row[key]) * d;
            for (int j = 0; j < d; ++j) written_reads[number * d + j] = key < seen ? row[key] * from[j] : Vec<double>{};
            read_rows[n_reads++] = int(number);
        });
        std::fill_n(moved, v, Vec<double>{});
        std::fill_n(written, d, Vec<double>{});
        int reads = 1;  // nothing of the row, where what the head writes is replaced
        for (int s = 0; s < seen; ++s) list[s] = 0;
        for (int e = 0; e < item->n_edits; ++e) {
            const hl_edit& edit = item->edits[e];
            if ((edit.what != HL_Z && edit.what != HL_EDGE) || !of_head(edit, l, k) || (edit.at >= 0 && edit.at != t)) continue;
            if (edit.what == HL_Z) {
                if (!replace_z(edit, on.head(l, k), written, t)) continue;
                reads = 0;
                std::fill_n(moved, v, Vec<double>{});
                for (int s = 0; s < seen; ++s) list[s] = 0;
            } else if (edits.changes_edge(edit, t, seen)) {
                if (edit.key < seen) ++list[edit.key];
                edits.add_edge(edit, moved, scratch, l, k, t);
            }
        }
        for (int s = 0; s < seen; ++s)
            if (reads - list[s] != 1) row[s] *= double(reads - list[s]);
        set_product(matrix(mine, 1, d), matrix<const Vec<double>>(row, 1, seen), X);
    }

    // ---- What the last layer reads from single keys, as its heads write it

    // call(key, number): of the case's reads by a head, with their numbers among those of the cases at work.
    template <class Call> void each_read(int k, Call call_with) {
        for (int r = 0; r < item->n_reads; ++r)
            if (item->reads[r].head == k) call_with(item->reads[r].key, int64_t(slot) * most_reads + r);
    }

    void read_values(int k, const Head& of, const Weights& W) {
        const int t = item->at;
        each_read(k, [&](int key, int64_t number) {
            const bool seen = key < on.seen(t, size);
            Vec<double>* to = plan.shape.factored_values ? mixed : reads + number * d;
            for (int j = 0; j < v; ++j)
                to[j] = seen ? of.pattern[int64_t(p_row[t]) * c + key] * of.v[int64_t(v_row[key]) * v + j] : Vec<double>{};
            if (plan.shape.factored_values) set_product(matrix(reads + number * d, 1, d), matrix(mixed, 1, v), W.O);
        });
    }

    // From weighted rows of the stream, in the rows of `written_reads` that `read_rows` names.
    void write_reads(const Weights& W) {
        const Input<Vec<double>> X = Input<Vec<double>>(matrix(written_reads, n_reads, d)).gathered(read_rows.data(), n_reads);
        if (!plan.shape.factored_values) return set_product(matrix(reads, n_reads, d).gathered(read_rows.data(), n_reads), X, W.V);
        for (int r = 0; r < n_reads; ++r) {
            set_product(matrix(scratch, 1, v), Input<Vec<double>>(matrix(written_reads, 1, d)).gathered(read_rows.data() + r, 1), W.V);
            set_product(matrix(reads, 1, d).gathered(read_rows.data() + r, 1), matrix(scratch, 1, v), W.O);
        }
    }

    // ---- What comes out

    void edit_direct() {
        const int b = item->sequence;
        for (int e = 0; e < item->n_edits; ++e) {
            const hl_edit& edit = item->edits[e];
            if (edit.what != HL_DIRECT_TOKEN && edit.what != HL_DIRECT_POSITION) continue;
            const Span span = places(edit, ends);
            for (int t = item->at < 0 ? span.from : std::max(span.from, item->at); t < (item->at < 0 ? span.to : std::min(span.to, item->at + 1)); ++t) {
                const bool token = edit.what == HL_DIRECT_TOKEN;
                const bool moves = token ? edits.replace(edit, scratch, d, t, [&](int of, int from) { return on.token(of, from); })
                                         : edits.replace_position(edit, scratch, b, t);
                const Vec<double>* before = token ? on.token(b, t) : on.position(t);
                for (int j = 0; moves && j < d; ++j) final_row(t)[j] += scratch[j] - before[j];
            }
        }
    }

    void store_logits(int from, int to) {
        if (!call.logits) return;
        if (call.cases[0].at >= 0) {
            for (int i = 0; from + i < to; ++i) list[i] = i * c + call.cases[from + i].at;
            return store_unembedded(call.logits, call.n_cases, from, final_stream, to - from, to - from);
        }
        for (int i = from; i < to; ++i) {
            const int n = on.length(call.cases[i].sequence);
            for (int t = 0; t < n; ++t) list[t] = (i - from) * c + t;
            store_unembedded(call.logits, int64_t(call.n_cases) * c, int64_t(i) * c, final_stream, n, c);
        }
    }
    // The logits at the rows of a final stream that `list` names.
    void store_unembedded(hl_real* all, int64_t of_run, int64_t first, const Vec<double>* stream, int n, int most) {
        const int* rows = list.data();
        if (plan.shape.norm_final) {
            for (int i = 0; i < n; ++i) on.blocks.norm(final_normed + int64_t(i) * d, stream + int64_t(rows[i]) * d, HL_LN_FINAL_W, 0);
            stream = final_normed;
            rows = nullptr;
        }
        if (plan.shape.unembed) {
            const Input<Vec<double>> X = matrix(stream, n, d);
            on.blocks.unembed(logits, rows ? X.gathered(rows, n) : X, true);
            stream = logits;
            rows = nullptr;
        }
        store(all, of_run, first, stream, rows, n, most, out, logits_order());
    }
    const int64_t* logits_order() const { return follows_vocabulary(plan.shape, Axis::out) ? order.data() : nullptr; }

    void store_reads(int from, int to) {
        if (!call.reads) return;
        for (int i = from; i < to; ++i) {
            const int n = call.cases[i].n_reads;
            if (n == 0) continue;
            const Vec<double>* of = reads + int64_t(i - from) * most_reads * d;
            if (plan.shape.unembed) {
                on.blocks.unembed(written_reads, matrix(of, n, d), false);
                of = written_reads;
            }
            store(call.reads, first_read.back(), first_read[i], of, nullptr, n, n, out, logits_order());
        }
    }

    void store_pattern(int l, int k, const Head& of) {
        const int64_t blocks = plan.blocks(), block = (item - call.cases) * blocks + int64_t(l) * n_heads + k;
        store(call.pattern, call.n_cases * blocks * c, block * c, of.pattern, p_row.data(), size, c, c, nullptr);
    }

    void store_computed(const hl_computes& to) {
        const int64_t blocks = plan.blocks(), *const streamed = plan.shape.unembed ? nullptr : order.data();
        for (int l = 0; l <= n_layers; ++l) store_clean(to.resid, n_layers + 1, l, on.stream[l], d, streamed);
        for (int l = 0; l < n_layers; ++l) {
            store_clean(to.normed, n_layers, l, on.read[l], d, streamed);
            store_clean(to.mlp_out, n_layers, l, on.written[l], d, streamed, plan.shape.d_mlp > 0);
        }
        for (int block = 0; block < blocks; ++block) {
            const Head& of = on.head(0, block);
            for (int64_t i = 0; on.keeps_scores && i < int64_t(on.rows()) * c; ++i) of.scores[i] *= double(plan.scale);
            store_clean(to.q, blocks, block, of.q, h, nullptr);
            store_clean(to.k, blocks, block, of.k, h, nullptr);
            store_clean(to.v, blocks, block, of.v, v, plan.shape.factored_values ? nullptr : streamed);
            store_clean(to.scores, blocks, block, of.scores, c, nullptr);
            store_clean(to.pattern, blocks, block, of.pattern, c, nullptr);
            store_clean(to.z, blocks, block, of.z, d, streamed);
        }
        store_clean(to.logits, 1, 0, nullptr, 0, nullptr);
    }
    // Of all sequences, the nth of so many arrays of each run; without rows: logits. there: else all zeros
    void store_clean(hl_real* all, int64_t arrays, int64_t nth, const Vec<double>* rows, int width, const int64_t* place, bool there = true) {
        const int64_t sequences = plan.rows.sequences();
        for (int b = 0; all && b < sequences; ++b) {
            const int64_t of_run = arrays * sequences * c, first = (nth * sequences + b) * c;
            for (int t = 0; t < on.length(b); ++t) list[t] = on.row(b, t);
            if (rows)
                store(all, of_run, first, rows, list.data(), there ? on.length(b) : 0, c, width, place);
            else
                store_unembedded(all, of_run, first, on.stream[n_layers], on.length(b), c);
        }
    }

    // n rows, one after the other or those that are named, among all that each run has, and up to `most` rows of zeros.
    void store(hl_real* all, int64_t of_run, int64_t first, const Vec<double>* rows, const int* named, int n, int most, int64_t width, const int64_t* place) {
        if (call.type == HL_FLOAT64) return store_as(static_cast<double*>(all), of_run, first, rows, named, n, most, width, place);
        store_as(static_cast<float*>(all), of_run, first, rows, named, n, most, width, place);
    }

    template <class Real>
    void store_as(Real* all, int64_t of_run, int64_t first, const Vec<double>* rows, const int* named, int n, int most, int64_t width, const int64_t* place) {
        for (int lane = 0; lane < n_lanes; ++lane) {
            Real* to = all + ((first_run + lane) * of_run + first) * width;
            for (int i = 0; i < n; ++i, to += width) {
                const Vec<double>* from = rows + (named ? named[i] : i) * width;
                for (int64_t j = 0; j < width; ++j) to[place ? place[j] : j] = canonical(Real(from[j][lane]));
            }
            std::fill_n(to, (most - n) * width, Real(0));
        }
    }

    const LookCall& call;
    const Plan& plan;
    Control& control;
    Arena<Vec<double>> arena;
    Activations on;
    Edits edits;
    const int d, h, v, c, n_layers, n_heads, out;
    const bool plain;  // whether last layers are gone through like the others
    const std::vector<int64_t> order;
    Vec<double>*final_stream, *final_normed, *by_distance, *logits, *sum, *delta, *mixed, *scratch, *query, *through, *replaced, *row, *reads, *written_reads;
    std::vector<int64_t> first_read;  // [case], among those of all
    std::vector<int> read_rows;
    int most_reads = 0, n_reads = 0;
    std::vector<int> q_row, k_row, v_row, p_row, z_row, list, other_list, written_list;  // [position], in which row each stands; and lists of rows
    std::vector<int> where;                                                // [slot, position], of the stream
    std::vector<uint8_t> changed, left_out, is_needed, has_delta, mlp_edited;
    Marks marks;
    int64_t first_run = 0, run[lanes<double>];
    int n_lanes = 0;

    const hl_case* item = nullptr;
    int slot = 0, size = 0, ends = 0;  // of its sequence; of what its logits depend on
    int* x_row = nullptr;              // [position], of the stream that the layer reads
    uint8_t* x_changed = nullptr;      // [position], whether that is another than when nobody intervenes
};

}  // namespace headlab::HEADLAB_ISA
