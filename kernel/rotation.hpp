// Wide heads trained narrow: under SGD, (W_Q, W_K) of a head may be turned by one orthogonal matrix.
//
//   scores depend on W_Q W_Kᵀ alone, and for any orthogonal R:  (W_Q R)(W_K R)ᵀ = W_Q W_Kᵀ
//
// The gradient of W_Q R is (d W_Q) R, and SGD (with or without momentum, under any schedule) is linear in it, so the turned run is
// the run, turned. Stack M = [W_Q; W_K], of 2 d_model rows: with Mᵀ = R L (QR by Householder's reflections, in double) the narrow
// heads L are 2 d_model wide whatever d_head was, and W_Q = L_Q Rᵀ at every step. Runs stay apart.
#pragma once

#include "arena.hpp"
#include "plan.hpp"
#include "product.hpp"

namespace headlab::HEADLAB_ISA {

// Turns the heads of one group of runs; the basis R [block, d_head, 2 d_model] stays here.
template <class E> class Rotation {
    using T = Real<E>;
    using D = std::conditional_t<alone<E>, double, Vec<double>>;

  public:
    Rotation(const Plan& plan, Arena<E>& arena)
        : plan(plan), d(plan.model.d_model), wide(plan.model.d_head), m(plan.shape.d_head),
          basis(arena.take(basis_size())), reflected(doubles.take(int64_t(wide) * m)), formed(doubles.take(int64_t(wide) * m)),
          half(doubles.take(m)), diagonal(doubles.take(m)) {}

    int64_t basis_size() const { return int64_t(plan.blocks()) * wide * m; }

    // From all weights as they were asked for [weight], those as they are trained; makes the basis.
    void narrow(const E* from, E* to) {
        narrow_others(from, to);
        for (int block = 0; block < plan.blocks(); ++block)
            for (int part = 0; part < runs_in<E>; part += runs_in<D>) narrow_block(block, part, from, to);
    }

    // The same for all weights but the heads'.
    void narrow_others(const E* from, E* to) const { copy_others(from, plan.wide_at, to, plan.at); }

    // And back, for weights and whatever is like them.
    void widen(const E* from, E* to) const {
        copy_others(from, plan.at, to, plan.wide_at);
        for (int block = 0; block < plan.blocks(); ++block)
            for (const int w : {HL_W_Q, HL_W_K})
                set_product(matrix(to + plan.wide_at[w] + int64_t(block) * d * row_size<E>(wide), d, wide),
                               matrix(from + plan.at[w] + int64_t(block) * d * row_size<E>(m), d, m),
                               matrix(basis + int64_t(block) * wide * m, wide, m, m).transposed());
    }

  private:
    static void copy_others(const E* from, const Places& from_at, E* to, const Places& to_at) {
        for (int w = 0; w < HL_WEIGHTS; ++w)
            if (w != HL_W_Q && w != HL_W_K) std::copy_n(from + from_at[w], from_at.of[w].size(), to + to_at[w]);
    }

    // One head of some lanes, as many as there are of doubles.
    void narrow_block(int block, int part, const E* from, E* to) {
        for (int i = 0; i < m; ++i) {  // column i of Mᵀ is row i of [W_Q; W_K]
            const E* row = from + plan.wide_at[i < d ? HL_W_Q : HL_W_K] + (int64_t(block) * d + i % d) * row_size<E>(wide);
            for (int h = 0; h < wide; ++h)
                for (int run = 0; run < runs_in<D>; ++run) set_of_run(reflected[int64_t(h) * m + i], run, double(of_run(row[h], part + run)));
        }
        reflect();
        form();
        for (int i = 0; i < m; ++i) {
            E* row = to + plan.at[i < d ? HL_W_Q : HL_W_K] + (int64_t(block) * d + i % d) * row_size<E>(m);
            for (int p = 0; p < m; ++p)
                for (int run = 0; run < runs_in<D>; ++run) set_of_run(row[p], part + run, p > i ? T(0) : T(of_run(upper(p, i), run)));
        }
        E* R = basis + int64_t(block) * wide * m;
        for (int64_t i = 0; i < int64_t(wide) * m; ++i)
            for (int run = 0; run < runs_in<D>; ++run) set_of_run(R[i], part + run, T(of_run(formed[i], run)));
    }

    // Householder: H_k = I - v vᵀ / half takes column k below its diagonal to zero. v stays in the column, from the diagonal down;
    // the diagonal of L is kept apart.
    void reflect() {
        for (int k = 0; k < m; ++k) {
            D square{};
            for (int h = k; h < wide; ++h) square += at(h, k) * at(h, k);
            const D norm = root(square), x = at(k, k), size = x < 0 ? -x : x;
            diagonal[k] = x < 0 ? norm : -norm;
            at(k, k) = x - diagonal[k];
            half[k] = norm * (norm + size);
            for (int j = k + 1; j < m; ++j) {
                D sum{};
                for (int h = k; h < wide; ++h) sum += at(h, k) * at(h, j);
                subtract(k, j, sum, reflected);
            }
        }
    }

    // The first columns of H_0 H_1 …: those of the identity, reflected from the last on.
    void form() {
        std::fill_n(formed, int64_t(wide) * m, D{});
        for (int k = 0; k < m; ++k) formed[int64_t(k) * m + k] = element<D>(1);
        for (int last = 1; last <= m; ++last)
            for (int k = m - last, j = k; j < m; ++j) {
                D sum{};
                for (int h = k; h < wide; ++h) sum += at(h, k) * formed[int64_t(h) * m + j];
                subtract(k, j, sum, formed);
            }
    }

    void subtract(int k, int j, D sum, D* from) {
        const D factor = half[k] > 0 ? sum / half[k] : D{};  // a column of zeros needs no reflection
        for (int h = k; h < wide; ++h) from[int64_t(h) * m + j] -= factor * at(h, k);
    }

    D& at(int h, int column) { return reflected[int64_t(h) * m + column]; }
    D upper(int p, int i) { return p == i ? diagonal[p] : at(p, i); }

    const Plan& plan;
    const int d, wide, m;  // m: 2 d_model, the width as trained
    Arena<D> doubles;

  public:
    E* const basis;

  private:
    D *const reflected, *const formed, *const half, *const diagonal;
};

}  // namespace headlab::HEADLAB_ISA
