# docs/openapi.json, built into the room that serves it.
set(bourse_openapi_source ${PROJECT_BINARY_DIR}/openapi_document.cpp)
add_custom_command(
  OUTPUT ${bourse_openapi_source}
  COMMAND ${CMAKE_COMMAND} -D IN=${PROJECT_SOURCE_DIR}/docs/openapi.json
          -D OUT=${bourse_openapi_source} -P ${PROJECT_SOURCE_DIR}/cmake/embed_openapi.cmake
  DEPENDS ${PROJECT_SOURCE_DIR}/docs/openapi.json ${PROJECT_SOURCE_DIR}/cmake/embed_openapi.cmake
          ${PROJECT_SOURCE_DIR}/cmake/read_bytes.cmake
  VERBATIM)
target_sources(bourse_service PRIVATE ${bourse_openapi_source})
