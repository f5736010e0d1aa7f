# The library chainrule_core: every layer below the binding. Each file of cpp/kernels/isa is an object library of its own, since it
# alone is compiled for its instruction set; the rest keeps to what the architecture guarantees.

file(GLOB_RECURSE core_sources CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/cpp/base/*.cpp"
  "${PROJECT_SOURCE_DIR}/cpp/profile/*.cpp"
  "${PROJECT_SOURCE_DIR}/cpp/kernels/*.cpp"
  "${PROJECT_SOURCE_DIR}/cpp/graph/*.cpp"
  "${PROJECT_SOURCE_DIR}/cpp/plan/*.cpp"
  "${PROJECT_SOURCE_DIR}/cpp/train/*.cpp")
list(FILTER core_sources EXCLUDE REGEX "/isa/")

add_library(chainrule_core STATIC ${core_sources})
target_link_libraries(chainrule_core PUBLIC chainrule_flags PRIVATE OpenMP::OpenMP_CXX)

# chainrule_compile_isa(name source flags...): compiles a source of kernels with these flags, as the objects chainrule_isa_<name>.
function(chainrule_compile_isa name source)
  add_library(chainrule_isa_${name} OBJECT "${PROJECT_SOURCE_DIR}/${source}")
  target_link_libraries(chainrule_isa_${name} PRIVATE chainrule_flags)
  # -Wno-psabi: GCC remarks that vectors wider than a register are passed in memory; all functions that take them are inlined.
  # -Wno-maybe-uninitialized: GCC 12 finds it in its own AVX-512 header (its bug 105593).
  target_compile_options(chainrule_isa_${name} PRIVATE ${ARGN} -Wno-psabi -Wno-maybe-uninitialized)
endfunction()

# chainrule_add_isa(name flags...): cpp/kernels/isa/<name>.cpp with these flags, as a part of the library.
# With it come the loops that measure what the machine can do with this instruction set.
function(chainrule_add_isa name)
  chainrule_compile_isa(${name} "cpp/kernels/isa/${name}.cpp" ${ARGN})
  add_library(chainrule_loops_${name} OBJECT "${PROJECT_SOURCE_DIR}/cpp/profile/isa/machine_loops.cpp")
  target_link_libraries(chainrule_loops_${name} PRIVATE chainrule_flags)
  target_compile_options(chainrule_loops_${name} PRIVATE ${ARGN})
  target_compile_definitions(chainrule_loops_${name} PRIVATE CHAINRULE_LOOPS_ISA=${name})
  target_sources(chainrule_core PRIVATE $<TARGET_OBJECTS:chainrule_isa_${name}> $<TARGET_OBJECTS:chainrule_loops_${name}>)
  set(CHAINRULE_ISAS ${CHAINRULE_ISAS} ${name} PARENT_SCOPE)
endfunction()

# An option of the source: it comes after the flags of all targets, of which the last says `off`.
set_source_files_properties("${PROJECT_SOURCE_DIR}/cpp/profile/isa/machine_loops.cpp" PROPERTIES COMPILE_OPTIONS -ffp-contract=fast)

set(CHAINRULE_ISAS "")  # those that are built
chainrule_add_isa(baseline)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  chainrule_add_isa(avx2 -mavx2 -mfma)
  chainrule_add_isa(avx512 -mavx2 -mfma -mavx512f -mavx512dq -mavx512bw -mavx512vl -mprefer-vector-width=512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  chainrule_add_isa(neon)
else()
  message(STATUS "chainrule: no kernels of its own for ${CMAKE_SYSTEM_PROCESSOR}; the portable ones are built")
endif()

list(TRANSFORM CHAINRULE_ISAS REPLACE "(.+)" " CHAINRULE_LOOPS(\\1)" OUTPUT_VARIABLE loops)
list(JOIN loops "" loops)
set_source_files_properties("${PROJECT_SOURCE_DIR}/cpp/profile/machine.cpp" PROPERTIES COMPILE_DEFINITIONS "CHAINRULE_LOOPS_ISAS=${loops}")
