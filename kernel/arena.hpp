// Blocks of elements, aligned, zero, and given back together.
#pragma once

#include <algorithm>
#include <new>
#include <vector>

#include "element.hpp"

namespace headlab::HEADLAB_ISA {

template <class E> class Arena {
  public:
    E* take(int64_t n) {
        const std::size_t size = std::size_t(n < 1 ? 1 : n) * sizeof(E) + behind;
        void* block = ::operator new(size, alignment);
        blocks.push_back(block);
        std::memset(block, 0, size);
        return static_cast<E*>(block);
    }
    Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena() {
        for (void* block : blocks) ::operator delete(block, alignment);
    }

  private:
    static constexpr std::align_val_t alignment{64};
    static constexpr std::size_t behind = alone<E> ? vector_bytes : 0;  // the last vector that is read may begin at the last element
    std::vector<void*> blocks;
};

}  // namespace headlab::HEADLAB_ISA
