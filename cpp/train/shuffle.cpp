#include "train/shuffle.h"

#include <numeric>
#include <utility>

#include "base/philox.h"

namespace chainrule::train {

void shuffle_order(std::span<std::int64_t> order, std::uint64_t seed, std::uint64_t epoch) {
  std::iota(order.begin(), order.end(), std::int64_t{0});
  PhiloxBlock block = {};
  std::uint32_t draws = 0;
  for (std::size_t last = order.size(); last > 1; --last) {
    if (draws % 2 == 0) {
      block = philox({draws / 2, static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(epoch >> 32U),
                      static_cast<std::uint32_t>(RandomStream::shuffle)},
                     seed);
    }
    const std::size_t word = std::size_t{draws % 2} * 2;
    const std::uint64_t bits = std::uint64_t{block[word]} << 32U | block[word + 1];
    ++draws;
    __extension__ using Wide = unsigned __int128;
    const auto chosen = static_cast<std::size_t>(static_cast<Wide>(bits) * last >> 64U);
    std::swap(order[last - 1], order[chosen]);
  }
}

}  // namespace chainrule::train
