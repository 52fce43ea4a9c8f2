# Flags that every target of ours shares. Third-party headers come in as SYSTEM, so they are exempt.
add_library(sluice_flags INTERFACE)
target_compile_options(sluice_flags INTERFACE
  -Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wswitch-enum -Wno-missing-field-initializers
  -Wnon-virtual-dtor -Woverloaded-virtual $<$<BOOL:${SLUICE_WERROR}>:-Werror>)
# No path of the machine that built it ends up in the binary.
target_compile_options(sluice_flags INTERFACE "-ffile-prefix-map=${CMAKE_CURRENT_SOURCE_DIR}/=")
target_compile_definitions(sluice_flags INTERFACE JSON_USE_IMPLICIT_CONVERSIONS=0 SLUICE_VERSION="${PROJECT_VERSION}")
if(SLUICE_SANITIZE)
  target_compile_options(sluice_flags INTERFACE -fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # cpprest casts its stream buffers to a base that they do not have.
  if(SLUICE_SANITIZE MATCHES undefined)
    target_compile_options(sluice_flags INTERFACE -fno-sanitize=vptr)
  endif()
  target_link_options(sluice_flags INTERFACE -fsanitize=${SLUICE_SANITIZE})
endif()
if(SLUICE_LIBFUZZER)  # clang only: counts which edges an input takes
  target_compile_options(sluice_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
find_program(SLUICE_MOLD mold)
if(SLUICE_MOLD)
  target_link_options(sluice_flags INTERFACE -fuse-ld=mold)
endif()

# One precompiled header for everything that touches JSON documents or the widest std headers: the
# nlohmann header alone costs seconds per file (docs/adr/0002).
add_library(sluice_pch OBJECT "${CMAKE_CURRENT_SOURCE_DIR}/tools/cmake/pch.cc")
target_link_libraries(sluice_pch PRIVATE sluice_flags)
target_link_libraries(sluice_pch PUBLIC fmt::fmt tl::expected nlohmann_json::nlohmann_json)
target_precompile_headers(sluice_pch PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/tools/cmake/pch.h")

# sluice_module(NAME DEPS modules... LIBS third-party... [PCH] [SEPARATE])
# SEPARATE: never joined into a unity build.
function(sluice_module name)
  cmake_parse_arguments(M "PCH;SEPARATE" "" "DEPS;LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc")
  if(NOT sources)
    set(sources "${CMAKE_CURRENT_SOURCE_DIR}/tools/cmake/empty.cc")
  endif()
  add_library(sluice_${name} STATIC ${sources})
  target_include_directories(sluice_${name} PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(sluice_${name} PRIVATE sluice_flags ${M_LIBS})
  target_link_libraries(sluice_${name} PUBLIC fmt::fmt tl::expected nlohmann_json::nlohmann_json)
  foreach(dep ${M_DEPS})
    target_link_libraries(sluice_${name} PUBLIC sluice_${dep})
  endforeach()
  if(M_PCH)
    target_precompile_headers(sluice_${name} REUSE_FROM sluice_pch)
  endif()
  if(SLUICE_UNITY AND NOT M_SEPARATE)
    set_target_properties(sluice_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${SLUICE_UNITY})
  endif()
endfunction()
