# Each tests/cpp/test_*.cpp is a program and a test of its own. Without Python: chainrule_core alone.

# Kernels of other vector widths than an instruction set's own (tests/cpp/all_tables.h). Not with sanitizers: GCC 12 then takes
# minutes over vectors that it must split.
add_library(chainrule_vehicles INTERFACE)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND NOT CHAINRULE_SANITIZE)
  target_compile_definitions(chainrule_vehicles INTERFACE CHAINRULE_VEHICLES)
  foreach(name IN ITEMS avx2_narrow avx2_wide)
    chainrule_compile_isa(${name} "tests/cpp/isa/${name}.cpp" -mavx2 -mfma)
    target_sources(chainrule_vehicles INTERFACE $<TARGET_OBJECTS:chainrule_isa_${name}>)
  endforeach()
endif()

file(GLOB test_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/cpp/test_*.cpp")
foreach(source IN LISTS test_sources)
  get_filename_component(name "${source}" NAME_WE)
  add_executable(${name} "${source}")
  target_link_libraries(${name} PRIVATE chainrule_core chainrule_vehicles)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600)
endforeach()

# The accuracy of the elementary functions: here with every 4001st float, by hand with all (ulp --stride 1).
add_executable(ulp "${PROJECT_SOURCE_DIR}/tests/cpp/ulp.cpp")
target_link_libraries(ulp PRIVATE chainrule_core)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  target_link_libraries(ulp PRIVATE quadmath)
endif()
add_test(NAME ulp COMMAND ulp --stride 4001 --samples 20000)

# What .ci/isa_campaign.py compares between builds, instruction sets and processors.
add_executable(training_hash "${PROJECT_SOURCE_DIR}/tests/cpp/training_hash.cpp")
target_link_libraries(training_hash PRIVATE chainrule_core chainrule_vehicles)
