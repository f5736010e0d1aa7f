// Dense row-major tensors of any rank, shared by reference: the values that the graph's interpreter moves around.
#pragma once

#include <cstdint>
#include <string>

#include "base/shared_bytes.h"
#include "base/small_vector.h"

namespace chainrule {

enum class DType : std::uint8_t { float32, float64, int64 };

using Shape = SmallVector<std::int64_t, 4>;

[[nodiscard]] std::size_t size_of(DType dtype) noexcept;
[[nodiscard]] const char* name_of(DType dtype) noexcept;
/// The type called `name`; TypeError for any other word.
[[nodiscard]] DType dtype_named(const std::string& name);
/// "(2, 3)", as Python prints it.
[[nodiscard]] std::string to_string(const Shape& shape);
/// The number of elements; std::invalid_argument for a negative size, std::bad_alloc where the product overflows.
[[nodiscard]] std::size_t element_count(const Shape& shape);

template <class T>
inline constexpr DType kDType = DType::int64;
template <>
inline constexpr DType kDType<float> = DType::float32;
template <>
inline constexpr DType kDType<double> = DType::float64;

/// Copies of a Tensor share its elements; `clone` does not.
class Tensor {
 public:
  Tensor() = default;
  Tensor(DType dtype, Shape shape);

  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool defined() const noexcept { return storage_.data() != nullptr; }
  [[nodiscard]] Tensor clone() const;
  /// The same elements under another shape of the same size.
  [[nodiscard]] Tensor reshaped(Shape shape) const;

  [[nodiscard]] void* raw() const noexcept { return storage_.data(); }
  /// The elements as T; TypeError where the tensor holds another type.
  template <class T>
  [[nodiscard]] T* data() const {
    if (kDType<T> != dtype_) throw_wrong_type(kDType<T>);
    return static_cast<T*>(raw());
  }

 private:
  [[noreturn]] void throw_wrong_type(DType wanted) const;

  SharedBytes storage_;
  Shape shape_;
  std::size_t size_ = 0;
  DType dtype_ = DType::float32;
};

}  // namespace chainrule
