#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "bourse/service/api_json.h"
#include "bourse/service/fake_api.h"
#include "bourse/service/http_routes.h"

// The OpenAPI document against the code.

namespace bourse {
namespace {

using nlohmann::json;

/// Checks a value against the part of JSON Schema that our own documents use: $ref into the
/// document, type, enum, required, properties, additionalProperties, items, anyOf, minimum.
class SchemaCheck {
 public:
  explicit SchemaCheck(const json& document) : document_(document) {}

  /// Empty if the value is as the schema says, else where and how it is not.
  [[nodiscard]] std::string complaint(const json& schema, const json& value,
                                      const std::string& where = "") const {
    if (schema.contains("$ref"))
      return complaint(resolved(schema["$ref"].get<std::string>()), value, where);
    if (schema.contains("anyOf")) {
      for (const auto& each : schema["anyOf"])
        if (complaint(each, value, where).empty()) return {};
      return where + ": is none of anyOf";
    }
    if (schema.contains("type") && !has_type(schema["type"], value))
      return where + ": is no " + schema["type"].dump();
    if (schema.contains("enum") &&
        std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
      return where + ": is not in the enum";
    if (schema.contains("minimum") && value.is_number() && value < schema["minimum"])
      return where + ": is less than the minimum";
    if (value.is_object()) return complaint_of_object(schema, value, where);
    if (value.is_array() && schema.contains("items"))
      for (std::size_t i = 0; i < value.size(); ++i)
        if (auto said = complaint(schema["items"], value[i], where + "[" + std::to_string(i) + "]");
            !said.empty())
          return said;
    return {};
  }

  /// What "#/a/b" points to.
  [[nodiscard]] const json& resolved(const std::string& reference) const {
    return document_.at(json::json_pointer(reference.substr(1)));
  }

 private:
  static bool has_type(const json& type, const json& value) {
    if (type.is_array()) {
      for (const auto& each : type)
        if (has_type(each, value)) return true;
      return false;
    }
    return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
           (type == "string" && value.is_string()) || (type == "boolean" && value.is_boolean()) ||
           (type == "number" && value.is_number()) || (type == "null" && value.is_null()) ||
           (type == "integer" && value.is_number_integer());
  }

  [[nodiscard]] std::string complaint_of_object(const json& schema, const json& value,
                                                const std::string& where) const {
    if (schema.contains("required"))
      for (const auto& key : schema["required"])
        if (!value.contains(key.get<std::string>())) return where + ": lacks " + key.dump();
    const auto known = schema.value("properties", json::object());
    for (const auto& [key, item] : value.items()) {
      const std::string inner = fmt::format("{}.{}", where, key);
      std::string said;
      if (known.contains(key))
        said = complaint(known[key], item, inner);
      else if (schema.contains("additionalProperties") &&
               schema["additionalProperties"].is_object())
        said = complaint(schema["additionalProperties"], item, inner);
      else if (schema.contains("additionalProperties") && schema["additionalProperties"] == false)
        said = inner + ": is not documented";
      if (!said.empty()) return said;
    }
    return {};
  }

  const json& document_;
};

/// A server whose loop does at once what is posted, and its document.
class OpenApi : public testing::Test {
 protected:
  FakeApi api_;
  LoopCaller loop_{[](const std::function<void()>& work) { work(); }, Seconds(10)};
  ChangeFeed feed_;
  HttpContext context_{api_, loop_, feed_};
  const json document_ = json::parse(openapi_document());
  const SchemaCheck check_{document_};

  HttpReply ask(HttpRequest request) {
    request.caller = {.user = "root", .role = Role::admin};
    return answer(context_, request);
  }
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(c));
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(c));
  return out;
}

/// "/v1/jobs/17/log" for "/v1/jobs/{number}/log".
std::string filled(std::string path) {
  for (const auto& [name, value] : {std::pair<std::string, std::string>("{number}", "17"),
                                    {"{name}", "local-0"},
                                    {"{id}", "1234abcd"}})
    if (const auto at = path.find(name); at != std::string::npos)
      path.replace(at, name.size(), value);
  return path;
}

TEST_F(OpenApi, HasThePathsThatAreServedAndNoOther) {
  std::set<std::string> documented;
  for (const auto& [path, item] : document_["paths"].items())
    for (const auto& [method, operation] : item.items())
      if (method != "parameters") documented.insert(fmt::format("{} {}", method, path));
  std::set<std::string> served;
  for (const RouteName& route : all_routes()) {
    const std::string method = lower(route.method);
    served.insert(method + " " + std::string(route.path));
  }
  EXPECT_EQ(documented, served);
}

TEST_F(OpenApi, DescribesWhatIsAnswered) {
  api_.changes = {some_change()};
  for (const RouteName& route : all_routes()) {
    SCOPED_TRACE(std::string(route.method) + " " + std::string(route.path));
    HttpRequest request{.method = std::string(route.method),
                        .path = filled(std::string(route.path))};
    if (route.path == "/v1/jobs" && route.method == "POST") {
      request.content_type = "application/yaml";
      request.body = "name: a";
    }
    if (route.path == "/v1/accounts") request.body = R"({"name": "team-a", "credits": 5})";
    if (route.path.ends_with("/grant")) request.query["credits"] = "5";
    if (route.path == "/v1/tokens") request.body = R"({"user": "alice", "role": "user"})";
    const HttpReply reply = ask(request);
    const std::string method = lower(route.method);
    const json& responses = document_["paths"][std::string(route.path)][method]["responses"];
    const std::string status = std::to_string(reply.status);
    ASSERT_TRUE(responses.contains(status)) << status;
    EXPECT_LT(reply.status, 300);
    const std::string type = reply.content_type.substr(0, reply.content_type.find(';'));
    ASSERT_TRUE(responses[status]["content"].contains(type)) << type;
    if (type != "application/json") continue;
    EXPECT_EQ(
        check_.complaint(responses[status]["content"][type]["schema"], json::parse(reply.body)),
        "");
  }
}

TEST_F(OpenApi, NamesParametersThatAreKnown) {
  for (const auto& [path, item] : document_["paths"].items())
    for (const auto& [method, operation] : item.items()) {
      if (method == "parameters" || !operation.contains("parameters")) continue;
      for (const json& parameter : operation["parameters"]) {
        if (parameter["in"] != "query") continue;
        const std::string type = parameter["schema"]["type"];
        const std::string name = parameter["name"];
        const std::string value = type == "integer" ? "1" : name == "state" ? "live" : "true";
        HttpRequest request{
            .method = upper(method), .path = filled(path), .query = {{name, value}}};
        request.content_type = "application/yaml";
        request.body = "name: a";
        EXPECT_EQ(ask(request).body.find("is not known"), std::string::npos) << path << name;
      }
    }
}

TEST_F(OpenApi, DocumentsErrors) {
  const json& schema = document_["components"]["schemas"]["Error"];
  EXPECT_EQ(check_.complaint(schema, json::parse(error_reply({ErrorCode::internal, "x"}).body)),
            "");
  EXPECT_NE(check_.complaint(schema, json::parse(R"({"error": {"code": "odd"}})")), "");
}

TEST_F(OpenApi, IsTheFileOfTheDocuments) {
  std::ifstream stream(BOURSE_SOURCE_DIR "/docs/openapi.json");
  const std::string file{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_EQ(openapi_document(), file);
}

}  // namespace
}  // namespace bourse
