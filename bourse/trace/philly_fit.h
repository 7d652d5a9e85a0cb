#pragma once

#include <array>

// Written by philly_fit.py from a slice of the Microsoft Philly trace (CC-BY-4.0, Jeon et al.,
// ATC'19); do not edit by hand.

namespace bourse::philly_fit {

/// Where the quantile functions below are known.
inline constexpr std::array<double, 28> kProbabilities{
    0,   0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3,  0.35, 0.4,  0.45, 0.5,   0.55,
    0.6, 0.65, 0.7,  0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 1};

/// Seconds between arrivals outside of sweeps, quantiles.
inline constexpr std::array<double, 28> kCalmGaps{
    0,     0,     0,   1,   3,     5,   7,   12,  21,  30.4, 45.6, 65,  98,  134.2,
    179.4, 241.6, 311, 395, 498.2, 599, 600, 600, 600, 600,  600,  601, 601, 628};

/// Seconds between arrivals within a sweep, quantiles.
inline constexpr std::array<double, 28> kSweepGaps{0,  0,  0,  0,  1,  1,      2,      2,  2,  3,
                                                   4,  4,  5,  6,  6,  7,      8,      10, 11, 14,
                                                   17, 20, 24, 36, 65, 175.94, 403.82, 602};

/// Seconds, jobs of one GPU outside of sweeps, quantiles.
inline constexpr std::array<double, 28> kCalmDurations{
    5,    24,     30,    59,      63,      66,     68,     70,    71,   73,
    75,   80,     101,   168,     535,     806,    1123,   1838,  2705, 3389,
    5670, 8046.8, 23804, 74061.4, 76258.8, 126852, 166507, 622818};

/// Seconds, jobs of one GPU within a sweep, quantiles.
inline constexpr std::array<double, 28> kSweepDurations{
    1,      40,   44,      49,      57,      73,      529,    557,   596.1,  1028.35,
    1454,   1521, 2388,    2466,    2524.2,  2575,    2635,   2705,  2853.4, 3614.95,
    3987.3, 4085, 4371.65, 5844.25, 47261.6, 79775.3, 103426, 739864};

/// Seconds, jobs of several GPUs, quantiles.
inline constexpr std::array<double, 28> kGangDurations{
    4,      8,      9,      11,     15,     17,      20,     81.5,       427,   907.5,
    1330,   4218,   5643,   12269,  16703,  37100.5, 48063,  59040.5,    98094, 164921,
    183412, 206521, 333752, 397333, 522575, 611479,  720148, 2.21402e+06};

/// GPUs of a job.
inline constexpr std::array<double, 6> kSizes{1, 2, 4, 8, 16, 32};

/// Share of jobs with each of kSizes, outside of sweeps.
inline constexpr std::array<double, 6> kCalmSizes{0.802717, 0.0485123,  0.0355757,
                                                  0.102199, 0.00129366, 0.00970246};

/// Share of jobs with each of kSizes, within a sweep.
inline constexpr std::array<double, 6> kSweepSizes{0.992193,   0.00212917,  0.00141945,
                                                   0.00402176, 0.000236574, 0};

/// Arrival rate by hour of the day, mean 1.
inline constexpr std::array<double, 24> kHourFactors{
    1.05928,  0.990987, 1.07194,  1.13383,  1.06617,  0.942788, 0.946927, 0.869556,
    0.980268, 0.924548, 0.911281, 0.729338, 0.724061, 0.93792,  0.997449, 1.05999,
    1.10548,  1.27053,  1.20687,  1.03708,  0.903624, 0.944486, 1.08153,  1.10406};

/// Chance that a sweep starts after a job.
inline constexpr double kSweepStart = 0.00647249;
/// Chance that a sweep ends after a job.
inline constexpr double kSweepEnd = 0.00118287;

}  // namespace bourse::philly_fit
