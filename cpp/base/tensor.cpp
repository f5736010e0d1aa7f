#include "base/tensor.h"

#include <cstring>

#include "base/buffer.h"
#include "base/error.h"

namespace chainrule {

std::size_t size_of(DType dtype) noexcept { return dtype == DType::float32 ? 4 : 8; }

const char* name_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::float64:
      return "float64";
    case DType::int64:
      return "int64";
  }
  return "unknown";
}

DType dtype_named(const std::string& name) {
  for (const DType dtype : {DType::float32, DType::float64, DType::int64}) {
    if (name == name_of(dtype)) return dtype;
  }
  throw TypeError(text("dtype: expected float32, float64 or int64, got ", name));
}

std::string to_string(const Shape& shape) {
  std::string out = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return out + (shape.size() == 1 ? ",)" : ")");
}

std::size_t element_count(const Shape& shape) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0) throw std::invalid_argument(text("tensor: expected sizes of 0 or more, got shape ", to_string(shape)));
    count = checked_product(count, static_cast<std::size_t>(extent));
  }
  return count;
}

Tensor::Tensor(DType dtype, Shape shape) : shape_(std::move(shape)), size_(element_count(shape_)), dtype_(dtype) {
  storage_ = SharedBytes(checked_product(size_, size_of(dtype)));
}

Tensor Tensor::clone() const {
  if (!defined()) return {};
  Tensor copy(dtype_, shape_);
  std::memcpy(copy.raw(), raw(), size_ * size_of(dtype_));
  return copy;
}

Tensor Tensor::reshaped(Shape shape) const {
  if (element_count(shape) != size_) {
    throw std::invalid_argument(
        text("reshape: expected a shape of ", size_, " elements, got ", to_string(shape), " for ", to_string(shape_)));
  }
  Tensor view = *this;
  view.shape_ = std::move(shape);
  return view;
}

void Tensor::throw_wrong_type(DType wanted) const {
  throw TypeError(text("tensor: expected ", name_of(wanted), ", got ", name_of(dtype_)));
}

}  // namespace chainrule
