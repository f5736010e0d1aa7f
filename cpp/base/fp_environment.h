// The floating-point state that the numerics contract is stated for: round to nearest, no flush to zero, all traps masked.
// Held for the life of the object, on one thread; the caller's state comes back afterwards.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace chainrule {

class FpEnvironment {
 public:
#if defined(__x86_64__)
  // Writing the register waits for all that goes before, and it mostly holds what it should, the flags of exceptions aside.
  FpEnvironment() noexcept : saved_(_mm_getcsr()) {
    if ((saved_ & ~kFlags) != kState) _mm_setcsr(kState);
  }
  ~FpEnvironment() {
    if (_mm_getcsr() != saved_) _mm_setcsr(static_cast<unsigned>(saved_));
  }
#elif defined(__aarch64__)
  FpEnvironment() noexcept {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" : : "r"(std::uint64_t{0}));
  }
  ~FpEnvironment() { asm volatile("msr fpcr, %0" : : "r"(saved_)); }
#else
  FpEnvironment() noexcept = default;
  ~FpEnvironment() = default;
#endif
  FpEnvironment(const FpEnvironment&) = delete;
  FpEnvironment& operator=(const FpEnvironment&) = delete;

 private:
#if defined(__x86_64__)
  static constexpr unsigned kState = 0x1F80;
  static constexpr unsigned kFlags = 0x3F;
#endif
  [[maybe_unused]] std::uint64_t saved_ = 0;
};

}  // namespace chainrule
