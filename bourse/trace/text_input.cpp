#include "bourse/trace/text_input.h"

#include <fmt/core.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "bourse/base/check.h"

namespace bourse {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 16;
constexpr std::size_t kFirstBytes = std::size_t{1} << 12;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

/// Fills `out` as far as the source goes.
Result<std::size_t> read_fully(ByteSource& source, std::span<char> out) {
  std::size_t count = 0;
  while (count < out.size()) {
    BOURSE_TRY(const std::size_t more, source.read(out.subspan(count)));
    if (more == 0) break;
    count += more;
  }
  return count;
}

}  // namespace

/// Unpacks gzip members that follow each other.
class TextInput::Inflater {
 public:
  /// `head` holds the bytes taken from the source to recognise gzip.
  Inflater(ByteSource& source, std::string_view head)
      : source_(source), packed_(std::make_unique_for_overwrite<char[]>(kChunkBytes)) {
    std::memcpy(packed_.get(), head.data(), head.size());
    available_ = head.size();
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    BOURSE_CHECK(inflateInit2(&stream_, kGzipOnly) == Z_OK);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  Result<std::size_t> read(std::span<char> out) {
    while (true) {
      BOURSE_TRY_VOID(refill());
      if (between_members_) {
        if (!starts_member()) return finish();
        inflateReset(&stream_);
        between_members_ = false;
      }
      const bool had_input = available_ > 0;  // else zlib may still hold output of earlier input
      BOURSE_TRY(const std::size_t count, inflate_some(out));
      if (count > 0) return count;
      if (!had_input && !between_members_)
        return corrupted("the gzip data ends early; the file is cut off");
    }
  }

 private:
  /// Keeps at least two bytes at hand, enough to recognise the next member.
  Result<void> refill() {
    if (available_ >= 2) return {};
    if (available_ == 1) packed_[0] = packed_[offset_];
    offset_ = 0;
    BOURSE_TRY(const std::size_t count,
               read_fully(source_, std::span(packed_.get(), kChunkBytes).subspan(available_)));
    available_ += count;
    return {};
  }

  [[nodiscard]] bool starts_member() const {
    return is_gzip(std::string_view(packed_.get() + offset_, available_));
  }

  /// After the last member: nothing, or zeros that a tape or block device added.
  Result<std::size_t> finish() {
    while (available_ > 0) {
      if (packed_[offset_] != '\0') return corrupted("there is something else after the gzip data");
      ++offset_;
      --available_;
      if (available_ == 0) BOURSE_TRY_VOID(refill());
    }
    return std::size_t{0};
  }

  Result<std::size_t> inflate_some(std::span<char> out) {
    stream_.next_in = reinterpret_cast<Bytef*>(packed_.get() + offset_);
    stream_.avail_in = static_cast<uInt>(available_);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    const int status = inflate(&stream_, Z_NO_FLUSH);
    offset_ += available_ - stream_.avail_in;
    available_ = stream_.avail_in;
    if (status == Z_STREAM_END)
      between_members_ = true;
    else if (status != Z_OK && status != Z_BUF_ERROR)
      return corrupted(fmt::format("the gzip data is damaged ({})",
                                   stream_.msg == nullptr ? "unknown error" : stream_.msg));
    return out.size() - stream_.avail_out;
  }

  [[nodiscard]] tl::unexpected<Error> corrupted(std::string_view what) const {
    return fail(ErrorCode::data_corrupted, fmt::format("{}: {}", source_.name(), what));
  }

  ByteSource& source_;
  std::unique_ptr<char[]> packed_;  ///< kChunkBytes.
  std::size_t offset_ = 0;
  std::size_t available_ = 0;
  bool between_members_ = false;
  z_stream stream_{};
};

TextInput::TextInput(ByteSource& source)
    : source_(source), name_(source.name()), buffer_(kFirstBytes) {}

TextInput::~TextInput() = default;

Result<std::size_t> TextInput::read(std::span<char> out) {
  return inflater_ ? inflater_->read(out) : source_.read(out);
}

void TextInput::make_room() {
  if (begin_ == end_) begin_ = end_ = 0;
  // As much as has come already, so that a short input costs little.
  const std::size_t wanted = std::clamp(taken_, std::size_t{1}, kChunkBytes);
  if (buffer_.size() - end_ >= wanted) return;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < wanted) buffer_.resize(buffer_.size() * 2);
}

Result<bool> TextInput::fill() {
  if (finished_) return false;
  make_room();
  std::size_t count = 0;
  if (!started_) {
    started_ = true;
    BOURSE_TRY(count, read_fully(source_, std::span(buffer_).first(2)));
    if (is_gzip(std::string_view(buffer_.data(), count))) {
      inflater_ = std::make_unique<Inflater>(source_, std::string_view(buffer_.data(), count));
      count = 0;
    }
  }
  if (count == 0) {
    BOURSE_TRY(count, read(std::span(buffer_).subspan(end_)));
  }
  end_ += count;
  taken_ += count;
  finished_ = count == 0;
  return !finished_;
}

Result<std::string_view> TextInput::peek(std::size_t count) {
  while (end_ - begin_ < count) {
    BOURSE_TRY(const bool more, fill());
    if (!more) break;
  }
  return std::string_view(buffer_.data() + begin_, std::min(count, end_ - begin_));
}

Result<std::optional<std::string_view>> TextInput::next_line() {
  if (line_ == 0) {
    BOURSE_TRY(const std::string_view head, peek(kByteOrderMark.size()));
    if (head == kByteOrderMark) begin_ += head.size();
  }
  std::size_t searched = 0;
  while (true) {
    const std::string_view text(buffer_.data() + begin_, end_ - begin_);
    const std::size_t stop = text.find('\n', searched);
    if (stop <= kMaxLineBytes) {  // Not npos, then.
      begin_ += stop + 1;
      ++line_;
      std::string_view line = text.substr(0, stop);
      if (line.ends_with('\r')) line.remove_suffix(1);
      return line;
    }
    if (text.size() > kMaxLineBytes)
      return fail(
          ErrorCode::data_corrupted,
          fmt::format("{}: line {} is longer than 1 MiB; is this a text file?", name_, line_ + 1));
    searched = text.size();
    BOURSE_TRY(const bool more, fill());
    if (more) continue;
    if (searched == 0) return std::nullopt;
    std::string_view rest(buffer_.data() + begin_, end_ - begin_);
    begin_ = end_;
    ++line_;
    if (rest.ends_with('\r')) rest.remove_suffix(1);
    return rest;
  }
}

}  // namespace bourse
