#include "bourse/trace/text_input.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <string>

namespace bourse {
namespace {

std::string gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  std::string in(text);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

/// All lines, each followed by '|', or the error.
std::string lines_of(std::string_view bytes) {
  MemorySource source(bytes, "t");
  TextInput input(source);
  std::string out;
  while (true) {
    const auto line = input.next_line();
    if (!line) return line.error().message;
    if (!*line) return out;
    out += std::string(**line) + "|";
  }
}

/// Endless 'x', one byte at a time asked for.
class EndlessSource final : public ByteSource {
 public:
  Result<std::size_t> read(std::span<char> out) override {
    std::ranges::fill(out, 'x');
    given += out.size();
    return out.size();
  }
  std::string_view name() const override { return "endless"; }
  std::size_t given = 0;
};

TEST(TextInput, GivesLinesWithoutTheirEnds) {
  EXPECT_EQ(lines_of(""), "");
  EXPECT_EQ(lines_of("a\nb"), "a|b|");
  EXPECT_EQ(lines_of("a\r\n\nb\r\n"), "a||b|");
  EXPECT_EQ(lines_of("a\r"), "a|");
  EXPECT_EQ(lines_of("\xEF\xBB\xBF"
                     "a\n"),
            "a|");
}

TEST(TextInput, UnpacksGzipMembersThatFollowEachOther) {
  EXPECT_EQ(lines_of(gzip("a\nb\n")), "a|b|");
  EXPECT_EQ(lines_of(gzip("a\n") + gzip("b\n")), "a|b|");
  EXPECT_EQ(lines_of(gzip("")), "");
  EXPECT_EQ(lines_of(gzip("a\n") + std::string(600, '\0')), "a|");
}

TEST(TextInput, UnpacksWhatIsManyTimesLargerThanItsPackedForm) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "0123456789\n";
  EXPECT_EQ(lines_of(gzip(text)).size(), text.size());
}

TEST(TextInput, SaysThatGzipDataIsCutOffWhereverTheCutIs) {
  const std::string whole = gzip("some text that is packed\n");
  for (std::size_t size = 2; size < whole.size(); ++size)
    EXPECT_EQ(lines_of(whole.substr(0, size)), "t: the gzip data ends early; the file is cut off");
}

TEST(TextInput, SaysThatGzipDataIsDamaged) {
  std::string bytes = gzip("some text that is packed\n");
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);
  EXPECT_EQ(lines_of(bytes), "t: the gzip data is damaged (incorrect data check)");
  EXPECT_EQ(lines_of(gzip("a\n") + "junk"), "t: there is something else after the gzip data");
}

TEST(TextInput, StopsAtALineLongerThanOneMebibyte) {
  EndlessSource source;
  TextInput input(source);
  const auto line = input.next_line();
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().code, ErrorCode::data_corrupted);
  EXPECT_EQ(line.error().message, "endless: line 1 is longer than 1 MiB; is this a text file?");
  EXPECT_LT(source.given, std::size_t{4} << 20);
}

TEST(TextInput, TakesALineOfExactlyOneMebibyte) {
  EXPECT_EQ(lines_of(std::string(kMaxLineBytes, 'x') + "\ny").size(), kMaxLineBytes + 3);
}

TEST(TextInput, PeeksWithoutTaking) {
  MemorySource source("abc\ndef", "t");
  TextInput input(source);
  EXPECT_EQ(input.peek(2).value(), "ab");
  EXPECT_EQ(input.peek(100).value(), "abc\ndef");
  EXPECT_EQ(input.next_line().value().value(), "abc");
}

TEST(FileSource, SaysThatAFileIsNotThere) {
  const auto file = FileSource::open("/no/such/file");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::not_found);
  EXPECT_EQ(file.error().message, "/no/such/file: cannot be opened: No such file or directory");
}

TEST(FileSource, FailsToReadADirectory) {
  const auto file = FileSource::open("/");
  ASSERT_TRUE(file);
  char byte = 0;
  const auto read = (*file)->read(std::span(&byte, 1));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "/: cannot be read: Is a directory");
}

}  // namespace
}  // namespace bourse
