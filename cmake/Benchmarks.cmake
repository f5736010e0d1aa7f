# The program chainrule_bench, which `python -m benchmarks.kernels` and its neighbours run.

set(bench_folder "${PROJECT_SOURCE_DIR}/benchmarks/native")
file(GLOB bench_sources CONFIGURE_DEPENDS "${bench_folder}/*.cpp")
add_executable(chainrule_bench ${bench_sources})
target_link_libraries(chainrule_bench PRIVATE chainrule_core)

if(CHAINRULE_TESTS)
  # That every kernel can be measured; how fast it is, no test asks.
  add_test(NAME chainrule_bench COMMAND chainrule_bench kernels --dtypes f32,f64 --seconds 0.0001 --sizes 64 --shapes 3x5x7)
endif()
