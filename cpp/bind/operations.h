// Operations as Python names them: by their name, or functions given in Python.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include <pybind11/stl.h>

#include "graph/row_function.h"

namespace chainrule::bind {

using AnyOperation = std::variant<std::string, std::shared_ptr<graph::RowFunction>>;

[[nodiscard]] inline graph::SharedOperation operation_from(const AnyOperation& given) {
  if (const auto* function = std::get_if<std::shared_ptr<graph::RowFunction>>(&given)) return *function;
  return graph::shared_operation(std::get<std::string>(given));
}

}  // namespace chainrule::bind
