# check_headers: each header compiled by itself, with warnings as errors and nothing in front of it. A header that only
# compiles behind others is a trap for whoever includes it next. One object library per module; none is part of `all`.
add_custom_target(check_headers)

# sluice_check_headers(FOLDER): adds the headers below that folder of the root.
function(sluice_check_headers folder)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.h")
  set(sources)
  foreach(header ${headers})
    set(source "${CMAKE_BINARY_DIR}/check_headers/${header}.cc")
    file(CONFIGURE OUTPUT "${source}" CONTENT "#include \"${header}\"\n")
    list(APPEND sources "${source}")
  endforeach()
  if(NOT sources)
    return()
  endif()
  string(REPLACE "/" "_" name "check_headers_${folder}")
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${sources})
  target_include_directories(${name} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  target_compile_options(${name} PRIVATE -Werror -O0 -g0)
  target_link_libraries(${name} PRIVATE sluice_flags fmt::fmt tl::expected nlohmann_json::nlohmann_json ${ARGN})
  add_dependencies(check_headers ${name})
endfunction()
