#include "bourse/engine/slurm_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "bourse/base/text.h"

namespace bourse {
namespace {

constexpr std::size_t kShown = 300;  ///< Bytes of what Slurm said that are told.
/// Most of anything that is counted: a PiB of memory in MiB.
constexpr std::int64_t kMostCounted = std::int64_t{1} << 30;

template <class Number>
bool read_whole(std::string_view text, Number& number) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

bool read_count(std::string_view text, std::int64_t& count) {
  return read_whole(text, count) && count <= kMostCounted;
}

/// At most `count` columns; the last one is the rest.
std::vector<std::string_view> columns_of(std::string_view line, std::size_t count) {
  std::vector<std::string_view> columns;
  while (columns.size() + 1 < count) {
    const std::size_t bar = line.find('|');
    if (bar == std::string_view::npos) break;
    columns.push_back(line.substr(0, bar));
    line.remove_prefix(bar + 1);
  }
  columns.push_back(line);
  return columns;
}

/// Lines without their ends. Errors: data_corrupted if the last one has none.
Result<std::vector<std::string_view>> lines_of(std::string_view text) {
  if (text.empty()) return std::vector<std::string_view>{};
  if (text.back() != '\n')
    return fail(ErrorCode::data_corrupted, "the last line of what Slurm printed is cut off");
  text.remove_suffix(1);
  return split(text, '\n');
}

bool contains_any(std::string_view text, std::span<const std::string_view> parts) {
  return std::ranges::any_of(
      parts, [&](std::string_view part) { return text.find(part) != std::string_view::npos; });
}

/// "gpu:a100:4(S:0-1),gpu:2,fpga:1(IDX:0)"; "(null)": none.
Result<std::map<std::string, std::int64_t>> parse_gres(std::string_view text,
                                                       std::string* gpu_type) {
  std::map<std::string, std::int64_t> counts;
  if (text.empty() || text == "(null)" || text == "N/A") return counts;
  int depth = 0;
  std::string plain;  // Without what is in parentheses, where commas mean something else.
  for (const char c : text) {
    if (c == '(') ++depth;
    if (depth == 0) plain += c;
    if (c == ')') depth = std::max(0, depth - 1);
  }
  for (const std::string_view entry : split(plain, ',')) {
    if (entry.empty()) continue;
    const std::vector<std::string_view> parts = split(entry, ':');
    std::int64_t count = 1;
    const bool has_count = parts.size() > 1 && read_whole(parts.back(), count);
    // Counts of thousands may be written as 4K: such things (bandwidth) are not devices.
    if (parts.size() > 1 && !has_count && !parts.back().empty() && parts.back().front() >= '0' &&
        parts.back().front() <= '9')
      continue;
    if (parts.front().empty() || count > 1'000'000)
      return fail(ErrorCode::data_corrupted, fmt::format("'{}' is no gres", quotable(entry)));
    counts[std::string(parts.front())] += count;
    if (gpu_type != nullptr && parts.front() == "gpu" && parts.size() == 3 && gpu_type->empty())
      *gpu_type = parts[1];
  }
  return counts;
}

Result<SlurmNode> parse_node(std::string_view line) {
  constexpr std::size_t kColumns = 10;
  const std::vector<std::string_view> columns = columns_of(line, kColumns);
  const auto wrong = [&](std::string_view what) {
    return fail(
        ErrorCode::data_corrupted,
        fmt::format("sinfo printed '{}', whose {} cannot be read", quotable(line, kShown), what));
  };
  if (columns.size() != kColumns) return wrong("columns");
  SlurmNode node;
  node.name = trim(columns[0]);
  if (node.name.empty()) return wrong("name");
  for (const std::string_view state : split(trim(columns[1]), '+')) node.states.emplace_back(state);
  std::int64_t idle = 0;
  std::int64_t other = 0;
  const std::vector<std::string_view> cpus = split(trim(columns[2]), '/');
  if (cpus.size() != 4 || !read_count(cpus[0], node.cpus_allocated) || !read_count(cpus[1], idle) ||
      !read_count(cpus[2], other) || !read_count(cpus[3], node.cpus))
    return wrong("CPUs");
  if (!read_count(trim(columns[3]), node.memory_mib)) return wrong("memory");
  if (!read_count(trim(columns[4]), node.memory_allocated_mib)) return wrong("allocated memory");
  auto gres = parse_gres(trim(columns[5]), &node.gpu_type);
  if (!gres) return wrong("gres");
  node.gres = *std::move(gres);
  auto used = parse_gres(trim(columns[6]), nullptr);
  if (!used) return wrong("used gres");
  node.gres_used = *std::move(used);
  if (const std::string_view features = trim(columns[7]); features != "(null)")
    for (const std::string_view feature : split(features, ','))
      if (!feature.empty()) node.features.emplace_back(feature);
  node.address = trim(columns[8]);
  std::string_view reason = columns[9];
  if (reason.ends_with('|')) reason.remove_suffix(1);
  reason = trim(reason);
  if (reason != "none") node.reason = reason;
  return node;
}

}  // namespace

Result<std::vector<SlurmJob>> parse_slurm_jobs(std::string_view text) {
  constexpr std::size_t kColumns = 6;
  BOURSE_TRY(const std::vector<std::string_view> lines, lines_of(text));
  std::vector<SlurmJob> jobs;
  for (const std::string_view line : lines) {
    const std::vector<std::string_view> columns = columns_of(line, kColumns);
    SlurmJob job;
    if (columns.size() != kColumns || !read_whole(columns[0], job.id)) continue;
    const auto left = parse_slurm_time(columns[4]);
    if (!left) continue;
    job.state = columns[1];
    job.reason = columns[2];
    job.node = columns[3];
    job.left = *left;
    job.name = columns[5];
    jobs.push_back(std::move(job));
  }
  return jobs;
}

bool is_live(const SlurmJob& job) {
  static constexpr std::array<std::string_view, 12> kOver{
      "BOOT_FAIL", "CANCELLED",     "COMPLETED", "DEADLINE", "FAILED",  "LAUNCH_FAILED",
      "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",  "TIMEOUT", "RECONFIG_FAIL"};
  return std::ranges::find(kOver, job.state) == kOver.end();
}

Result<std::optional<Seconds>> parse_slurm_time(std::string_view text) {
  text = trim(text);
  if (text == "UNLIMITED" || text == "NOT_SET" || text.empty()) return std::nullopt;
  if (text == "INVALID") return Seconds(0);
  const auto wrong =
      fail(ErrorCode::data_corrupted, fmt::format("'{}' is no time of Slurm's", quotable(text)));
  std::int64_t days = 0;
  const std::size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    if (!read_whole(text.substr(0, dash), days) || days > 1'000'000) return wrong;
    text.remove_prefix(dash + 1);
  }
  double seconds = 0;
  const std::vector<std::string_view> parts = split(text, ':');
  if (parts.size() > 3 || (parts.size() < 2 && dash == std::string_view::npos)) return wrong;
  for (const std::string_view part : parts) {
    std::int64_t number = 0;
    if (!read_whole(part, number) || number > 1'000'000) return wrong;
    seconds = seconds * 60 + static_cast<double>(number);
  }
  return Seconds(static_cast<double>(days) * 86400 + seconds);
}

std::string SlurmNode::trouble() const {
  // What a node may be in while jobs can start on it; all else keeps them away.
  static constexpr std::array<std::string_view, 8> kFine{
      "idle", "mixed", "allocated", "completing", "planned", "cloud", "reserved", "dynamic_norm"};
  std::string states_text;
  bool is_fine = true;
  for (const std::string& state : states) {
    is_fine = is_fine && std::ranges::find(kFine, state) != kFine.end();
    states_text += (states_text.empty() ? "" : ", ") + state;
  }
  if (is_fine && !states.empty()) return {};
  std::ranges::replace(states_text, '_', ' ');
  return reason.empty() ? fmt::format("Slurm says: {}", states_text)
                        : fmt::format("Slurm says: {}: {}", states_text, quotable(reason, kShown));
}

bool SlurmNode::is_unknown() const { return std::ranges::find(states, "unknown") != states.end(); }

Result<std::vector<SlurmNode>> parse_slurm_nodes(std::string_view text) {
  BOURSE_TRY(const std::vector<std::string_view> lines, lines_of(text));
  std::vector<SlurmNode> nodes;
  std::map<std::string, bool, std::less<>> seen;  // A node has a line in each of its partitions.
  for (const std::string_view line : lines) {
    BOURSE_TRY(SlurmNode node, parse_node(line));
    if (seen.emplace(node.name, true).second) nodes.push_back(std::move(node));
  }
  return nodes;
}

std::map<std::string, std::string, std::less<>> parse_slurm_fields(std::string_view line) {
  std::map<std::string, std::string, std::less<>> fields;
  std::string* value = nullptr;
  std::string of_a_second;
  for (const std::string_view word : split(trim(line), ' ')) {
    const std::size_t equals = word.find('=');
    const std::string_view key = word.substr(0, equals);
    const bool is_key = equals != std::string_view::npos && !key.empty() && key.front() >= 'A' &&
                        key.front() <= 'Z';
    if (is_key) {
      const auto [at, is_new] = fields.emplace(key, word.substr(equals + 1));
      value = is_new ? &at->second : &of_a_second;
    } else if (value != nullptr && !word.empty()) {
      *value += fmt::format(" {}", word);
    }
  }
  return fields;
}

std::string slurm_name(std::string_view key, CellId cell) {
  return fmt::format("bourse-{}-{}", key, text_of(cell));
}

std::optional<CellId> parse_slurm_name(std::string_view key, std::string_view name) {
  const std::string start = fmt::format("bourse-{}-", key);
  if (!name.starts_with(start)) return std::nullopt;
  const auto cell = parse_cell_id(name.substr(start.size()));
  return cell ? std::optional(*cell) : std::nullopt;
}

Result<std::uint64_t> parse_slurm_submission(std::string_view text) {
  std::uint64_t id = 0;
  if (!read_whole(split(trim(text), ';').front(), id) || id == 0)
    return fail(ErrorCode::data_corrupted,
                fmt::format("sbatch printed '{}' and no number of a job", quotable(text)));
  return id;
}

Error slurm_error(std::string_view program, std::string_view said) {
  static constexpr std::array<std::string_view, 10> kNever{"Invalid",
                                                           "invalid",
                                                           "can not be satisfied",
                                                           "cannot be satisfied",
                                                           "not available",
                                                           "not permitted",
                                                           "denied",
                                                           "violates",
                                                           "unrecognized option",
                                                           "not valid"};
  static constexpr std::array<std::string_view, 4> kTooMany{"SubmitJob", "MaxJob", "limit",
                                                            "temporarily"};
  // The last sentence is the reason; those before it are warnings and steps on the way.
  std::string_view sentence;
  for (const std::string_view line : split(said, '\n'))
    if (!trim(line).empty()) sentence = trim(line);
  const std::string start = fmt::format("{}: ", program);
  if (sentence.starts_with(start)) sentence.remove_prefix(start.size());
  if (sentence.starts_with("error: ")) sentence.remove_prefix(7);
  const ErrorCode code = contains_any(said, kTooMany) ? ErrorCode::resource_exhausted
                         : contains_any(said, kNever) ? ErrorCode::invalid_argument
                                                      : ErrorCode::unavailable;
  return {code, fmt::format("{} said: {}", program,
                            sentence.empty() ? "nothing" : quotable(sentence, kShown))};
}

}  // namespace bourse
