#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bourse/base/text.h"
#include "bourse/trace/csv_table.h"
#include "bourse/trace/readers.h"
#include "bourse/trace/trace_builder.h"

namespace bourse {
namespace {

using Json = nlohmann::json;

/// Feeds the parser byte by byte and stops it at a token that is too long.
class Feeder {
 public:
  explicit Feeder(TextInput& input) : input_(input) { advance(); }

  [[nodiscard]] bool at_end() const { return byte_ < 0; }
  [[nodiscard]] char byte() const { return static_cast<char>(byte_); }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] std::uint32_t line() const { return input_.line() + 1; }

  void advance() {
    auto next = input_.next_byte();
    if (!next) {
      error_ = std::move(next).error();
      byte_ = -1;
      return;
    }
    byte_ = *next;
    if (byte_ >= 0) measure_token(static_cast<char>(byte_));
  }

 private:
  /// A token ends at punctuation or a blank outside of a string.
  void measure_token(char byte) {
    constexpr std::string_view kDelimiters = " \t\r\n,:[]{}";
    ++token_bytes_;
    if (in_string_) {
      if (escaped_)
        escaped_ = false;
      else if (byte == '\\')
        escaped_ = true;
      else if (byte == '"')
        in_string_ = false;
    } else if (byte == '"') {
      in_string_ = true;
    } else if (kDelimiters.find(byte) != std::string_view::npos) {
      token_bytes_ = 0;
    }
    if (token_bytes_ <= kMaxLineBytes) return;
    error_ = Error{ErrorCode::data_corrupted,
                   fmt::format("{}:{}: a word is longer than 1 MiB; is this a Philly job log?",
                               input_.name(), line())};
    byte_ = -1;
  }

  TextInput& input_;
  int byte_ = -1;
  bool in_string_ = false;
  bool escaped_ = false;
  std::size_t token_bytes_ = 0;
  std::optional<Error> error_;
};

/// What the parser of the library wants: the bytes as an iterator.
class FeederIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  explicit FeederIterator(Feeder* feeder) : feeder_(feeder) {}
  char operator*() const { return feeder_->byte(); }
  FeederIterator& operator++() {
    feeder_->advance();
    return *this;
  }
  FeederIterator operator++(int) {
    FeederIterator before = *this;
    ++*this;
    return before;
  }
  /// The only other iterator it meets is the end, which has no feeder.
  friend bool operator==(const FeederIterator& a, const FeederIterator& b) {
    return a.done() == b.done();
  }

 private:
  [[nodiscard]] bool done() const { return feeder_ == nullptr || feeder_->at_end(); }
  Feeder* feeder_;
};

/// A job while its object is open. Unset text: the field was not there.
struct PhillyJob {
  std::optional<std::string> id;
  std::string group;
  std::optional<std::string> submitted;
  bool submitted_null = false;
  double ran = 0;         ///< Seconds over all attempts.
  std::int64_t gpus = 0;  ///< Most of any attempt.
  std::uint32_t attempts = 0;
  std::uint32_t unended = 0;   ///< Attempts without a start or end.
  std::uint32_t reversed = 0;  ///< Attempts that end before they start.
  std::uint32_t line = 0;
};

struct PhillyAttempt {
  std::optional<double> start;
  std::optional<double> end;
  std::int64_t gpus = 0;
};

/// Receives the events of the parser: [{job, attempts: [{attempt, detail: [{ip, gpus: []}]}]}].
class PhillyHandler {
 public:
  PhillyHandler(const TextInput& input, const Feeder& feeder, TraceBuilder& builder)
      : input_(input), feeder_(feeder), builder_(builder) {}

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

  bool null() { return value({}, true); }
  bool boolean(bool) { return value("a boolean", false); }
  bool number_integer(Json::number_integer_t) { return value("a number", false); }
  bool number_unsigned(Json::number_unsigned_t) { return value("a number", false); }
  bool number_float(Json::number_float_t, const std::string&) { return value("a number", false); }
  bool binary(Json::binary_t&) { return value("binary data", false); }

  bool string(std::string& text) {
    switch (top()) {
      case Place::job:
        return job_text(text);
      case Place::attempt:
        return attempt_time(text);
      case Place::gpus:
        ++attempt_.gpus;
        return true;
      case Place::top:
      case Place::jobs:
        return bad("a job must be an object");
      default:
        return true;
    }
  }

  bool key(std::string& name) {
    key_ = name;
    return true;
  }

  bool start_object(std::size_t) {
    Place place = Place::other;
    if (top() == Place::top) return bad("the file must be a list of jobs, '[{...}, ...]'");
    if (top() == Place::jobs) {
      place = Place::job;
      job_ = {};
      job_.line = feeder_.line();
    } else if (top() == Place::attempts) {
      place = Place::attempt;
      attempt_ = {};
      ++job_.attempts;
    } else if (top() == Place::detail) {
      place = Place::server;
    }
    return push(place);
  }

  bool end_object() {
    const Place place = stack_.back();
    stack_.pop_back();
    if (place == Place::attempt) end_attempt();
    return place != Place::job || end_job();
  }

  bool start_array(std::size_t) {
    if (top() == Place::top) return push(Place::jobs);
    if (top() == Place::jobs) return bad("a job must be an object");
    if (top() == Place::job && key_ == "attempts") return push(Place::attempts);
    if (top() == Place::attempt && key_ == "detail") return push(Place::detail);
    if (top() == Place::server && key_ == "gpus") return push(Place::gpus);
    return push(Place::other);
  }

  bool end_array() {
    stack_.pop_back();
    return true;
  }

  bool parse_error(std::size_t, const std::string& token, const Json::exception& problem) {
    const std::string_view what = problem.what();
    if (what.find("unexpected end of input") != std::string_view::npos ||
        what.find("missing closing quote") != std::string_view::npos)
      return bad("the JSON text ends early; the file is cut off");
    return bad(fmt::format("this is not JSON near '{}'", quotable(token)));
  }

 private:
  enum class Place { top, jobs, job, attempts, attempt, detail, server, gpus, other };
  static constexpr std::size_t kMaxDepth = 64;

  [[nodiscard]] Place top() const { return stack_.empty() ? Place::top : stack_.back(); }

  bool push(Place place) {
    if (stack_.size() >= kMaxDepth) return bad("lists are nested more than 64 deep");
    stack_.push_back(place);
    return true;
  }

  bool bad(std::string_view what) {
    error_ = Error{ErrorCode::invalid_argument,
                   fmt::format("{}:{}: {}", input_.name(), feeder_.line(), what)};
    return false;
  }

  /// A value that is no text: fine where nothing is looked for.
  bool value(std::string_view what, bool is_null) {
    if (top() == Place::top) return bad("the file must be a list of jobs, '[{...}, ...]'");
    if (top() == Place::jobs) return bad("a job must be an object");
    if (is_null) {
      if (top() == Place::job && key_ == "submitted_time") job_.submitted_null = true;
      return true;
    }
    const bool used = (top() == Place::job && (key_ == "jobid" || key_ == "submitted_time")) ||
                      (top() == Place::attempt && (key_ == "start_time" || key_ == "end_time"));
    return !used || bad(fmt::format("field '{}': is {}, but must be text", key_, what));
  }

  bool job_text(std::string& text) {
    if (key_ == "jobid")
      job_.id = std::move(text);
    else if (key_ == "vc")
      job_.group = std::move(text);
    else if (key_ == "submitted_time")
      job_.submitted = std::move(text);
    return true;
  }

  bool attempt_time(const std::string& text) {
    if (key_ != "start_time" && key_ != "end_time") return true;
    if (text.empty() || text == "None") return true;
    const auto time = parse_date_time(text);
    if (!time) return bad_time(key_, text);
    (key_ == "start_time" ? attempt_.start : attempt_.end) = time;
    return true;
  }

  bool bad_time(std::string_view field, std::string_view text) {
    return bad(fmt::format("field '{}': '{}' is not a time such as 2017-10-09 07:01:55", field,
                           quotable(text)));
  }

  void end_attempt() {
    if (!attempt_.start || !attempt_.end) {
      ++job_.unended;
      return;
    }
    if (*attempt_.end < *attempt_.start) {
      ++job_.reversed;
      return;
    }
    job_.ran += *attempt_.end - *attempt_.start;
    job_.gpus = std::max(job_.gpus, attempt_.gpus);
  }

  bool end_job() {
    builder_.count_row();
    if (!job_.id || job_.id->empty()) return bad("field 'jobid' is missing");
    if (job_.submitted_null || (job_.submitted && *job_.submitted == "None")) {
      builder_.skip("the submit time is unknown", job_.line);
      return true;
    }
    if (!job_.submitted) return bad("field 'submitted_time' is missing");
    const auto submit = parse_date_time(*job_.submitted);
    if (!submit) return bad_time("submitted_time", *job_.submitted);
    if (job_.attempts == 0)
      builder_.skip("it has no attempts", job_.line);
    else if (job_.unended > 0)
      builder_.skip("an attempt has no start or end time", job_.line);
    else if (job_.reversed > 0)
      builder_.skip("an attempt ends before it starts", job_.line);
    else if (job_.gpus > kMaxWorkers)
      builder_.skip("it has more than 1000000 GPUs", job_.line);
    else
      builder_.add({.name = *job_.id,
                    .group = job_.group,
                    .submit = *submit,
                    .duration = job_.ran,
                    .gpus = job_.gpus,
                    .line = job_.line});
    return true;
  }

  const TextInput& input_;
  const Feeder& feeder_;
  TraceBuilder& builder_;
  std::vector<Place> stack_;
  std::string key_;
  PhillyJob job_;
  PhillyAttempt attempt_;
  std::optional<Error> error_;
};

}  // namespace

Result<TraceRead> read_philly_json(TextInput& input) {
  Feeder feeder(input);
  TraceBuilder builder(input.name(), TraceFormat::philly_json);
  PhillyHandler handler(input, feeder, builder);
  const bool parsed = Json::sax_parse(FeederIterator(&feeder), FeederIterator(nullptr), &handler);
  if (feeder.error()) return tl::unexpected<Error>(*feeder.error());
  if (handler.error()) return tl::unexpected<Error>(*handler.error());
  if (!parsed) return invalid(fmt::format("{}: this is not JSON", input.name()));
  builder.assume("a job's duration is the sum of its attempts, its GPUs the most of any attempt");
  builder.assume("jobs that failed or were killed count with the time they ran");
  return builder.finish(true);
}

}  // namespace bourse
