#pragma once

#include <cstdint>
#include <limits>

namespace bourse {

/// Which question a draw answers. Draws of different purposes never share a number.
enum class Purpose : std::uint32_t {
  arrival = 1,
  job_shape = 2,
  utility = 3,
  throughput = 4,
  jitter = 5,
  belief = 6,
  failure = 7,
  rounding = 8,
  placement = 9,
  disk = 10,
  network = 11,
  token = 12,
  process = 13,
  search = 14,
  learning = 15,
  replay = 16,
  test = 1000,
};

/// The address of a stream of random numbers. Every draw has an address (seed, purpose, subject,
/// detail, number of the draw), so that what one part of the program asks never shifts what another
/// part gets: two policies see the same arrivals whatever they ask in between.
///
/// Numbers come from Philox4x32-10 (Salmon et al., SC'11), the distributions are our own, so
/// results are the same bytes with every compiler and standard library.
class RandomStream {
 public:
  /// `subject` is usually a job or machine number, `detail` a slot or try.
  RandomStream(std::uint64_t seed, Purpose purpose, std::uint64_t subject = 0,
               std::uint32_t detail = 0);

  /// 64 uniform bits.
  std::uint64_t bits();
  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform();
  /// Uniform in [low, high).
  double uniform(double low, double high);
  /// Uniform integer in [low, high], both ends included. Requires low <= high.
  std::int64_t integer(std::int64_t low, std::int64_t high);
  /// Exponential with the given mean (> 0).
  double exponential(double mean);
  /// Normal with the given mean and standard deviation (Box-Muller, two draws).
  double normal(double mean, double deviation);
  /// exp of a normal with these parameters of the logarithm.
  double lognormal(double log_mean, double log_deviation);

 private:
  std::uint64_t seed_;
  std::uint64_t subject_;
  std::uint32_t purpose_;
  std::uint32_t detail_;
  std::uint32_t block_ = 0;
  std::uint64_t spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace bourse
