# The Python module chainrule._core.

find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
set(PYBIND11_FINDPYTHON ON)
if(NOT DEFINED SKBUILD)
  execute_process(COMMAND "${Python_EXECUTABLE}" -m pybind11 --cmakedir OUTPUT_VARIABLE pybind11_folder
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  list(APPEND CMAKE_PREFIX_PATH "${pybind11_folder}")
endif()
find_package(pybind11 3 CONFIG QUIET)
if(NOT pybind11_FOUND)
  message(FATAL_ERROR "chainrule: the Python module needs pybind11 3 or newer: pip install 'pybind11>=3'")
endif()

file(GLOB bind_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/cpp/bind/*.cpp")
# NO_EXTRAS: link-time optimisation could inline one instruction set into another, and stripping takes the kernels' names from profilers.
pybind11_add_module(_core MODULE NO_EXTRAS ${bind_sources})
target_link_libraries(_core PRIVATE chainrule_core)
# Few sources in place of many: what all instantiate of pybind11 is compiled once in each, in a quarter of the time and to 5 % less code.
set_target_properties(_core PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 9)
string(TOUPPER "CMAKE_CXX_FLAGS_${CMAKE_BUILD_TYPE}" flags_of_type)
target_compile_definitions(_core PRIVATE CHAINRULE_VERSION="${CHAINRULE_VERSION}"
  "CHAINRULE_FLAGS=\"${CMAKE_CXX_FLAGS} ${${flags_of_type}} $<JOIN:$<TARGET_PROPERTY:chainrule_flags,INTERFACE_COMPILE_OPTIONS>, >\"")
install(TARGETS _core LIBRARY DESTINATION .)
