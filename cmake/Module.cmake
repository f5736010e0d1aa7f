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
target_compile_definitions(_core PRIVATE CHAINRULE_VERSION="${CHAINRULE_VERSION}")
install(TARGETS _core LIBRARY DESTINATION .)
