// Numbers of every recorded step, written now and then.
#pragma once

#include "element.hpp"

namespace headlab::HEADLAB_ISA {

// Losses (or rates) gathered for a while and then written run by run: a store into each run's row at every step would
// touch as many pages as there are lanes.
template <class T> class Recorder {
  public:
    Recorder(T* base, int64_t stride, int64_t from, int n_lanes) : base(base), stride(stride), written(from), n_lanes(n_lanes) {}
    void add(Vec<T> value) {
        if (!base) return;
        kept[count++] = value;
        if (count == capacity) flush();
    }
    void flush() {
        if (!base) return;
        for (int lane = 0; lane < n_lanes; ++lane) store_lane(base + lane * stride + written, kept, nullptr, count, lane);
        written += count;
        count = 0;
    }

  private:
    static constexpr int capacity = 64;
    T* base;
    int64_t stride, written;
    int n_lanes, count = 0;
    Vec<T> kept[capacity];
};

}  // namespace headlab::HEADLAB_ISA
