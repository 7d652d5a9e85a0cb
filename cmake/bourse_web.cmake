# The script of the report page (web/report), bundled by esbuild and built into the program as
# bourse_page. BOURSE_WEB says whether: AUTO (with npm, if its packages can be had), ON, OFF. Without
# it the program is the same but for the pictures of report.html.
set(BOURSE_WEB AUTO CACHE STRING "Bundle the report page with npm: AUTO, ON or OFF")
set_property(CACHE BOURSE_WEB PROPERTY STRINGS AUTO ON OFF)
set(bourse_web_source ${PROJECT_SOURCE_DIR}/web/report)
set(bourse_web_build ${PROJECT_BINARY_DIR}/web)

# bourse_web_install(RESULT): puts what package-lock.json names into the build folder, unless it is
# there. RESULT becomes TRUE if it could.
function(bourse_web_install result)
  set(${result} FALSE PARENT_SCOPE)
  find_program(BOURSE_NPM npm)
  find_program(BOURSE_NODE node)
  mark_as_advanced(BOURSE_NPM BOURSE_NODE)
  if(NOT BOURSE_NPM OR NOT BOURSE_NODE)
    return()
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
                                         ${bourse_web_source}/package-lock.json)
  file(SHA256 ${bourse_web_source}/package-lock.json wanted)
  set(stamp ${bourse_web_build}/installed)
  if(EXISTS ${stamp})
    file(READ ${stamp} present)
    if(present STREQUAL wanted)
      set(${result} TRUE PARENT_SCOPE)
      return()
    endif()
  endif()
  message(STATUS "Fetching the packages of the report page")
  file(MAKE_DIRECTORY ${bourse_web_build})
  file(COPY ${bourse_web_source}/package.json ${bourse_web_source}/package-lock.json
       DESTINATION ${bourse_web_build})
  execute_process(
    COMMAND ${BOURSE_NPM} ci --ignore-scripts --no-audit --no-fund --loglevel=error
    WORKING_DIRECTORY ${bourse_web_build} RESULT_VARIABLE status OUTPUT_VARIABLE output
    ERROR_VARIABLE output TIMEOUT 120)
  if(NOT status EQUAL 0)
    message(STATUS "npm ci: ${output}")
    return()
  endif()
  file(WRITE ${stamp} ${wanted})
  set(${result} TRUE PARENT_SCOPE)
endfunction()

set(bourse_web_ready FALSE)
if(BOURSE_WEB)
  bourse_web_install(bourse_web_ready)
  if(NOT bourse_web_ready AND NOT BOURSE_WEB STREQUAL "AUTO")
    message(FATAL_ERROR "BOURSE_WEB is ${BOURSE_WEB}, but the packages of the report page could not "
                        "be had; it needs node, npm and its registry")
  endif()
endif()

set(bourse_page_script ${bourse_web_build}/report.js)
if(bourse_web_ready)
  message(STATUS "report.html: with pictures")
  file(GLOB bourse_web_files CONFIGURE_DEPENDS ${bourse_web_source}/src/*.js)
  add_custom_command(
    OUTPUT ${bourse_page_script}
    COMMAND ${CMAKE_COMMAND} -E env NODE_PATH=${bourse_web_build}/node_modules ${BOURSE_NODE}
            ${bourse_web_build}/node_modules/esbuild/bin/esbuild ${bourse_web_source}/src/main.js
            --bundle --minify --format=iife --target=es2020 --loader:.css=text --charset=ascii
            --legal-comments=inline --log-level=warning --outfile=${bourse_page_script}
    DEPENDS ${bourse_web_files} ${bourse_web_source}/package-lock.json
    COMMENT "Bundling the report page" VERBATIM)
else()
  message(STATUS "report.html: without pictures (BOURSE_WEB=${BOURSE_WEB})")
  file(WRITE ${bourse_page_script} "")
endif()
add_custom_command(
  OUTPUT ${bourse_web_build}/page_bundle.cpp
  COMMAND ${CMAKE_COMMAND} -D SCRIPT=${bourse_page_script}
          -D STYLE=${bourse_web_source}/report.css -D OUT=${bourse_web_build}/page_bundle.cpp
          -P ${PROJECT_SOURCE_DIR}/cmake/embed_page.cmake
  DEPENDS ${bourse_page_script} ${bourse_web_source}/report.css
          ${PROJECT_SOURCE_DIR}/cmake/embed_page.cmake
  COMMENT "Embedding the report page" VERBATIM)
add_library(bourse_page STATIC ${bourse_web_build}/page_bundle.cpp)
set_target_properties(bourse_page PROPERTIES CXX_CLANG_TIDY "")
# Of the room `report` it needs a header only, and so does not wait for it.
target_link_libraries(bourse_page PRIVATE bourse::base)
