add_library(ckpt_options INTERFACE)
target_include_directories(ckpt_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(
  ckpt_options
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wshadow
            -Wswitch-enum
            -Wnon-virtual-dtor
            -Wold-style-cast
            -Woverloaded-virtual
            -Wundef
            # Designated initialisers leave the other fields at their defaults: that is their point.
            -Wno-missing-field-initializers
            $<$<BOOL:${CKPT_WERROR}>:-Werror>)
target_compile_definitions(ckpt_options INTERFACE CKPT_VERSION="${PROJECT_VERSION}")

# What a sanitizer finds in whatever program goes to one folder, where ordinary users can write (tests run programs as such);
# scripts/test makes it and looks there.
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=(address|thread)")
  string(MD5 place ${CMAKE_BINARY_DIR})
  set(place /tmp/ckptd-sanitizer-${place})
  file(WRITE ${CMAKE_BINARY_DIR}/sanitizer-reports ${place})
  set(reports ${CMAKE_BINARY_DIR}/sanitizer_reports.cpp)
  configure_file(${CMAKE_SOURCE_DIR}/tests/support/sanitizer_reports.cpp.in ${reports} @ONLY)
  target_sources(ckpt_options INTERFACE $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:${reports}>)
endif()

# ckpt_library(core_store DEPS core_base core_domain LIBS Threads::Threads)
# One static library for each box of ARCHITECTURE.md. Sources: every .cpp below the folder that is not main.cpp.
function(ckpt_library name)
  cmake_parse_arguments(ARG "" "DIR" "DEPS;LIBS" ${ARGN})
  if(NOT ARG_DIR)
    set(ARG_DIR ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${ARG_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(name STREQUAL "api")
    list(FILTER sources EXCLUDE REGEX "/api/server/")
  endif()
  if(NOT sources)
    message(FATAL_ERROR "${name}: no sources in ${ARG_DIR}")
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PRIVATE ckpt_options ${ARG_DEPS} ${ARG_LIBS})
endfunction()

# ckpt_doctest(unit_store DIR unit/store DEPS core_store core_base)
function(ckpt_doctest name)
  cmake_parse_arguments(ARG "" "DIR;LABEL" "DEPS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_DIR}/*.cpp)
  add_executable(${name} ${sources} $<TARGET_OBJECTS:doctest_main>)
  target_link_libraries(${name} PRIVATE ckpt_options ${ARG_DEPS} ${ARG_LIBS} Threads::Threads)
  target_compile_definitions(${name} PRIVATE CKPT_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data"
                                             CKPT_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}")
endfunction()
