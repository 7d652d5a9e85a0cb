# Installs BUILD into a fresh prefix, builds the consumer against it, and runs it.
# Run: cmake -D BUILD=build/release -D COMPILER=c++ -D GENERATOR=Ninja -P tests/consumer/run.cmake
set(dir ${BUILD}/consumer)
file(REMOVE_RECURSE ${dir})
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${said}")
  endif()
endfunction()
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${dir}/prefix)
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${dir}/build -G ${GENERATOR}
    -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${dir}/prefix)
run(${CMAKE_COMMAND} --build ${dir}/build)
run(${dir}/build/consumer)
run(${dir}/prefix/bin/bourse version)
