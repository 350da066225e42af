// The whole model on one group of lanes: loss and gradient of every weight, block by block.
#pragma once

#include <cstdlib>
#include <new>
#include <vector>

#include "attention.hpp"
#include "embed.hpp"
#include "loss.hpp"

namespace headlab::HEADLAB_ISA {

// Blocks of vectors, aligned, zero, and given back together.
template <class T> class Arena {
  public:
    Vec<T>* take(int64_t n) {
        void* block = std::aligned_alloc(64, (size_t(n < 1 ? 1 : n) * sizeof(Vec<T>) + 63) / 64 * 64);
        if (!block) throw std::bad_alloc();
        blocks.push_back(block);
        std::fill_n(static_cast<Vec<T>*>(block), n, Vec<T>{});
        return static_cast<Vec<T>*>(block);
    }
    Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena() {
        for (void* block : blocks) std::free(block);
    }

  private:
    std::vector<void*> blocks;
};

template <class T> class Model {
  public:
    explicit Model(const Plan& plan) : plan(plan), at(plan.offsets()) {
        const int d = plan.d_model, h = plan.d_head, rows = plan.rows(), v = plan.value_width();
        const int64_t wide = std::max(d, h);
        weights = arena.take(at.end);
        gradient = arena.take(at.end);
        for (int l = 0; l <= plan.n_layers; ++l) resid.push_back(arena.take(int64_t(l == 0 ? plan.inputs(0) : rows) * d));
        for (int l = 0; l < plan.n_layers; ++l)
            for (int k = 0; k < plan.n_heads; ++k) {
                const int64_t n = plan.inputs(l);
                heads.push_back({arena.take(d * d), arena.take(n * wide), arena.take(n * h), arena.take(n * v),
                                 arena.take(int64_t(plan.n_sequences) * plan.n_ctx * plan.n_ctx),
                                 plan.factored_values ? arena.take(int64_t(rows) * h) : nullptr});
            }
        const int64_t n = std::max(rows, plan.inputs(0));
        scratch = {arena.take(n * wide), arena.take(n * h), arena.take(n * v), arena.take(int64_t(plan.n_ctx) * plan.n_ctx),
                   arena.take(d * d), plan.factored_values ? arena.take(int64_t(rows) * h) : nullptr};
        logits = plan.unembed ? arena.take(int64_t(rows) * plan.d_vocab) : resid.back();
        d_logits = arena.take(int64_t(rows) * plan.d_vocab);
        for (Vec<T>*& block : d_resid) block = arena.take(n * d);
    }

    // The mean loss of each lane; leaves its gradient with respect to the logits.
    Vec<T> forward(Loss loss) {
        const int d = plan.d_model, rows = plan.rows();
        embed_forward<T>(plan, weights + at.E, weights + at.pos, resid[0]);
        for (int l = 0; l < plan.n_layers; ++l) {
            const Vec<T>* in = resid[l];
            Vec<T>* out = resid[l + 1];
            const int* map = plan.row_map(l);
            for (int r = 0; r < rows; ++r)
                for (int j = 0; j < d; ++j) out[int64_t(r) * d + j] = plan.residual ? in[int64_t(map[r]) * d + j] : Vec<T>{};
            for (int k = 0; k < plan.n_heads; ++k) head_forward<T>(plan, l, in, of_head(weights, l, k), head(l, k), out);
        }
        if (plan.unembed)
            set_product<T>({rows, plan.d_vocab, d, resid.back(), d, 1, weights + at.U, 1, plan.d_vocab, logits, plan.d_vocab, 1});
        return mean_loss<T>(plan, loss, logits, d_logits);
    }

    void backward() {
        const int d = plan.d_model, rows = plan.rows(), V = plan.d_vocab;
        Vec<T>* d_out = d_logits;
        int spare = 0;
        if (plan.unembed) {  // d W_U = residᵀ d logits,  d resid = d logits W_Uᵀ
            set_product<T>({d, V, rows, resid.back(), 1, d, d_logits, 1, V, gradient + at.U, V, 1});
            d_out = d_resid[spare ^= 1];
            set_product<T>({rows, d, V, d_logits, V, 1, weights + at.U, V, 1, d_out, d, 1});
        }
        for (int l = plan.n_layers - 1; l >= 0; --l) {
            Vec<T>* d_in = d_resid[spare ^= 1];
            std::fill_n(d_in, int64_t(plan.inputs(l)) * d, Vec<T>{});
            const int* map = plan.row_map(l);
            if (plan.residual)
                for (int r = 0; r < rows; ++r)
                    for (int j = 0; j < d; ++j) d_in[int64_t(map[r]) * d + j] += d_out[int64_t(r) * d + j];
            for (int k = 0; k < plan.n_heads; ++k)
                head_backward<T>(plan, l, resid[l], of_head(weights, l, k), head(l, k), d_out, scratch, of_head(gradient, l, k), d_in);
            d_out = d_in;
        }
        embed_backward<T>(plan, d_out, gradient + at.E, gradient + at.pos);
    }

    Arena<T> arena;
    Vec<T>*weights, *gradient;
    int64_t size() const { return at.end; }

  private:
    HeadWeights<T> of_head(Vec<T>* base, int layer, int k) const {
        const int64_t block = int64_t(layer) * plan.n_heads + k, qk = int64_t(plan.d_model) * plan.d_head;
        return {base + at.Q + block * qk, base + at.K + block * qk, base + at.V + block * plan.d_model * plan.value_width(),
                base + at.O + block * qk};
    }
    const Head<T>& head(int layer, int k) const { return heads[size_t(layer) * plan.n_heads + k]; }

    const Plan& plan;
    const Offsets at;
    std::vector<Vec<T>*> resid;
    std::vector<Head<T>> heads;
    Scratch<T> scratch;
    Vec<T>*logits, *d_logits, *d_resid[2];
};

}  // namespace headlab::HEADLAB_ISA
