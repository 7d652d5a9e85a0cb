// A request of any method, path, query and body is answered, and errors with a sentence.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bourse/base/check.h"
#include "bourse/base/text.h"
#include "bourse/service/fake_api.h"
#include "bourse/service/http_routes.h"

namespace {

/// Lines: method, path, query as name=value&..., content type; then the body.
bourse::HttpRequest request_of(std::string_view text) {
  const auto line = [&text] {
    const std::string_view first = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), first.size() + 1));
    return std::string(first);
  };
  bourse::HttpRequest request;
  request.method = line();
  request.path = line();
  const std::string query = line();
  for (const std::string_view one : bourse::split(query, '&')) {
    const std::size_t equals = one.find('=');
    if (equals != std::string_view::npos)
      request.query[std::string(one.substr(0, equals))] = one.substr(equals + 1);
  }
  request.content_type = line();
  request.body = text;
  return request;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bourse::HttpRequest request = request_of({reinterpret_cast<const char*>(data), size});
  bourse::FakeApi api;
  bourse::LoopCaller loop([](const std::function<void()>& work) { work(); }, bourse::Seconds(1));
  bourse::ChangeFeed feed;
  const bourse::HttpReply reply = bourse::answer({api, loop, feed}, request);
  BOURSE_CHECK(reply.status >= 200 && reply.status < 600);
  if (reply.status >= 400) BOURSE_CHECK(reply.body.find("message") != std::string::npos);
  return 0;
}
