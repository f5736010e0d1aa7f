// How the kernels' tests run: each kernel of kernels.inc, with every table that this machine runs, beside the reference. Every kind
// of arguments belongs to one of the test programs; a kind that nothing below names is test_kernels', which does not compile
// without a test of it.
#pragma once

#include <string>

#include "all_tables.h"
#include "check.h"
#include "kernel_data.h"

namespace chainrule::test {

/// One kernel of one instruction set beside the reference.
template <class Args>
struct Pair {
  std::string name;
  void (*kernel)(const Args&);
  void (*reference)(const Args&);
};

enum class Program { kernels, gemm, sparse, updates };

template <class Args>
inline constexpr Program kProgramOf = Program::kernels;
template <class T>
inline constexpr Program kProgramOf<kernels::GemmArgs<T>> = Program::gemm;
template <class T>
inline constexpr Program kProgramOf<kernels::WeightGradientArgs<T>> = Program::gemm;
template <class T>
inline constexpr Program kProgramOf<kernels::TransposeArgs<T>> = Program::gemm;
template <class T>
inline constexpr Program kProgramOf<kernels::ColumnSumArgs<T>> = Program::gemm;
template <class T>
inline constexpr Program kProgramOf<kernels::SparseForwardArgs<T>> = Program::sparse;
template <class T>
inline constexpr Program kProgramOf<kernels::SparseWeightGradientArgs<T>> = Program::sparse;
template <class T>
inline constexpr Program kProgramOf<kernels::UpdateArgs<T>> = Program::updates;
template <class T>
inline constexpr Program kProgramOf<kernels::OuterUpdateArgs<T>> = Program::updates;
template <class T>
inline constexpr Program kProgramOf<kernels::SquareSumArgs<T>> = Program::updates;

template <Program kProgram, class T, class Compare>
void test_table(const kernels::Tables& tables, const std::string& suffix, const Compare& compare) {
  const std::string isa = std::string(tables.isa) + " ";
#define CHAINRULE_KERNEL(name, Args)                                                                                      \
  if constexpr (kProgramOf<kernels::Args<T>> == kProgram) {                                                               \
    compare(Pair<kernels::Args<T>>{isa + #name + suffix, tables.of<T>().name, kernels::reference_tables().of<T>().name}); \
  }
#include "kernels/kernels.inc"
#undef CHAINRULE_KERNEL
}

/// Calls `compare` with a Pair for each kernel of the program, each table and both types. Gives what main returns.
template <Program kProgram, class Compare>
int test_program(const Compare& compare) {
  for (const kernels::Tables* tables : all_tables()) {
    test_table<kProgram, float>(*tables, "_f32", compare);
    test_table<kProgram, double>(*tables, "_f64", compare);
  }
  return finish();
}

}  // namespace chainrule::test
