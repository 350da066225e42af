// Blocks of vectors, aligned, zero, and given back together.
#pragma once

#include <algorithm>
#include <new>
#include <vector>

#include "lanes.hpp"

namespace headlab::HEADLAB_ISA {

template <class T> class Arena {
  public:
    Vec<T>* take(int64_t n) {
        void* block = ::operator new(size_t(n < 1 ? 1 : n) * sizeof(Vec<T>), alignment);
        blocks.push_back(block);
        std::fill_n(static_cast<Vec<T>*>(block), n, Vec<T>{});
        return static_cast<Vec<T>*>(block);
    }
    Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena() {
        for (void* block : blocks) ::operator delete(block, alignment);
    }

  private:
    static constexpr std::align_val_t alignment{64};
    std::vector<void*> blocks;
};

}  // namespace headlab::HEADLAB_ISA
