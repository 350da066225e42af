// Picks the instruction set at run time and spreads groups of lanes over threads.
#include <exception>
#include <mutex>
#include <thread>

#include "plan.hpp"

namespace headlab {

namespace generic { extern const Kernel kernel; }
#ifdef HEADLAB_HAS_avx2
namespace avx2 { extern const Kernel kernel; }
namespace avx512 { extern const Kernel kernel; }
#endif

std::vector<const Kernel*> available_kernels() {
    std::vector<const Kernel*> found;
#ifdef HEADLAB_HAS_avx2
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw"))
        found.push_back(&avx512::kernel);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(&avx2::kernel);
#endif
    found.push_back(&generic::kernel);
    return found;
}

namespace {

template <class Work> void spread(Work work, const Plan& plan, const Batch& batch, Control& control, int n_threads) {
    std::exception_ptr failure;
    std::mutex guard;
    auto safely = [&] {
        try {
            work(plan, batch, control);
        } catch (...) {  // out of memory for a workspace: stop the others, tell the caller
            const std::lock_guard<std::mutex> lock(guard);
            failure = std::current_exception();
            control.cancel = true;
        }
    };
    std::vector<std::thread> helpers;
    for (int i = 1; i < n_threads; ++i) helpers.emplace_back(safely);
    safely();
    for (std::thread& helper : helpers) helper.join();
    if (failure) std::rethrow_exception(failure);
}

}  // namespace

void train(const Kernel& kernel, bool is_double, const Plan& plan, const Batch& batch, Control& control, int n_threads) {
    spread(is_double ? kernel.train_double : kernel.train_float, plan, batch, control, n_threads);
}

void gradient(const Kernel& kernel, bool is_double, const Plan& plan, const Batch& batch, Control& control, int n_threads) {
    spread(is_double ? kernel.gradient_double : kernel.gradient_float, plan, batch, control, n_threads);
}

}  // namespace headlab
