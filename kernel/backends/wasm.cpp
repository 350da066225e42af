// WebAssembly: one instruction set and no threads, so that a host cuts a training into short stretches and looks around in between.
//
// The module imports nothing, and exports headlab.h, `memory`, `malloc` and `free` for the host's arrays, and `hl_full`. It knows no
// exceptions: where its memory, which has a fixed maximum, is full, the instance ends in a trap; hl_full() is 1 then, and the host
// says HL_NO_MEMORY and makes another.
#include <cstdlib>
#include <new>

#include "backend.hpp"

namespace headlab {

namespace simd128 { extern const Kernel kernel; }

std::vector<const Kernel*> available_kernels() { return {&simd128::kernel}; }

struct Crew::State {
    const int64_t n_runs, lanes;
    Control control{};
    std::unique_ptr<Worker> worker{};
};

Crew::Crew(const MakeWorker& make, int64_t n_runs, int lanes, int) : state(new State{n_runs, lanes}) { state->worker = make(state->control); }
Crew::~Crew() { delete state; }
void Crew::start() { state->control.next_group = 0; }
bool Crew::wait(std::chrono::milliseconds) { return work_on_one_group(*state->worker, state->control, state->n_runs, state->lanes); }
void Crew::cancel() { state->control.cancel = true; }
bool Crew::cancelled() const { return state->control.cancel; }
int64_t Crew::run_steps() const { return state->control.run_steps; }

namespace {

int32_t full = 0;

void* taken(void* block) {
    if (block) return block;
    full = 1;
    __builtin_trap();
}

}  // namespace

}  // namespace headlab

extern "C" int32_t hl_full() { return headlab::full; }

void* operator new(std::size_t size) { return headlab::taken(std::malloc(size ? size : 1)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    const std::size_t whole = std::size_t(alignment);
    return headlab::taken(std::aligned_alloc(whole, (size + whole - 1) / whole * whole));
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }

// What the standard library says when it is misused would bring a printf and three imports with it.
namespace std::inline __1 {
[[noreturn]] void __libcpp_verbose_abort(const char*, ...) noexcept { __builtin_trap(); }
}  // namespace std::inline __1
