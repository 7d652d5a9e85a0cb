# How every file of the project is compiled; consumers of the installed library do not inherit it.
add_library(bourse_options INTERFACE)
target_compile_options(
  bourse_options
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
            -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align
            # With designated initialisers, a member left out has its default on purpose.
            -Wno-missing-field-initializers
            # GCC 12 sees overlaps and overruns in std::string and unset optionals that are not there.
            "$<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread>"
            $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
            # Files compiled together are one file to it, in which nothing is shared by mistake.
            $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${BOURSE_UNITY}>>:-Wno-subobject-linkage>
            -ffp-contract=off # the same bytes on every machine: no fused multiply-add
            # std::stable_sort of libstdc++ 12 calls what it has itself deprecated; Clang tells us.
            $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>
            $<$<BOOL:${BOURSE_WERROR}>:-Werror>)
if(BOURSE_SANITIZE)
  list(JOIN BOURSE_SANITIZE "," sanitizers)
  target_compile_options(
    bourse_options
    INTERFACE -fsanitize=${sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(bourse_options INTERFACE -fsanitize=${sanitizers})
endif()
# Fuzzers must know which lines were reached; those of a test are none of their business.
if(BOURSE_FUZZ)
  set(is_test "$<BOOL:$<TARGET_PROPERTY:BOURSE_IS_TEST>>")
  target_compile_options(bourse_options INTERFACE $<$<NOT:${is_test}>:-fsanitize=fuzzer-no-link>)
  target_link_options(bourse_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_compile_definitions(
  bourse_options INTERFACE $<$<OR:$<CONFIG:Debug>,$<BOOL:${BOURSE_SANITIZE}>>:_GLIBCXX_ASSERTIONS>)

# The same for what is not hot, where the time of the compiler counts.
add_library(bourse_cold_options INTERFACE)
target_link_libraries(bourse_cold_options INTERFACE bourse_options)
if(BOURSE_SANITIZE)
  target_compile_options(bourse_cold_options INTERFACE -O0)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(
    bourse_cold_options
    INTERFACE -O1
              # Half of the time of Clang goes into what it has inlined.
              "$<$<CXX_COMPILER_ID:Clang>:SHELL:-mllvm -inline-threshold=25>")
endif()
