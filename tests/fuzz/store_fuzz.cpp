// A state directory of which bytes are wrong: the store is opened and all of it read, or a sentence
// says why not.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bourse/base/check.h"
#include "bourse/service/store.h"
#include "bourse/world/simulated_host.h"
#include "bourse/world/simulated_world.h"

namespace bourse {
namespace {

constexpr const char* kPath = "/state/bourse.db";

/// A store with a job, a cell and a drain.
std::string sound_store() {
  SimulatedWorld world;
  SimulatedHost& host = world.add_host("here");
  BOURSE_CHECK(host.world().files.make_directories("/state").has_value());
  {
    const auto store = Store::open("/state", host.world().files.sqlite_vfs(), Seconds(1e9)).value();
    store->begin();
    StoredJob job{.name = "j", .group = "g", .text = "name: j", .directory = "/"};
    store->add_job(job);
    store->put_cell({.job = job.number, .epoch = 1, .machine = 0, .workers = 1, .token = "t"});
    store->add_change(Seconds(1e9), "job", job.number, JobPhase::waiting, 1, "submitted");
    store->set_drain("machine-0", true, "why");
    BOURSE_CHECK(store->commit().has_value());
  }
  return host.world().files.read(kPath).value();
}

void read_all(Store& store) {
  (void)store.live_jobs();
  (void)store.cells();
  (void)store.drains();
  (void)store.job(1);
  (void)store.jobs({});
  (void)store.history(1, 100);
  (void)store.changes_after(0, 100);
  (void)store.counts();
}

}  // namespace
}  // namespace bourse

/// The file itself if it begins as one of SQLite's; else changes of a sound one, each three bytes
/// of where and one of what.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string sound = bourse::sound_store();
  std::string file(data, data + size);
  if (!file.starts_with("SQLite format 3")) {
    file = sound;
    for (std::size_t i = 0; i + 4 <= size; i += 4) {
      const std::size_t where =
          std::size_t{data[i]} * 65536 + std::size_t{data[i + 1]} * 256 + data[i + 2];
      file[where % file.size()] = static_cast<char>(data[i + 3]);
    }
  }
  bourse::SimulatedWorld world;
  bourse::SimulatedHost& host = world.add_host("here");
  bourse::Files& files = host.world().files;
  BOURSE_CHECK(files.make_directories("/state").has_value());
  BOURSE_CHECK(files.write(bourse::kPath, file).has_value());
  const auto store = bourse::Store::open("/state", files.sqlite_vfs(), bourse::Seconds(1e9));
  if (store)
    bourse::read_all(**store);
  else
    BOURSE_CHECK(!store.error().message.empty());
  return 0;
}
