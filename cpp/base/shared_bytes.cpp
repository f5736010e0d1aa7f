#include "base/shared_bytes.h"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "base/buffer.h"

namespace chainrule {
namespace {

// malloc serves so few from lists of its own, several times faster than aligned ones.
constexpr std::size_t kFewBytes = 512;

}  // namespace

SharedBytes::SharedBytes(std::size_t bytes) {
  if (bytes > std::numeric_limits<std::ptrdiff_t>::max() - 2 * kCacheLine) throw std::bad_alloc();
  const bool few = bytes <= kFewBytes;
  const std::size_t offset = few ? sizeof(Block) : kCacheLine;
  const std::size_t rounded = (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
  void* const memory = few ? std::malloc(offset + bytes) : std::aligned_alloc(kCacheLine, offset + rounded);
  if (memory == nullptr) throw std::bad_alloc();
  block_ = new (memory) Block{1, static_cast<std::uint32_t>(offset)};
  std::memset(static_cast<void*>(data()), 0, bytes);
}

void SharedBytes::free_block() noexcept { std::free(block_); }

}  // namespace chainrule
