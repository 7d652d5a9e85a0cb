#pragma once

#include "bourse/service/api.h"

// Views with a value in every field, for tests.

namespace bourse {

/// A running job.
inline JobView some_job(JobNumber number = 17) {
  return {.number = number,
          .name = "bert \"large\"",
          .group = "team-a",
          .owner = "alice",
          .phase = JobPhase::running,
          .reason = "runs now",
          .submitted = Seconds(1.7e9),
          .started = Seconds(1.7e9 + 0.125),
          .ended = std::nullopt,
          .promised = Seconds(1.7e9 + 3600),
          .expected = Seconds(1.7e9 + 3500),
          .samples = 180000,
          .samples_done = 90000,
          .samples_per_second = 51.5,
          .utility = 50,
          .workers = 4,
          .servers = 1,
          .epoch = 3,
          .restarts = 1,
          .resizes = 2,
          .account = "team-a",
          .charged = 12.5};
}

/// With credits for a day.
inline Account some_account() {
  return {.name = "team-a",
          .credits = 100,
          .period = Seconds(86400),
          .shares = 0,
          .members = {"alice"},
          .balance = 87.5,
          .renewed = Seconds(1.7e9),
          .charged = 12.5,
          .refunded = 0};
}

/// Without the token itself.
inline TokenView some_token() {
  return {.id = "1234abcd",
          .user = "alice",
          .role = Role::user,
          .note = "laptop",
          .created = Seconds(1.7e9),
          .expires = Seconds(1.8e9),
          .token = std::nullopt};
}

/// Ten minutes on one machine.
inline PlanView some_plan() {
  return {.from = Seconds(1.7e9),
          .to = Seconds(1.7e9 + 600),
          .placement = {{.machine = "local-0", .workers = 2, .servers = 1}}};
}

/// All of that job.
inline JobDetail some_detail() {
  return {
      .job = some_job(),
      .file = "name: bert\n",
      .placement = {{.machine = "local-1", .workers = 4, .servers = 1}},
      .plan = {some_plan()},
      .history = {{.at = Seconds(1.7e9), .phase = JobPhase::waiting, .epoch = 0, .what = "came"}},
      .tasks = {"worker-0", "server-0"},
      .loss = 0.25,
      .directory = "/srv/checkpoints/17",
      .speeds = {{.workers = 4, .servers = 1, .seconds = 60, .predicted = 40, .measured = 50},
                 {.workers = 4, .servers = 1, .seconds = 60, .predicted = 50, .measured = 50},
                 {.workers = 4, .servers = 1, .seconds = 60, .predicted = 55, .measured = 50},
                 {.workers = 2, .servers = 1, .seconds = 60, .predicted = 30, .measured = 40}}};
}

/// Of a job that would be admitted.
inline Forecast some_forecast() {
  return {.is_admitted = true,
          .reason = "admitted",
          .starts = Seconds(1.7e9 + 60),
          .completes = Seconds(1.7e9 + 660),
          .utility = 50,
          .cost = 12.5,
          .plan = {some_plan()}};
}

/// The same plan with its price.
inline OptionView some_option() {
  return {.completion = Seconds(1.7e9 + 600),
          .utility = 50,
          .cost = 12.5,
          .paid = {{"gpu", 10}, {"memory", 2.5}},
          .cost_when_idle = 1,
          .runs = {some_plan()}};
}

/// Nothing completes sooner.
inline ExplanationView some_explanation() {
  return {.job = 17,
          .name = "bert",
          .at = Seconds(1.7e9),
          .reason = "admitted: worth 50, costs 12.5",
          .is_booked = true,
          .promised = Seconds(1.7e9 + 600),
          .best = some_option(),
          .sooner = std::nullopt,
          .later = some_option()};
}

/// Two GPUs and a tenth, 3.5 MiB of memory, of which half is used.
inline MachineList some_machines() {
  MachineList list;
  (void)list.types.add("gpu", ResourceKind::count);
  (void)list.types.add("memory", ResourceKind::bytes);
  list.machines.push_back({.name = "local-0",
                           .state = "draining",
                           .reason = "a fan is broken",
                           .capacity = {2100, 3500},
                           .used = {1000, 1750},
                           .jobs = {3, 17}});
  return list;
}

/// Of GPUs alone.
inline PriceList some_prices() {
  return {.policy = "pd-ors", .prices = {{.resource = "gpu", .price = 0.125}}};
}

/// About the job.
inline ChangeView some_change(std::uint64_t number = 9) {
  return {.number = number, .at = Seconds(1.7e9), .kind = "job", .job = 17, .text = "started"};
}

}  // namespace bourse
