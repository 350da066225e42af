// The whole model on one group of lanes: the blocks of a shape in a row, and the streams between them.
#pragma once

#include "blocks/attention.hpp"
#include "blocks/embed.hpp"
#include "blocks/loss.hpp"
#include "blocks/mlp.hpp"
#include "blocks/unembed.hpp"

namespace headlab::HEADLAB_ISA {

template <class E> class Model {
  public:
    explicit Model(const Plan& plan)
        : size(plan.at.end), weights(arena.take(size)), gradient(arena.take(size)), attention(plan, arena), mlp(plan, arena), rows(&plan.rows) {
        const Shape& shape = plan.shape;
        add<Embed<E>>(plan, arena);
        for (int l = 0; l < shape.n_layers; ++l) {
            add<Attention<E>>(plan, l, arena, attention);
            if (shape.norm_after) add<NormedStream<E>>(plan, HL_LN1_W, HL_LN1_B, l, arena);
            if (shape.d_mlp) add<Mlp<E>>(plan, l, arena, mlp);
            if (shape.d_mlp && shape.norm_after) add<NormedStream<E>>(plan, HL_LN2_W, HL_LN2_B, l, arena);
        }
        if (shape.norm_final) add<NormedStream<E>>(plan, HL_LN_FINAL_W, HL_LN_FINAL_B, -1, arena);
        if (shape.unembed) add<Unembed<E>>(plan);
        loss = &add<Loss<E>>(plan, arena);
        streams.push_back(nullptr);  // below the embedding there is none
        int64_t widest = 1;
        for (const auto& block : blocks) {
            streams.push_back(arena.take(block->size()));
            widest = std::max(widest, block->size());
        }
        for (E*& stream : d_streams) stream = arena.take(widest);
    }

    // Works on these rows from here on, as long as they are there; at first on those of the plan's own batch.
    void at(const Rows& of) { rows = &of; }

    // The mean loss of each lane; kind: HL_SOFTMAX or HL_NORMALIZED_SIGMOID.
    E forward(int kind) {
        loss->kind = kind;
        for (size_t i = 0; i < blocks.size(); ++i) blocks[i]->forward(*rows, weights, streams[i], streams[i + 1]);
        return *streams.back();
    }

    // Its gradient, of every weight.
    void backward() {
        for (size_t i = blocks.size(); i-- > 0;)
            blocks[i]->backward(*rows, weights, streams[i], d_streams[(i + 1) % 2], gradient, d_streams[i % 2]);
    }

    const E* logits() const { return streams[streams.size() - 2]; }  // of the rows that are wanted

    Arena<E> arena;
    const int64_t size;
    E*const weights, *const gradient;

  private:
    template <class B, class... Given> B& add(Given&&... given) {
        auto block = std::make_unique<B>(given...);
        B& added = *block;
        blocks.push_back(std::move(block));
        return added;
    }

    AttentionScratch<E> attention;
    MlpScratch<E> mlp;
    std::vector<std::unique_ptr<Block<E>>> blocks;
    std::vector<E*> streams;
    E* d_streams[2];
    Loss<E>* loss;
    const Rows* rows;
};

}  // namespace headlab::HEADLAB_ISA
