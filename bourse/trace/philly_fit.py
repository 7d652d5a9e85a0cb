#!/usr/bin/env python3
"""Prints philly_fit.h from the slice philly-10000.csv.gz: python3 philly_fit.py FILE | clang-format.

Method: docs/traces.md, "philly-like". Standard library only.
"""
import gzip
import sys

PROBABILITIES = [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6,
                 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 1]
SIZES = [1, 2, 4, 8, 16, 32]
SWEEP_JOBS_PER_HOUR = 75  # an hour with more arrivals belongs to a sweep


def quantiles(values):
    values = sorted(values)
    last = len(values) - 1
    out = []
    for p in PROBABILITIES:
        at = p * last
        low = int(at)
        high = min(low + 1, last)
        out.append(values[low] + (at - low) * (values[high] - values[low]))
    return out


def show(name, what, values):
    numbers = ", ".join(f"{v:.6g}" for v in values)
    print(f"/// {what}\ninline constexpr std::array<double, {len(values)}> {name}{{{numbers}}};\n")


def main():
    rows = gzip.open(sys.argv[1], "rt").read().split("\n")[1:]
    jobs = [tuple(map(float, row.split(",")[1:4])) for row in rows if row]
    hours = int(jobs[-1][0] // 3600) + 1
    count = [0] * hours
    for submit, _, _ in jobs:
        count[int(submit // 3600)] += 1
    busy = [c > SWEEP_JOBS_PER_HOUR for c in count]
    state = [busy[int(submit // 3600)] for submit, _, _ in jobs]

    by_hour = [[] for _ in range(24)]
    for hour in range(hours - 1):
        if not busy[hour]:
            by_hour[hour % 24].append(count[hour])
    calm = [c for hour in by_hour for c in hour]
    mean = sum(calm) / len(calm)
    # Two pseudo-hours of the mean, then a moving average over three hours.
    raw = [(sum(c) + 2 * mean) / (len(c) + 2) / mean for c in by_hour]
    smooth = [(raw[h - 1] + raw[h] + raw[(h + 1) % 24]) / 3 for h in range(24)]
    factors = [f * 24 / sum(smooth) for f in smooth]

    gaps = {False: [], True: []}
    switches = {False: 0, True: 0}
    for i in range(len(jobs) - 1):
        gaps[state[i]].append(jobs[i + 1][0] - jobs[i][0])
        switches[state[i]] += state[i] != state[i + 1]

    print("#pragma once\n\n#include <array>\n")
    print("// Written by philly_fit.py from a slice of the Microsoft Philly trace (CC-BY-4.0, Jeon et "
          "al.,\n// ATC'19); do not edit by hand.\n")
    print("namespace bourse::philly_fit {\n")
    show("kProbabilities", "Where the quantile functions below are known.", PROBABILITIES)
    show("kCalmGaps", "Seconds between arrivals outside of sweeps, quantiles.",
         quantiles(gaps[False]))
    show("kSweepGaps", "Seconds between arrivals within a sweep, quantiles.", quantiles(gaps[True]))
    show("kCalmDurations", "Seconds, jobs of one GPU outside of sweeps, quantiles.",
         quantiles([d for (_, d, g), s in zip(jobs, state) if g == 1 and not s]))
    show("kSweepDurations", "Seconds, jobs of one GPU within a sweep, quantiles.",
         quantiles([d for (_, d, g), s in zip(jobs, state) if g == 1 and s]))
    show("kGangDurations", "Seconds, jobs of several GPUs, quantiles.",
         quantiles([d for _, d, g in jobs if g > 1]))
    show("kSizes", "GPUs of a job.", SIZES)
    for name, wanted, what in (("kCalmSizes", False, "outside of sweeps"),
                               ("kSweepSizes", True, "within a sweep")):
        chosen = [g for (_, _, g), s in zip(jobs, state) if s == wanted]
        show(name, f"Share of jobs with each of kSizes, {what}.",
             [sum(g == size for g in chosen) / len(chosen) for size in SIZES])
    show("kHourFactors", "Arrival rate by hour of the day, mean 1.", factors)
    print(f"/// Chance that a sweep starts after a job.\n"
          f"inline constexpr double kSweepStart = {switches[False] / len(gaps[False]):.6g};")
    print(f"/// Chance that a sweep ends after a job.\n"
          f"inline constexpr double kSweepEnd = {switches[True] / len(gaps[True]):.6g};\n")
    print("}  // namespace bourse::philly_fit")


main()
