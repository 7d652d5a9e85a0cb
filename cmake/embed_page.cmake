# cmake -D SCRIPT=x.js -D STYLE=x.css -D OUT=x.cpp -P embed_page.cmake: both files as C++ text.
include(${CMAKE_CURRENT_LIST_DIR}/read_bytes.cmake)

file(READ ${SCRIPT} text)
if(text MATCHES "</[Ss][Cc][Rr][Ii][Pp][Tt]")
  message(FATAL_ERROR "${SCRIPT} would end the script element it stands in")
endif()
read_bytes(${SCRIPT} script)
read_bytes(${STYLE} style)
file(WRITE ${OUT} "#include \"apps/bourse/page_bundle.h\"

namespace bourse {
namespace {

constexpr unsigned char kScript[] = {${script}0};
constexpr unsigned char kStyle[] = {${style}0};

}  // namespace

PageBundle page_bundle() {
  return {.script = {reinterpret_cast<const char*>(kScript), sizeof(kScript) - 1},
          .style = {reinterpret_cast<const char*>(kStyle), sizeof(kStyle) - 1}};
}

}  // namespace bourse
")
