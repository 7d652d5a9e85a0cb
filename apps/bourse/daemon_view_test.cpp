#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "apps/bourse/daemon_client.h"
#include "apps/bourse/screen.h"
#include "apps/bourse/server_address.h"
#include "apps/bourse/top_text.h"
#include "apps/bourse/view_text.h"
#include "bourse/service/view_fixtures.h"

namespace bourse {
namespace {

constexpr Seconds kNow{1.7e9 + 60};

TEST(ServerAddress, IsASocketOrAHostAndAPort) {
  const auto text = [](std::string_view given) {
    const auto address = parse_server_address(given);
    return address ? address->text() : address.error().message;
  };
  EXPECT_EQ(text("unix:/run/b"), "unix:/run/b");
  EXPECT_EQ(text("/run/b"), "unix:/run/b");
  EXPECT_EQ(text("http://localhost:7077/"), "http://localhost:7077");
  EXPECT_EQ(text("tcp:localhost:7077"), "http://localhost:7077");
  EXPECT_EQ(text("https://host:80"), "https://host:80");
  EXPECT_EQ(text("[::1]:80"), "http://[::1]:80");
  for (const std::string_view wrong : {"", "unix:", "host", "host:", ":80", "host:0", "host:65536",
                                       "host:8.5", "ftp://host:80", "http://host:80/v1"})
    EXPECT_NE(text(wrong).find("is no address of a daemon; use unix:/path, http://host:port or "
                               "https://host:port"),
              std::string::npos)
        << wrong;
}

TEST(UrlPart, EscapesWhatIsSpecial) { EXPECT_EQ(url_part("a b/c%é~"), "a%20b%2Fc%25%C3%A9~"); }

TEST(EventLines, FindsTheDataOfEventsInPiecesOfAnySize) {
  const std::string text =
      "retry: 1\n: hello\n\nid: 1\nevent: job\ndata: {\"a\": 1}\n\ndata: x\n\n";
  for (const std::size_t size : {1U, 3U, 100U}) {
    EventLines lines;
    std::vector<std::string> found;
    for (std::size_t at = 0; at < text.size(); at += size)
      lines.take(text.substr(at, size), [&](const std::string& data) { found.push_back(data); });
    EXPECT_EQ(found, (std::vector<std::string>{"{\"a\": 1}", "x"})) << size;
  }
}

TEST(Shortened, CountsColumnsAndNotBytes) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcdef", 5), "ab...");
  EXPECT_EQ(shortened("éééééé", 5), "éé...");
  EXPECT_EQ(shortened("abcdef", 2), "ab");
}

TEST(Fitted, CutsLinesAndSaysHowManyAreLeftOut) {
  EXPECT_EQ(fitted("a\nb\n", {.columns = 9, .rows = 2}), "a\nb");
  EXPECT_EQ(fitted("a\nb\nc\n", {.columns = 80, .rows = 2}), "a\n... and 2 lines more");
  EXPECT_EQ(fitted("abcdefgh\n", {.columns = 6, .rows = 2}), "abc...");
}

TEST(Bar, IsFilledToItsShare) {
  EXPECT_EQ(bar(0, 6), "[....]");
  EXPECT_EQ(bar(0.5, 6), "[##..]");
  EXPECT_EQ(bar(7, 6), "[####]");
  EXPECT_EQ(bar(1, 1), "[]");
}

TEST(JobsText, ShowsTimesFromNow) {
  EXPECT_EQ(jobs_text({.jobs = {some_job()}, .next_before = 0}, kNow),
            "job  name          group   state    done  tasks   submitted         end  utility\n"
            " 17  bert \"large\"  team-a  running   50%    4+1  1m 00s ago  in 57m 20s       50\n");
  EXPECT_EQ(jobs_text({}, kNow), "no jobs\n");
}

TEST(JobText, HasPlanAndHistory) {
  const std::string text = job_text(some_detail(), kNow);
  EXPECT_NE(text.find("promised     in 59m 00s\n"), std::string::npos);
  EXPECT_NE(text.find("done         90000 of 180000 (50%)\n"), std::string::npos);
  EXPECT_NE(text.find("starts       3, of them 1 after failures; 2 resizes and moves\n"),
            std::string::npos);
  EXPECT_NE(text.find("    1m 00s ago for 10m 00s: 2+1 on local-0\n"), std::string::npos);
  // 55 for 50 is 10 % too much, 30 for 40 is 25 % too little; the first two are not counted.
  EXPECT_NE(text.find("    4+1 for 1m 00s: predicted 55, measured 50 samples/s\n"),
            std::string::npos);
  EXPECT_NE(text.find("    mean error after 2 slots: 17.5 %\n"), std::string::npos);
  EXPECT_NE(text.find("        1m 00s ago  waiting      came\n"), std::string::npos);
}

TEST(MachinesText, ShowsUseOfCapacity) {
  EXPECT_EQ(machines_text(some_machines()),
            "machine  state       gpu     memory  jobs  reason\n"
            "local-0  draining  1/2.1  2MiB/4MiB  3 17  a fan is broken\n");
}

TEST(PricesText, SaysWhenThereAreNone) {
  EXPECT_EQ(prices_text({.policy = "fifo", .prices = {}}), "policy fifo has no prices\n");
}

TEST(ExplanationText, ShowsWhatItPaysAndTheAlternatives) {
  EXPECT_EQ(explanation_text(some_explanation(), {{"local-0", 2, 1}}, Seconds(1.7e9)),
            "job 17 'bert'\n"
            "admitted: worth 50, costs 12.5\n"
            "has 2+1 on local-0\n"
            "promised in 10m 00s\n"
            "booked: done in 10m 00s, worth 50, costs 12.5 (at the lowest prices 1), payoff 37.5\n"
            "    pays for gpu 10, memory 2.5\n"
            "    in 0.0s for 10m 00s: 2+1 on local-0\n"
            "sooner: none\n"
            "later: done in 10m 00s, worth 50, costs 12.5 (at the lowest prices 1), payoff 37.5\n"
            "    pays for gpu 10, memory 2.5\n"
            "    in 0.0s for 10m 00s: 2+1 on local-0\n");
}

TEST(TopText, SumsWhatMachinesHoldAndNamesItsPrice) {
  const TopView view{.machines = some_machines(),
                     .prices = some_prices(),
                     .live = {.jobs = {some_job()}, .next_before = 0},
                     .ended = {}};
  const std::string text = top_text(view, kNow, 100);
  EXPECT_NE(text.find("bourse  policy pd-ors  machines: 1 draining  jobs: 1 running\n"),
            std::string::npos);
  // 1 of 2.1 GPUs is 48 %; 0.476 x 20 rounds to 10.
  EXPECT_NE(text.find("gpu      [##########..........]   48%  price 0.125\n"), std::string::npos);
  EXPECT_EQ(text.find("ended"), std::string::npos);
}

}  // namespace
}  // namespace bourse
