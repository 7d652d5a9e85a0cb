#include "bourse/solver/slot_hull_program.h"

namespace bourse {

LinearProgram slot_hull_program(std::span<const CoreClass> classes, int workers, int servers,
                                double scale) {
  LinearProgram program;
  LinearRow cover_workers{.lower = static_cast<double>(workers)};
  LinearRow cover_servers{.lower = static_cast<double>(servers)};
  for (const CoreClass& of : classes) {
    const auto machines = static_cast<double>(of.machines);
    LinearRow all{.lower = machines, .upper = machines};
    for (const TaskPoint corner : of.corners) {
      const double cost = of.worker_price * corner.workers + of.server_price * corner.servers;
      const std::size_t column = program.add_column({.cost = cost * scale});
      all.entries.push_back({column, 1});
      if (corner.workers > 0)
        cover_workers.entries.push_back({column, static_cast<double>(corner.workers)});
      if (corner.servers > 0)
        cover_servers.entries.push_back({column, static_cast<double>(corner.servers)});
    }
    program.add_row(std::move(all));
  }
  program.add_row(std::move(cover_workers));
  program.add_row(std::move(cover_servers));
  return program;
}

LinearProgram slot_integer_program(std::span<const CoreClass> classes, const SlotDemand& demand,
                                   int workers, int servers) {
  LinearProgram program;
  LinearRow cover_workers{.lower = static_cast<double>(workers)};
  LinearRow cover_servers{.lower = static_cast<double>(servers)};
  for (const CoreClass& of : classes)
    for (int machine = 0; machine < of.machines; ++machine) {
      const auto add = [&](double price, int most) {
        return program.add_column(
            {.cost = price, .upper = static_cast<double>(most), .integer = true});
      };
      const std::size_t w = add(of.worker_price, workers);
      const std::size_t s = add(of.server_price, servers);
      for (std::size_t r = 0; r < of.residual.size(); ++r)
        program.add_row({.entries = {{w, static_cast<double>(demand.worker[r])},
                                     {s, static_cast<double>(demand.server[r])}},
                         .upper = static_cast<double>(of.residual[r])});
      cover_workers.entries.push_back({w, 1});
      cover_servers.entries.push_back({s, 1});
    }
  program.add_row(std::move(cover_workers));
  program.add_row(std::move(cover_servers));
  return program;
}

}  // namespace bourse
