// Blocks of vectors, aligned, zero, and given back together.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <new>
#include <vector>

#include "lanes.hpp"

namespace headlab::HEADLAB_ISA {

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

}  // namespace headlab::HEADLAB_ISA
