#include "bourse/base/random.h"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>

#include "bourse/base/check.h"

namespace bourse {

RandomStream::RandomStream(std::uint64_t seed, Purpose purpose, std::uint64_t subject,
                           std::uint32_t detail)
    : seed_(seed),
      subject_(subject),
      purpose_(static_cast<std::uint32_t>(purpose)),
      detail_(detail) {
  // The purpose shares a counter word with the high half of the subject.
  BOURSE_CHECK(subject_ >> 48 == 0);
}

std::uint64_t RandomStream::bits() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const r123::Philox4x32::ctr_type counter{
      {block_++, detail_, static_cast<std::uint32_t>(subject_),
       static_cast<std::uint32_t>(subject_ >> 32) << 16 | purpose_}};
  const r123::Philox4x32::key_type key{
      {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)}};
  const auto words = r123::Philox4x32{}(counter, key);
  spare_ = std::uint64_t{words[2]} << 32 | words[3];
  has_spare_ = true;
  return std::uint64_t{words[0]} << 32 | words[1];
}

double RandomStream::uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }

double RandomStream::uniform(double low, double high) { return low + (high - low) * uniform(); }

std::int64_t RandomStream::integer(std::int64_t low, std::int64_t high) {
  BOURSE_CHECK(low <= high);
  const auto span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
  if (span == 0) return static_cast<std::int64_t>(bits());
  // Rejecting the last partial round of numbers keeps every value equally likely.
  const std::uint64_t limit = std::numeric_limits<std::uint64_t>::max() / span * span;
  std::uint64_t draw = bits();
  while (draw >= limit) draw = bits();
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + draw % span);
}

double RandomStream::exponential(double mean) { return -mean * std::log1p(-uniform()); }

double RandomStream::normal(double mean, double deviation) {
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));
  return mean + deviation * radius * std::cos(2.0 * std::numbers::pi * uniform());
}

double RandomStream::lognormal(double log_mean, double log_deviation) {
  return std::exp(normal(log_mean, log_deviation));
}

}  // namespace bourse
