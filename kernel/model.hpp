// The whole model on one group of lanes: the blocks of a shape in a row, and the streams between them.
#pragma once

#include "blocks/attention.hpp"
#include "blocks/embed.hpp"
#include "blocks/loss.hpp"
#include "blocks/unembed.hpp"

namespace headlab::HEADLAB_ISA {

template <class E> class Model {
  public:
    explicit Model(const Plan& plan)
        : size(plan.at.end), weights(arena.take(size)), gradient(arena.take(size)), scratch(plan, arena) {
        blocks.push_back(std::make_unique<Embed<E>>(plan, arena));
        for (int l = 0; l < plan.shape.n_layers; ++l) blocks.push_back(std::make_unique<Attention<E>>(plan, l, arena, scratch));
        if (plan.shape.unembed) blocks.push_back(std::make_unique<Unembed<E>>(plan));
        auto last = std::make_unique<Loss<E>>(plan, arena);
        loss = last.get();
        blocks.push_back(std::move(last));
        streams.push_back(nullptr);  // below the embedding there is none
        int64_t widest = 1;
        for (const auto& block : blocks) {
            streams.push_back(arena.take(block->size()));
            widest = std::max(widest, block->size());
        }
        for (E*& stream : d_streams) stream = arena.take(widest);
    }

    // The mean loss of each lane; kind: HL_SOFTMAX or HL_NORMALIZED_SIGMOID.
    E forward(int kind) {
        loss->kind = kind;
        for (size_t i = 0; i < blocks.size(); ++i) blocks[i]->forward(weights, streams[i], streams[i + 1]);
        return *streams.back();
    }

    // Its gradient, of every weight.
    void backward() {
        for (size_t i = blocks.size(); i-- > 0;) blocks[i]->backward(weights, streams[i], d_streams[(i + 1) % 2], gradient, d_streams[i % 2]);
    }

    Arena<E> arena;
    const int64_t size;
    E*const weights, *const gradient;

  private:
    AttentionScratch<E> scratch;
    std::vector<std::unique_ptr<Block<E>>> blocks;
    std::vector<E*> streams;
    E* d_streams[2];
    Loss<E>* loss;
};

}  // namespace headlab::HEADLAB_ISA
