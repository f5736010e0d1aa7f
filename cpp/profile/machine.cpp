#include "profile/machine.h"

#include "base/buffer.h"
#include "base/error.h"
#include "base/team.h"
#include "profile/least_seconds.h"
#include "profile/machine_loops.h"

namespace chainrule::profile {

// One declaration for each instruction set that the build carries, and one place in the list, which comes from CMake.
#define CHAINRULE_LOOPS(isa)        \
  namespace isa {                   \
  extern const MachineLoops kLoops; \
  }
CHAINRULE_LOOPS_ISAS
#undef CHAINRULE_LOOPS

const MachineLoops* machine_loops_of(const char* isa) noexcept {
  for (const MachineLoops* loops : {
#define CHAINRULE_LOOPS(isa) &isa::kLoops,
           CHAINRULE_LOOPS_ISAS
#undef CHAINRULE_LOOPS
       }) {
    if (std::string(loops->isa) == isa) return loops;
  }
  return nullptr;
}

namespace {

constexpr std::size_t kPasses = 500000;  // of chains in a call: some ms, beside which a team is nothing
constexpr std::size_t kTriadStep = 64;   // elements: threads share no cache line

}  // namespace

MachinePeaks measure_machine(const std::string& isa, int threads, double seconds) {
  const MachineLoops* const loops = machine_loops_of(isa.c_str());
  if (loops == nullptr) throw std::invalid_argument(text("machine: expected loops for ", isa, ", got none"));
  volatile double sink = 0;
  const auto flops = [&](auto* chains, double of_pass) {
    return of_pass * static_cast<double>(kPasses) * threads / least_seconds(seconds, [&] {
             run_team(threads, [&](int thread) {
               const auto sum = static_cast<double>(chains(kPasses));
               if (thread == 0) sink = sum;
             });
           });
  };
  MachinePeaks peaks;
  peaks.flops_f32 = flops(loops->fma_f32, loops->flops_f32);
  peaks.flops_f64 = flops(loops->fma_f64, loops->flops_f64);
  constexpr std::size_t kBlocks = kTriadBytes / (3 * sizeof(double) * kTriadStep);
  Buffer<double> a(kBlocks * kTriadStep);
  Buffer<double> b(kBlocks * kTriadStep);
  Buffer<double> c(kBlocks * kTriadStep);
  const double of_triad = least_seconds(seconds, [&] {
    run_team(threads, [&](int thread) {
      const Range mine = share(kBlocks, thread, threads);
      const std::size_t at = mine.begin * kTriadStep;
      loops->triad(a.data() + at, b.data() + at, c.data() + at, 0.5, (mine.end - mine.begin) * kTriadStep);
    });
  });
  peaks.bytes = static_cast<double>(3 * sizeof(double) * kBlocks * kTriadStep) / of_triad;
  return peaks;
}

}  // namespace chainrule::profile
