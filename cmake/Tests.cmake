# Each tests/cpp/test_*.cpp is a program and a test of its own. Without Python: chainrule_core alone.

file(GLOB test_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/cpp/test_*.cpp")
foreach(source IN LISTS test_sources)
  get_filename_component(name "${source}" NAME_WE)
  add_executable(${name} "${source}")
  target_link_libraries(${name} PRIVATE chainrule_core)
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
