# The program chainrule_bench, which `python -m benchmarks.kernels` and its neighbours run.

set(bench_folder "${PROJECT_SOURCE_DIR}/benchmarks/native")
file(GLOB bench_sources CONFIGURE_DEPENDS "${bench_folder}/*.cpp")
list(FILTER bench_sources EXCLUDE REGEX "/machine_loops\\.cpp$")
add_executable(chainrule_bench ${bench_sources})
target_link_libraries(chainrule_bench PRIVATE chainrule_core)

# The machine's own peak, for each instruction set that has kernels and with its flags. The program finds them by this list.
set(loops "")
foreach(isa IN LISTS CHAINRULE_ISAS)
  add_library(chainrule_loops_${isa} OBJECT "${bench_folder}/machine_loops.cpp")
  target_link_libraries(chainrule_loops_${isa} PRIVATE chainrule_flags)
  get_target_property(flags chainrule_isa_${isa} COMPILE_OPTIONS)
  target_compile_options(chainrule_loops_${isa} PRIVATE ${flags} -ffp-contract=fast)
  target_compile_definitions(chainrule_loops_${isa} PRIVATE CHAINRULE_BENCH_ISA=${isa})
  target_sources(chainrule_bench PRIVATE $<TARGET_OBJECTS:chainrule_loops_${isa}>)
  string(APPEND loops " CHAINRULE_BENCH_LOOPS(${isa})")
endforeach()
target_compile_definitions(chainrule_bench PRIVATE "CHAINRULE_BENCH_ISAS=${loops}")

if(CHAINRULE_TESTS)
  # That every kernel can be measured; how fast it is, no test asks.
  add_test(NAME chainrule_bench COMMAND chainrule_bench kernels --dtypes f32,f64 --seconds 0.0001 --sizes 64 --shapes 3x5x7)
endif()
