// What the program was asked for.
#pragma once

#include <string>
#include <vector>

#include "base/cpu.h"

namespace chainrule::bench {

/// y = x w: x is (m, k), w is (k, n).
struct Shape {
  std::size_t m, k, n;
};

struct Options {
  Isa isa;
  std::vector<int> threads = {1};
  std::vector<std::string> dtypes = {"f32"};
  std::vector<Shape> shapes = {{256, 784, 512}, {256, 1024, 1024}};
  std::vector<std::size_t> sizes = {4096, std::size_t{1} << 22U};
  double seconds = 0.1;  // of each measurement
};

}  // namespace chainrule::bench
