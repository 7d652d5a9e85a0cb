// Connections that are encrypted, and peers that are not believed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "bourse/program/fixtures.h"
#include "bourse/program/program.h"
#include "bourse/program/running.h"
#include "bourse/program/tls.h"

namespace bourse::program {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)
using testing::HasSubstr;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Certificate make_certificate(EVP_PKEY* of, X509* issuer, EVP_PKEY* signs, bool is_authority) {
  Certificate made(X509_new(), &X509_free);
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), is_authority ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_set_pubkey(made.get(), of);
  X509_NAME* const name = X509_get_subject_name(made.get());
  const char* const text = is_authority ? "authority" : "node";
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(text),
                             -1, -1, 0);
  X509_set_issuer_name(made.get(), issuer ? X509_get_subject_name(issuer) : name);
  if (is_authority) {
    X509_EXTENSION* const extension =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
    X509_add_ext(made.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(made.get(), signs, EVP_sha256());
  return made;
}

/// A folder of this process, as several may run this test at a time.
class OwnFolder {
 public:
  OwnFolder() { std::filesystem::create_directories(path_); }
  OwnFolder(const OwnFolder&) = delete;
  OwnFolder& operator=(const OwnFolder&) = delete;
  ~OwnFolder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = fmt::format("{}/bourse-tls-{}", testing::TempDir(), getpid());
};

/// How the files begin that belong to `name`.
std::string base_of(const std::string& name) {
  static const OwnFolder folder;
  return folder.path() + "/" + name;
}

/// Writes an authority and a certificate of it to files that begin with `name`.
TlsFiles make_files(const std::string& name) {
  const std::string base = base_of(name);
  const TlsFiles files{base + ".crt", base + ".key", base + ".ca"};
  const Key authority_key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const auto authority = make_certificate(authority_key.get(), nullptr, authority_key.get(), true);
  const auto certificate = make_certificate(key.get(), authority.get(), authority_key.get(), false);
  const auto write = [](const std::string& path, const auto& write_to) {
    std::FILE* const file = std::fopen((path + ".new").c_str(), "w");
    write_to(file);
    std::fclose(file);
    std::rename((path + ".new").c_str(), path.c_str());
  };
  write(files.authority, [&](std::FILE* file) { PEM_write_X509(file, authority.get()); });
  write(files.certificate, [&](std::FILE* file) { PEM_write_X509(file, certificate.get()); });
  write(files.key, [&](std::FILE* file) {
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return files;
}

std::shared_ptr<const TlsContext> context_of(const TlsFiles& files) {
  auto context = TlsContext::make(files);
  EXPECT_TRUE(context) << context.error().message;
  return *context;
}

/// Carries bytes between two ends until neither has any; false once one of them has failed.
bool carry(TlsSession& client, TlsSession& server, std::string& at_client, std::string& at_server) {
  while (true) {
    std::string from_client;
    std::string from_server;
    client.take_output(from_client);
    server.take_output(from_server);
    if (from_client.empty() && from_server.empty()) return true;
    if (!from_client.empty() && !server.take(from_client, at_server)) return false;
    if (!from_server.empty() && !client.take(from_server, at_client)) return false;
  }
}

TEST(TlsSession, CarriesBytesBothWaysAndNotInTheClear) {
  const auto context = context_of(make_files("session"));
  TlsSession client(context, TlsSession::Side::client);
  TlsSession server(context, TlsSession::Side::server);
  std::string at_client;
  std::string at_server;
  ASSERT_TRUE(client.greet());
  ASSERT_TRUE(carry(client, server, at_client, at_server));
  ASSERT_TRUE(client.is_established());
  ASSERT_TRUE(client.put("a secret that goes out"));
  std::string wire;
  client.take_output(wire);
  EXPECT_EQ(wire.find("secret"), std::string::npos);
  ASSERT_TRUE(server.take(wire, at_server));
  ASSERT_TRUE(server.put("and one that comes back"));
  ASSERT_TRUE(carry(client, server, at_client, at_server));
  EXPECT_EQ(at_server, "a secret that goes out");
  EXPECT_EQ(at_client, "and one that comes back");
}

TEST(TlsSession, APeerOfAnotherAuthorityIsNotBelieved) {
  TlsSession client(context_of(make_files("ours")), TlsSession::Side::client);
  TlsSession server(context_of(make_files("theirs")), TlsSession::Side::server);
  std::string ignored;
  ASSERT_TRUE(client.greet());
  EXPECT_FALSE(carry(client, server, ignored, ignored));
  EXPECT_THAT(client.why(), HasSubstr("certificate"));
}

TEST(TlsSession, GarbageIsAnErrorInWords) {
  TlsSession server(context_of(make_files("garbage")), TlsSession::Side::server);
  std::string ignored;
  EXPECT_FALSE(server.take("GET / HTTP/1.1\r\n\r\n", ignored));
  EXPECT_THAT(server.why(), HasSubstr("TLS: "));
}

TEST(TlsContext, FilesThatCannotBeUsedAreNamed) {
  const TlsFiles files = make_files("files");
  EXPECT_FALSE(TlsContext::make({.certificate = files.certificate}));
  TlsFiles wrong = files;
  wrong.certificate = "/nowhere.crt";
  EXPECT_THAT(TlsContext::make(wrong).error().message, HasSubstr("certificate '/nowhere.crt'"));
  wrong = files;
  wrong.key = make_files("another").key;
  EXPECT_THAT(TlsContext::make(wrong).error().message, HasSubstr("key '"));
}

struct Echo {
  std::string echo(const std::string& text) const { return text; }
  std::size_t put(const Buffer& block) const { return block.size(); }
};

// In the process of a node make_files() would make other keys: it finds those of the launcher.
TlsFiles files_of_run(const std::string& name) {
  if (const char* const base = std::getenv("TLS_TEST_FILES"))
    return {std::string(base) + ".crt", std::string(base) + ".key", std::string(base) + ".ca"};
  const TlsFiles files = make_files(name);
  setenv("TLS_TEST_FILES", base_of(name).c_str(), 1);
  return files;
}

TEST(Tls, ProgramsTalkByIt) {
  RunOptions options = in_processes(Placement::tcp);
  options.tls = files_of_run("run");
  Program program("tls");
  const Handle<Echo> echo = program.add<Echo>("echo");
  std::size_t sum = 0;
  Running running = launch(program, options);
  EXPECT_EQ(echo.call<&Echo::echo>("hello"), "hello");
  // A large block out of line, and many small calls at a time.
  EXPECT_EQ(echo.call<&Echo::put>(Buffer(std::vector<char>(3'000'000, 'x'))), 3'000'000U);
  const std::string long_text(200'000, 'y');
  EXPECT_EQ(echo.call<&Echo::echo>(long_text), long_text);
  std::vector<Future<std::string>> answers;
  for (int i = 0; i < 200; ++i) answers.push_back(echo.async<&Echo::echo>(std::to_string(i)));
  for (const auto& answer : answers) sum += std::stoul(answer.get());
  EXPECT_EQ(sum, 199U * 200 / 2);
}

}  // namespace
}  // namespace bourse::program
