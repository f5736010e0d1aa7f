// The native benchmarks: chainrule_bench peak|team|machine|update|kernels|predict [--isa avx2] [--threads 1,2] [--dtypes f32,f64]
// [--shapes MxKxN,...] [--sizes N,...] [--seconds 0.1]. JSON goes to standard output; `python -m benchmarks.kernels` reads it.
#include <cstdio>
#include <exception>
#include <sstream>
#include <stdexcept>

#include "base/error.h"
#include "measurements.h"

namespace {

using namespace chainrule;
using namespace chainrule::bench;

std::size_t positive(const std::string& name, const std::string& number) {
  std::size_t used = 0;
  unsigned long long value = 0;
  try {
    value = std::stoull(number, &used);
  } catch (const std::logic_error&) {
    used = 0;
  }
  if (used == 0 || used != number.size() || value == 0) {
    throw std::invalid_argument(text(name, ": expected a whole number of 1 or more, got ", number));
  }
  return static_cast<std::size_t>(value);
}

std::vector<std::string> split(const std::string& list, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(list);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

Isa isa_named(const std::string& wanted) {
  for (const Isa isa : supported_isas()) {
    if (wanted == name_of(isa)) return isa;
  }
  throw std::invalid_argument(text("--isa: expected an instruction set of this processor, got ", wanted));
}

void set(Options& options, const std::string& name, const std::string& value) {
  if (name == "--isa") {
    options.isa = isa_named(value);
  } else if (name == "--threads") {
    options.threads.clear();
    for (const std::string& count : split(value, ',')) options.threads.push_back(static_cast<int>(positive(name, count)));
  } else if (name == "--dtypes") {
    options.dtypes = split(value, ',');
    for (const std::string& dtype : options.dtypes) {
      if (dtype != "f32" && dtype != "f64") throw std::invalid_argument(text(name, ": expected f32 or f64, got ", dtype));
    }
  } else if (name == "--shapes") {
    options.shapes.clear();
    for (const std::string& shape : split(value, ',')) {
      const std::vector<std::string> mkn = split(shape, 'x');
      if (mkn.size() != 3) throw std::invalid_argument(text(name, ": expected MxKxN, got ", shape));
      options.shapes.push_back({positive(name, mkn[0]), positive(name, mkn[1]), positive(name, mkn[2])});
    }
  } else if (name == "--sizes") {
    options.sizes.clear();
    for (const std::string& size : split(value, ',')) options.sizes.push_back(positive(name, size));
  } else if (name == "--seconds") {
    options.seconds = std::stod(value);
  } else {
    throw std::invalid_argument(
        text("expected --isa, --threads, --dtypes, --shapes, --sizes or --seconds, each with a value, got ", name));
  }
}

void run(const std::vector<std::string>& arguments) {
  void (*measure)(const Options&, Report&) = nullptr;
  const std::string mode = arguments.empty() ? "nothing" : arguments[0];
  if (mode == "machine") measure = measure_machine;
  if (mode == "peak") measure = measure_peak;
  if (mode == "team") measure = measure_team;
  if (mode == "update") measure = measure_update;
  if (mode == "kernels") measure = measure_kernels;
  if (mode == "predict") measure = measure_predict;
  if (measure == nullptr) throw std::invalid_argument(text("expected peak, team, machine, update, kernels or predict, got ", mode));
  Options options{.isa = choose_isa()};
  for (std::size_t i = 1; i < arguments.size(); i += 2) {
    set(options, arguments[i], i + 1 < arguments.size() ? arguments[i + 1] : std::string());
  }
  Report report(name_of(options.isa));
  measure(options, report);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    run({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "chainrule_bench: %s\n", error.what());
    return 2;
  }
  return 0;
}
