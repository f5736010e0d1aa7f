#include "base/shared_bytes.h"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "base/buffer.h"

namespace chainrule {
namespace {

// Values of a few numbers come and go by the thousand: their blocks are all of one size, and each thread keeps what it has freed
// for the next. Sanitizers see every one.
constexpr std::size_t kBlock = 64;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint32_t kKept = 0;
#else
constexpr std::uint32_t kKept = 4096;
#endif

struct FreeBlock {
  FreeBlock* next;
};

class FreeBlocks {
 public:
  ~FreeBlocks() {
    while (void* block = take()) std::free(block);
    count_ = kKept;  // what the thread frees from here on
  }
  [[nodiscard]] void* take() noexcept {
    FreeBlock* const block = first_;
    if (block == nullptr) return nullptr;
    first_ = block->next;
    --count_;
    return block;
  }
  void give(void* memory) noexcept {
    if (count_ >= kKept) return std::free(memory);
    first_ = new (memory) FreeBlock{first_};
    ++count_;
  }

 private:
  FreeBlock* first_ = nullptr;
  std::uint32_t count_ = 0;
};

thread_local FreeBlocks t_free;

}  // namespace

SharedBytes::SharedBytes(std::size_t bytes) {
  constexpr std::size_t kFewBytes = kBlock - sizeof(Block);
  // The most that malloc serves from lists of its own, several times faster than aligned memory.
  constexpr std::size_t kSomeBytes = 1024 - sizeof(Block);
  if (bytes > std::numeric_limits<std::ptrdiff_t>::max() - 2 * kCacheLine) throw std::bad_alloc();
  const bool few = bytes <= kFewBytes;
  const std::size_t offset = bytes <= kSomeBytes ? sizeof(Block) : kCacheLine;
  void* memory = few ? t_free.take() : nullptr;
  if (memory == nullptr) {
    const std::size_t rounded = (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
    memory = few                   ? std::malloc(kBlock)
             : bytes <= kSomeBytes ? std::malloc(offset + bytes)
                                   : std::aligned_alloc(kCacheLine, offset + rounded);
  }
  if (memory == nullptr) throw std::bad_alloc();
  block_ = new (memory) Block{1, static_cast<std::uint16_t>(offset), few};
  std::memset(static_cast<void*>(data()), 0, bytes);
}

void SharedBytes::free_block() noexcept {
  if (block_->pooled) {
    t_free.give(block_);
  } else {
    std::free(block_);
  }
}

}  // namespace chainrule
