// Picks the instruction set at run time.
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

}  // namespace headlab
