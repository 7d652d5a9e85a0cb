#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/program/program.h"
#include "bourse/program/runtime.h"
#include "bourse/training/coordinator.h"
#include "bourse/training/model.h"
#include "bourse/training/train_options.h"

namespace bourse::training {

/// What a process of a training is told by its environment: that of a task of `bourse serve`
/// (docs/job-file.md).
struct MemberEnvironment {
  bool is_server = false;
  std::size_t rank = 0;                       ///< Among those of its role.
  std::string task;                           ///< "worker-3"; no other process has it.
  std::string run;                            ///< Job and epoch: others are not talked to.
  std::vector<std::string> server_addresses;  ///< By rank, as world::Address has them.
  std::string leader_address;                 ///< Of a ring: of the worker of rank 0.
  std::string members_file;                   ///< $BOURSE_MEMBERS; empty: members do not change.
  std::int64_t batch = 0;                     ///< $BOURSE_BATCH; 0: as the command line says.
  std::string checkpoint;                     ///< Folder; may be empty.
  std::string progress;                       ///< Named pipe for lines of JSON; may be empty.
};

/// The global batch that $BOURSE_MEMBERS (docs/job-file.md) says; nothing if there is no such file
/// or no batch in it.
[[nodiscard]] std::optional<std::int64_t> read_batch(const std::string& members_file);

/// Nothing if $BOURSE_ROLE is not set: this process is no member of anything.
/// Errors: invalid_argument, with the variable.
[[nodiscard]] Result<std::optional<MemberEnvironment>> member_environment();

/// The processes of a training as a distributed program: unit i is server i, that of server 0 has
/// the coordinator too. Workers only call; so they may come and go. In a ring the only unit is
/// the worker that leads.
class Peers {
 public:
  /// At these addresses, for processes of the same run.
  Peers(const std::vector<std::string>& addresses, const std::string& run);
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  [[nodiscard]] const std::vector<program::Handle<ParameterServer>>& servers() const {
    return servers_;
  }
  [[nodiscard]] const program::Handle<Coordinator>& coordinator() const { return coordinator_; }
  [[nodiscard]] const std::shared_ptr<program::Runtime>& runtime() const { return runtime_; }
  /// Answers calls to a node of this process from now on, or from serve() on.
  template <class T>
  void host(const program::Handle<T>& node, std::shared_ptr<T> object) {
    runtime_->add_host(program_.nodes()[node.node()]).set_ready(std::move(object), nullptr);
  }
  /// Errors: as Network::listen.
  [[nodiscard]] Result<void> serve(const std::string& address);

 private:
  program::Program program_{"training"};
  std::vector<program::Handle<ParameterServer>> servers_;
  program::Handle<Coordinator> coordinator_;
  std::shared_ptr<program::Runtime> runtime_;  ///< Owned by us and by calls under way.
};

/// Lives as a server until the training is over or this process is told to end (SIGTERM); server 0
/// writes curve.csv and curve.svg into the folder of checkpoints. Errors: one sentence.
[[nodiscard]] Result<void> run_server(const MemberEnvironment& environment,
                                      const TrainOptions& options);

/// What a worker computes with. None of it tells workers apart, so that processes that are forked
/// from one that has it share its memory and what it took to load it.
struct Workplace {
  Dataset data;
  std::unique_ptr<Model> model;
};
/// Errors: as load_dataset(); invalid_argument for an unknown model, or with what a model says of
/// itself when it is made.
[[nodiscard]] Result<Workplace> prepare_worker(const TrainOptions& options,
                                               const ModelTable& models);

/// Works until the training is over or this process is told to end. In a ring the worker of rank 0
/// has the coordinator, too; told to end, it ends the training with a checkpoint, and if the job is
/// resized in place the next worker of rank 0 goes on from there. Errors: invalid_argument if the
/// environment does not say where the others are; unavailable if the servers, or who leads, are
/// lost.
[[nodiscard]] Result<void> run_worker(const MemberEnvironment& environment,
                                      const TrainOptions& options, const Workplace& workplace);

/// One line for $BOURSE_PROGRESS.
[[nodiscard]] std::string progress_line(const TrainProgress& progress);

}  // namespace bourse::training
