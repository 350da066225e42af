// What each edit does to what it is done to. See headlab.h for what every `what` and `how` means.
#pragma once

#include "activations.hpp"

namespace headlab::HEADLAB_ISA {

struct Span {
    int from, to;
};

inline bool of_layer(const hl_edit& edit, int layer) { return edit.layer < 0 || edit.layer == layer; }
// head -1: of any
inline bool of_head(const hl_edit& edit, int layer, int head) {
    return of_layer(edit, layer) && (head < 0 || edit.head < 0 || edit.head == head);
}
// The positions, below n, that an edit is done at.
inline Span places(const hl_edit& edit, int n) {
    if (edit.at < 0) return {0, n};
    return {edit.at, edit.at < n ? edit.at + 1 : edit.at};
}

class Edits {
  public:
    explicit Edits(const Activations& on) : on(on) {}

    // A donor's position for one here; -1: it has none, and what is here becomes zero; -2: what is here stays.
    int there(const hl_edit& edit, int t) const {
        if (edit.there) return edit.there[t];
        return t < on.length(edit.donor) ? t : -2;
    }

    // Replaces a row of some width; clean(sequence, position): the row there when nobody intervenes. False: it stays.
    template <class Clean> bool replace(const hl_edit& edit, Vec<double>* to, int width, int t, Clean clean) const {
        if (edit.how == HL_MEAN) {
            mean(to, width, t, t, [&](int b, Vec<double>* sum) {
                const Vec<double>* from = clean(b, t);
                for (int j = 0; j < width; ++j) sum[j] += from[j];
            });
            return true;
        }
        const int from = edit.how == HL_FROM ? there(edit, t) : -1;
        if (from == -2) return false;
        if (from == -1)
            std::fill_n(to, width, Vec<double>{});
        else
            std::copy_n(clean(edit.donor, from), width, to);
        return true;
    }

    // The same of a position embedding: its mean is over the positions of the sentence.
    bool replace_position(const hl_edit& edit, Vec<double>* to, int sequence, int t) const {
        if (edit.how != HL_MEAN) return replace(edit, to, on.d, t, [&](int, int from) { return on.position(from); });
        const int n = on.length(sequence);
        std::fill_n(to, on.d, Vec<double>{});
        for (int from = 0; from < n; ++from)
            for (int j = 0; j < on.d; ++j) to[j] += on.position(from)[j];
        for (int j = 0; j < on.d; ++j) to[j] /= double(n);
        return true;
    }

    // Adds to a row of the width of v what comes in the place of what a query reads from a key.
    void add_edge(const hl_edit& edit, Vec<double>* to, Vec<double>* scratch, int layer, int head, int t) const {
        const auto& of = on.head(layer, head);
        const auto read = [&](int b, int query, int key, Vec<double>* sum) {
            const Vec<double> weight = of.pattern[int64_t(on.row(b, query)) * on.c + key];
            const Vec<double>* value = of.v + int64_t(on.row(b, key)) * on.v;
            for (int j = 0; j < on.v; ++j) sum[j] += weight * value[j];
        };
        if (edit.how == HL_MEAN) {
            mean(scratch, on.v, t, edit.key, [&](int b, Vec<double>* sum) { read(b, t, edit.key, sum); });
            for (int j = 0; j < on.v; ++j) to[j] += scratch[j];
        } else if (edit.how == HL_FROM) {
            const int query = there(edit, t), key = there(edit, edit.key);
            if (query >= 0 && key >= 0) read(edit.donor, query, key, to);
        }
    }
    // Of a key that the query does not see here, what it reads elsewhere comes all the same.
    bool changes_edge(const hl_edit& edit, int t, int seen) const {
        return edit.how == HL_FROM ? there(edit, t) != -2 && there(edit, edit.key) != -2 : edit.key < seen;
    }

    // Scores of a row, before the scale, of `n` keys; left_out: those that the softmax does not see.
    void edit_scores(const hl_edit& edit, Vec<double>* row, uint8_t* left_out, int layer, int head, int t, int n) const {
        if (edit.how == HL_MASK) {
            for (int s = 0; s < n; ++s)
                if (edit.key < 0 || edit.key == s) left_out[s] = 1;
            return;
        }
        const int query = edit.how == HL_FROM ? there(edit, t) : -1;
        for (int s = 0; query > -2 && s < n; ++s) {
            const int key = edit.how == HL_FROM ? there(edit, s) : -1;
            if (key == -2 || (edit.key >= 0 && edit.key != s)) continue;
            const bool known = query >= 0 && key >= 0, there_too = known && key < on.seen(query, on.length(edit.donor));
            left_out[s] = known && !there_too;
            row[s] = there_too ? on.head(layer, head).scores[int64_t(on.row(edit.donor, query)) * on.c + key] : Vec<double>{};
        }
    }

    // A row of the pattern of `n` keys; run: of each lane.
    void edit_pattern(const hl_edit& edit, Vec<double>* row, int layer, int head, int t, int n, const int64_t* run) const {
        if (edit.how == HL_GIVEN) {
            const double* given = edit.given + layer * edit.strides[1] + head * edit.strides[2] + (edit.at < 0 ? int64_t(t) * on.c : 0);
            for (int s = edit.key < 0 ? 0 : edit.key; s < (edit.key < 0 ? n : std::min(n, edit.key + 1)); ++s)
                for (int lane = 0; lane < lanes<double>; ++lane) row[s][lane] = double(given[run[lane] * edit.strides[0] + s]);
            return;
        }
        const int query = edit.how == HL_FROM ? there(edit, t) : -1;
        for (int s = 0; query > -2 && s < n; ++s) {
            const int key = edit.how == HL_FROM ? there(edit, s) : -1;
            if (key == -2 || (edit.key >= 0 && edit.key != s)) continue;
            row[s] = query >= 0 && key >= 0 ? on.head(layer, head).pattern[int64_t(on.row(edit.donor, query)) * on.c + key] : Vec<double>{};
        }
    }

  private:
    // Over the sequences that have both positions; add(sequence, sum) adds one of them.
    template <class Add> void mean(Vec<double>* to, int width, int t, int also, Add add) const {
        int count = 0;
        std::fill_n(to, width, Vec<double>{});
        for (int b = 0; b < on.plan.rows.sequences(); ++b) {
            if (on.length(b) <= std::max(t, also)) continue;
            add(b, to);
            ++count;
        }
        for (int j = 0; j < width; ++j) to[j] /= double(count);
    }

    const Activations& on;
};

// Softmax of the scores that are not left out; of a row without any: zero.
inline void softmax_some(Vec<double>* row, const uint8_t* left_out, int n, int n_all, double scale) {
    int some = 0;
    while (some < n && left_out[some]) ++some;
    Vec<double> top = some < n ? row[some] : Vec<double>{}, sum{};
    for (int s = some; s < n; ++s)
        if (!left_out[s]) top = max(top, row[s]);
    for (int s = 0; s < n; ++s) {
        row[s] = left_out[s] ? Vec<double>{} : exp_nonpositive<double>((row[s] - top) * scale);
        sum += row[s];
    }
    if (some < n) {
        const Vec<double> inverse = double(1) / sum;
        for (int s = 0; s < n; ++s) row[s] *= inverse;
    }
    for (int s = n; s < n_all; ++s) row[s] = Vec<double>{};
}

}  // namespace headlab::HEADLAB_ISA
