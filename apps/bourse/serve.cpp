#include <fmt/chrono.h>
#include <fmt/core.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/bourse/commands.h"
#include "apps/bourse/engine_choice.h"
#include "apps/bourse/exec_policy.h"
#include "apps/bourse/options.h"
#include "apps/bourse/policy_choice.h"
#include "apps/bourse/server_address.h"
#include "apps/bourse/state_directory.h"
#include "apps/bourse/terminal.h"
#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/engine/log_file.h"
#include "bourse/policy/registry.h"
#include "bourse/service/http_server.h"
#include "bourse/service/service.h"
#include "bourse/service/service_api.h"
#include "bourse/service/tls.h"
#include "bourse/world/real_world.h"

namespace bourse {
namespace {

constexpr int kDefaultPort = 7077;
/// Length of a slot unless told otherwise: a job that is resized loses some seconds.
constexpr const char* kDefaultSlot = "1min";

/// What is logged; each with those before it.
enum class LogLevel : std::uint8_t { error, warning, info, debug };
const std::vector<std::string> kLogLevels{"error", "warning", "info", "debug"};
const std::vector<std::string> kLogFormats{"text", "json"};

struct ServeOptions {
  EngineChoice engine;
  std::string state;
  std::string socket;
  std::uint64_t port = kDefaultPort;
  bool no_tcp = false;
  std::string host = "127.0.0.1";
  bool tls = false;
  std::string certificate;
  std::string key;
  std::string socket_group;
  std::size_t log_level = static_cast<std::size_t>(LogLevel::info);
  std::size_t log_format = 0;  ///< Position in kLogFormats.
  std::string policy = "pd-ors";
  std::vector<std::string> settings;
  std::optional<Seconds> slot;
  std::optional<Seconds> lease;
};

std::string user_name() {
  const passwd* const entry = getpwuid(geteuid());
  return entry == nullptr ? std::to_string(geteuid()) : entry->pw_name;
}

/// The policy with its settings; the slot is given to a policy that has one.
Result<PolicyChoice> policy_of(const ServeOptions& options) {
  if (is_exec(options.policy))
    return invalid("option --policy: a policy that is a program cannot serve yet; use a built-in");
  BOURSE_TRY(std::vector<PolicyChoice> policies,
             choose_policies({options.policy}, options.settings, "--policy"));
  PolicyChoice policy = std::move(policies.front());
  BOURSE_TRY(const PolicyInfo* const info, find_policy(policy.name));
  const auto set_by_default = [&](const char* name, const std::string& value) {
    const bool is_there =
        std::ranges::find(info->parameters, name, &Parameter::name) != info->parameters.end();
    if (is_there) policy.settings.emplace(name, value);
  };
  set_by_default("slot", options.slot ? fmt::format("{}s", options.slot->value) : kDefaultSlot);
  set_by_default("on-decline", "wait");  // People look at a job that waits; it may yet be worth it.
  return policy;
}

constexpr std::uint64_t kAuditLogSize = std::uint64_t{64} << 20;

Result<std::uint32_t> group_id(const std::string& name) {
  const group* const entry = getgrnam(name.c_str());
  if (entry == nullptr)
    return fail(ErrorCode::not_found,
                fmt::format("option --socket-group: there is no group '{}'", quotable(name)));
  return entry->gr_gid;
}

/// Names under which others may know this machine.
std::vector<std::string> names_of_this_machine(const std::string& host) {
  std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) == 0 && name[0] != 0) names.emplace_back(name);
  const bool is_any = host == "0.0.0.0" || host == "::";
  if (!is_any && std::ranges::find(names, host) == names.end()) names.push_back(host);
  return names;
}

/// Everything of a running daemon, in the order in which it is built.
class Daemon {
 public:
  explicit Daemon(const ServeOptions& options) : options_(options) {}

  int run() {
    if (const Result<void> started = start(); !started) return failure(started.error());
    for (const int signal : {SIGTERM, SIGINT}) real_.on_signal(signal, [this] { end(); });
    real_.run();
    http_.reset();
    return has_new_machines_ ? start_anew() : status_;
  }

 private:
  Result<void> start() {
    // "::1" has more than one.
    if (std::ranges::count(options_.host, ':') == 1)
      return invalid(
          fmt::format("option --listen: '{}' is not an address alone; give the port "
                      "with --port",
                      options_.host));
    BOURSE_TRY(const PolicyChoice policy, policy_of(options_));
    state_ = state_directory(options_.state);
    BOURSE_TRY(lock_, lock_state_directory(real_.world().files, state_));
    BOURSE_TRY(engine_,
               open_engine(real_, options_.engine, state_,
                           {.log = [this](auto sentence) { log(sentence, LogLevel::warning); },
                            .on_new_machines = [this](const auto& names) { take_in(names); }}));
    ServiceOptions service;
    service.directory = state_;
    service.policy = policy.name;
    service.make_policy = [policy] { return make_policy(policy.name, policy.settings, {}); };
    if (options_.lease) service.lease = *options_.lease;
    if (options_.slot) service.slot = *options_.slot;
    service.on_fatal = [this](const Error& error) {
      status_ = failure(error);
      real_.stop();
    };
    BOURSE_TRY(service_, Service::open(real_.world(), *engine_, std::move(service)));
    api_ = std::make_unique<ServiceApi>(*service_, real_.world(), policy.name, BOURSE_VERSION,
                                        user_name());
    BOURSE_TRY_VOID(listen());
    service_->on_change([this] { http_->notify(service_->last_change()); });
    tell(policy.name);
    return {};
  }

  Result<void> listen() {
    HttpOptions options;
    options.socket = options_.socket.empty()
                         ? (options_.state.empty() ? default_socket() : state_ + "/socket")
                         : std::string(std::filesystem::absolute(options_.socket));
    if (!options_.no_tcp) options.port = static_cast<int>(options_.port);
    options.host = options_.host;
    options.owner = geteuid();
    BOURSE_TRY(options.tls, tls_files());
    BOURSE_TRY_VOID(check_public_address(options));
    if (!options_.socket_group.empty()) {
      BOURSE_TRY(options.socket_group, group_id(options_.socket_group));
    }
    audit_ = std::make_unique<LogFile>(real_.world().files, state_ + "/audit.log", kAuditLogSize);
    BOURSE_TRY_VOID(audit_->open());
    options.audit = [this](const std::string& line) { audit(line); };
    BOURSE_TRY_VOID(
        real_.world().files.make_directories(std::filesystem::path(options.socket).parent_path()));
    socket_ = options.socket;
    BOURSE_TRY(http_, HttpServer::start(
                          *api_, [this](auto call) { real_.post(std::move(call)); }, options));
    return {};
  }

  /// The certificate that was named, or one of our own; nothing without TLS.
  Result<std::optional<TlsFiles>> tls_files() {
    if (options_.certificate.empty() != options_.key.empty())
      return invalid("options --tls-certificate and --tls-key go together; name both");
    std::optional<TlsFiles> found;
    if (!options_.certificate.empty())
      found = TlsFiles{.certificate = options_.certificate, .key = options_.key};
    if (!found && options_.tls) {
      BOURSE_TRY(found, own_certificate(real_.world().files, state_ + "/tls",
                                        names_of_this_machine(options_.host),
                                        real_.world().random.bits()));
    }
    if (found) {
      BOURSE_TRY(const std::string pem, real_.world().files.read(found->certificate));
      BOURSE_TRY(fingerprint_, fingerprint_of(pem, found->certificate));
    }
    return found;
  }

  /// Who can reach an address that is not loopback is not known; it is served with TLS to those who
  /// have a token, or not at all.
  Result<void> check_public_address(const HttpOptions& options) {
    if (options.port < 0 || is_loopback(options.host)) return {};
    if (!options.tls)
      return fail(ErrorCode::failed_precondition,
                  fmt::format("'{}' can be reached from elsewhere, so it needs TLS; add --tls, or "
                              "--tls-certificate and --tls-key",
                              options.host));
    if (service_->tokens().empty())
      return fail(ErrorCode::failed_precondition,
                  fmt::format("'{}' can be reached from elsewhere, so there must be a token first; "
                              "make one with 'bourse token create NAME --role admin --state {}'",
                              options.host, state_));
    return {};
  }

  void audit(const std::string& line) {
    const auto seconds = static_cast<std::time_t>(real_.world().clock.unix_time().value);
    const auto written = audit_->append(fmt::format("{{\"time\":\"{:%Y-%m-%dT%H:%M:%SZ}\",{}\n",
                                                    fmt::gmtime(seconds), line.substr(1)));
    if (!written) log(written.error().message, LogLevel::error);
    log("request " + line, LogLevel::debug);
  }

  void log(std::string_view sentence, LogLevel level = LogLevel::info) {
    if (level > static_cast<LogLevel>(options_.log_level)) return;
    const auto seconds = static_cast<std::time_t>(real_.world().clock.unix_time().value);
    if (options_.log_format == 0) {
      fmt::print(stderr, "{:%Y-%m-%d %H:%M:%S} {}\n", fmt::localtime(seconds), sentence);
      return;
    }
    const nlohmann::ordered_json line{
        {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds))},
        {"level", kLogLevels[static_cast<std::size_t>(level)]},
        {"message", sentence}};
    using nlohmann::ordered_json;
    fmt::print(stderr, "{}\n", line.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  }

  void tell(const std::string& policy) {
    const std::size_t machines = engine_->cluster().machines.size();
    log(fmt::format("{} machine{} served by {}, state in {}", machines, machines == 1 ? "" : "s",
                    policy, state_));
    log(engine_->confinement());
    log(fmt::format("listening at unix:{}{}", socket_,
                    http_->port() > 0 ? fmt::format(" and {}", tcp_address().text()) : ""));
    if (!fingerprint_.empty()) log(fmt::format("certificate #sha256:{}", fingerprint_));
  }

  [[nodiscard]] ServerAddress tcp_address() const {
    return {.socket = {},
            .host = options_.host,
            .port = http_->port(),
            .is_tls = !fingerprint_.empty()};
  }

  /// Machines are counted once in the life of a daemon, so another one begins, of the same process.
  /// Cells go on: it is there long before their leases are over.
  void take_in(const std::string& names) {
    if (std::exchange(has_new_machines_, true)) return;
    log(fmt::format("new: {}; the daemon starts anew to use them, and what runs goes on", names));
    real_.stop();
  }

  int start_anew() {
    api_.reset();
    service_.reset();
    engine_.reset();
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    std::vector<std::string> words;
    for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execv("/proc/self/exe", arguments.data());
    return failure({ErrorCode::internal, "the daemon cannot start itself anew"});
  }

  void end() {
    const std::size_t cells = engine_->cells().size();
    if (cells > 0)
      log(
          fmt::format("ending; what runs goes on for its lease, and longer if a daemon starts "
                      "in '{}' by then",
                      state_));
    real_.stop();
  }

  ServeOptions options_;
  RealWorld real_;
  std::string state_;
  std::string socket_;
  std::string fingerprint_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<LogFile> audit_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<ServiceApi> api_;
  std::unique_ptr<HttpServer> http_;
  int status_ = kExitOk;
  bool has_new_machines_ = false;
};

}  // namespace

void add_serve(CLI::App& app, int& status) {
  const auto options = std::make_shared<ServeOptions>();
  CLI::App* const command =
      app.add_subcommand("serve", "Run the daemon: admit, place, run and resize submitted jobs");
  add_engine_options(*command, options->engine);
  command
      ->add_option("--state", options->state,
                   "Directory of the journal, logs and checkpoints (default: "
                   "~/.local/state/bourse)")
      ->type_name("DIR");
  command
      ->add_option("--socket", options->socket,
                   "Unix socket to listen at (default: $XDG_RUNTIME_DIR/bourse/socket, or "
                   "`socket` in a --state that was named)")
      ->type_name("PATH");
  add_whole(*command, "--port", options->port, 0, 65535,
            "Port to listen at; 0: one that is free (default: 7077)");
  command
      ->add_option("--listen", options->host,
                   "Address to listen at; one that others can reach needs TLS and a token "
                   "(default: 127.0.0.1)")
      ->type_name("ADDRESS");
  command->add_flag("--no-tcp", options->no_tcp, "Listen at the unix socket only");
  command->add_flag("--tls", options->tls,
                    "Serve https with a certificate of its own, made at the first start");
  command
      ->add_option("--tls-certificate", options->certificate, "Serve https with this one, in PEM")
      ->type_name("FILE");
  command->add_option("--tls-key", options->key, "Its key, in PEM")->type_name("FILE");
  command
      ->add_option("--socket-group", options->socket_group,
                   "Members of this group may use the unix socket, as users (default: its owner "
                   "alone, as admin)")
      ->type_name("GROUP");
  command
      ->add_option("--policy", options->policy,
                   "Who decides; `bourse policies` lists them (default: pd-ors)")
      ->type_name("NAME");
  add_set_option(*command, options->settings);
  add_duration(*command, "--slot", options->slot,
               "Length of a slot, for policies that have slots (default: 1min)");
  add_duration(*command, "--lease", options->lease,
               "Tasks that cannot reach the daemon for so long are ended (default: 15s)");
  add_choice(*command, "--log-level", options->log_level, kLogLevels,
             "What is told on standard error; debug tells each request that changes something "
             "(default: info)");
  add_choice(*command, "--log-format", options->log_format, kLogFormats,
             "Lines of text, or an object of JSON a line (default: text)");
  add_examples(*command, {"bourse serve", "bourse serve --machines 4x2 --slot 10s --state ./state",
                          "bourse serve --policy fifo --no-tcp",
                          "bourse serve --engine slurm --partition gpu --state /shared/bourse"});
  command->callback([options, &status] { status = Daemon(*options).run(); });
}

}  // namespace bourse
