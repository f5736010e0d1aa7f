# Checks the compiler, finds OpenMP, and gathers the flags that every target shares in chainrule_flags.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(oldest 12)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  set(oldest 16)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "AppleClang")
  set(oldest 15)
else()
  message(FATAL_ERROR "chainrule: expected GCC 12 or Clang 16 or newer (the kernels use their vector extensions), got "
    "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}. Install one (apt install g++) and set CXX to it.")
endif()
if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS oldest)
  message(FATAL_ERROR "chainrule: expected ${CMAKE_CXX_COMPILER_ID} ${oldest} or newer (C++20), got "
    "${CMAKE_CXX_COMPILER_VERSION}. Install a newer one (apt install g++-${oldest}, or conda install -c conda-forge "
    "cxx-compiler) and set CXX to it.")
endif()

find_package(OpenMP COMPONENTS CXX)
if(NOT OpenMP_CXX_FOUND)
  message(FATAL_ERROR "chainrule: building needs OpenMP, and ${CMAKE_CXX_COMPILER} does not have it.\n"
    "  Debian, Ubuntu: apt install g++ (brings libgomp), or libomp-dev for Clang\n  Fedora: dnf install gcc-c++, or "
    "libomp-devel for Clang\n  conda: conda install -c conda-forge cxx-compiler\n"
    "  macOS: brew install libomp, then CMAKE_PREFIX_PATH=$(brew --prefix libomp)")
endif()

add_library(chainrule_flags INTERFACE)
target_compile_features(chainrule_flags INTERFACE cxx_std_20)
target_include_directories(chainrule_flags INTERFACE "${PROJECT_SOURCE_DIR}/cpp")
target_compile_options(chainrule_flags INTERFACE
  # The numbers are part of the interface: a product and a sum become one fma only where the source says so.
  -ffp-contract=off
  # Hot loops are unrolled by hand; -O3 adds size and compile time.
  $<$<CONFIG:Release>:-O2>
  -fvisibility=hidden
  -fvisibility-inlines-hidden
  # For profilers: whole call stacks.
  -fno-omit-frame-pointer
  -Wall -Wextra -Wpedantic -Wconversion
  $<$<BOOL:${CHAINRULE_WERROR}>:-Werror>)

if(CHAINRULE_SANITIZE)
  # -g1: lines for stack traces.
  target_compile_options(chainrule_flags INTERFACE -fsanitize=${CHAINRULE_SANITIZE} -fno-sanitize-recover=all -g1)
  target_link_options(chainrule_flags INTERFACE -fsanitize=${CHAINRULE_SANITIZE})
endif()
