#include <algorithm>
#include <string>

#include "base/buffer.h"
#include "base/team.h"
#include "kernels/table.h"
#include "measurements.h"

namespace chainrule::bench {
namespace {

using namespace chainrule::kernels;

// Tile after tile, as a training step updates them, with one tile's gradients for all: they never leave the first-level cache.
constexpr std::size_t kTile = 1024;

void measure(const Options& options, const char* name, void (*kernel)(const UpdateArgs<float>&), std::size_t arrays, int threads,
             std::size_t bytes, Report& report) {
  const std::size_t tiles = bytes / (arrays * sizeof(float) * kTile);
  Buffer<float> state(arrays * tiles * kTile);
  std::fill_n(state.data(), state.size(), 1.0F);
  Buffer<float> gradient(kTile);
  std::fill_n(gradient.data(), gradient.size(), 0.5F);
  const UpdateScalars<float> scalars = {1e-3F, 0, 1, 0.9F, 0.9F, 0.1F, 0.999F, 0.001F, 1e-8F, 1};
  const std::size_t passes = std::max<std::size_t>((std::size_t{6} << 20U) / bytes, 1);  // beside which the region is little
  const Spread time = time_of(options.seconds, [&] {
    run_team(threads, [&](int thread) {
      const Range mine = share(tiles, thread, threads);
      for (std::size_t pass = 0; pass < passes; ++pass) {
        for (std::size_t tile = mine.begin; tile < mine.end; ++tile) {
          float* const w = state.data() + tile * kTile;
          const auto array = [&](std::size_t number) { return number < arrays ? w + number * tiles * kTile : nullptr; };
          kernel({w, array(1), array(2), array(3), gradient.data(), kTile, &scalars});
        }
      }
    });
  });
  report.add({{"measure", name}, {"threads", threads}, {"bytes", bytes}}, time, static_cast<double>(passes * tiles * kTile));
}

}  // namespace

void measure_update(const Options& options, Report& report) {
  const KernelTable<float>& table = tables_of(options.isa).of<float>();
  constexpr std::size_t kLargest = std::size_t{384} << 20U;
  for (const int threads : options.threads) {
    for (std::size_t bytes = std::size_t{24} << 10U; bytes <= kLargest; bytes *= 2) {
      measure(options, "sgd", table.update_sgd, 1, threads, bytes, report);
      measure(options, "adam", table.update_adam, 3, threads, bytes, report);
    }
  }
}

}  // namespace chainrule::bench
