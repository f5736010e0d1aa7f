// Zero-filled bytes shared by reference, freed with the last of those that share them; copies may live in any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace chainrule {

class SharedBytes {
 public:
  SharedBytes() = default;
  /// Cache-line aligned but for less than a page's quarter, which starts at a multiple of 16. std::bad_alloc.
  explicit SharedBytes(std::size_t bytes);
  SharedBytes(const SharedBytes& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->uses.fetch_add(1, std::memory_order_relaxed);
  }
  SharedBytes(SharedBytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedBytes& operator=(SharedBytes other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~SharedBytes() {
    // Who is alone needs no exchange with others: nobody else can make copies.
    if (block_ == nullptr) return;
    if (block_->uses.load(std::memory_order_acquire) == 1 || block_->uses.fetch_sub(1, std::memory_order_acq_rel) == 1)
      free_block();
  }

  /// Null for no bytes at all, not for 0 of them.
  [[nodiscard]] std::byte* data() const noexcept {
    return block_ == nullptr ? nullptr : reinterpret_cast<std::byte*>(block_) + block_->offset;
  }

 private:
  /// What stands before the bytes.
  struct alignas(16) Block {
    std::atomic<std::uint32_t> uses;
    std::uint16_t offset;  // from the block to its bytes
    bool pooled;           // one of those that threads keep
  };
  void free_block() noexcept;

  Block* block_ = nullptr;
};

}  // namespace chainrule
