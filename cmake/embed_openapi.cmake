# cmake -D IN=openapi.json -D OUT=x.cpp -P embed_openapi.cmake: the document as C++ text.
include(${CMAKE_CURRENT_LIST_DIR}/read_bytes.cmake)
read_bytes(${IN} document)
file(WRITE ${OUT} "#include \"bourse/service/http_routes.h\"

namespace bourse {
namespace {

constexpr unsigned char kDocument[] = {${document}0};

}  // namespace

std::string_view openapi_document() {
  return {reinterpret_cast<const char*>(kDocument), sizeof(kDocument) - 1};
}

}  // namespace bourse
")
