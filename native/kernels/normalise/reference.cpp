#include "kernels/normalise/kernel.hpp"

namespace diptych::kernels::normalise {
namespace {

#include "kernels/normalise/lookup-inl.hpp"

void run(const Work& work) noexcept { lookup(work, 0, work.pixels); }

}  // namespace

constinit const Variant reference{"reference", Family::reference, {}, run};

}  // namespace diptych::kernels::normalise
