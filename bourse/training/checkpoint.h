#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/program/buffer.h"
#include "bourse/training/layout.h"
#include "bourse/training/noise_scale.h"
#include "bourse/world/files.h"

namespace bourse::training {

/// A part of parameters and optimiser state, as a server has it.
struct StateSlice {
  Range range;                            ///< Of the flat vector.
  program::Buffer values;                 ///< Floats.
  std::vector<std::vector<float>> state;  ///< Of the optimiser.
};

/// A file of a checkpoint.
struct SliceFile {
  std::string name;
  Range range;
  std::uint64_t size = 0;  ///< Bytes.
  std::uint32_t crc = 0;   ///< CRC-32 of all of them.
  /// Of the mean gradient of the last step; of a server its part, of a member of a ring the whole.
  /// Below 0: not known. Not kept with the file, but as NormPair::big_norm.
  double squared_norm = -1;
};

/// Where a training is in its data.
struct Cursor {
  std::int64_t step = 0;      ///< Steps done; the version of the parameters.
  std::int64_t epoch = 0;     ///< From 0.
  std::int64_t position = 0;  ///< Samples of this epoch that are done.
  std::int64_t samples = 0;   ///< Samples done since the beginning.
  double progress = 0;        ///< What they are worth, in samples at the base batch.

  friend bool operator==(const Cursor&, const Cursor&) = default;
};

/// Squared norms of the gradients of one step, as NoiseScale::add takes them.
struct NormPair {
  double small = 0;       ///< Samples of a microbatch.
  double small_norm = 0;  ///< Mean over the mean gradients of microbatches.
  double big = 0;         ///< Samples of the batch.
  double big_norm = -1;   ///< Of its mean gradient; below 0: not known yet.
};

/// What a checkpoint says of itself; its existence makes the checkpoint one.
struct Manifest {
  Cursor cursor;
  std::string training;          ///< What is trained; another training does not take it.
  std::uint64_t parameters = 0;  ///< Length of the flat vector.
  std::uint64_t optimiser_vectors = 0;
  std::uint64_t train_samples = 0;  ///< Of an epoch; 0 in checkpoints that do not say.
  NoiseSums noise;
  NormPair norms;                ///< Of the last step, if `noise` is without them.
  std::vector<SliceFile> files;  ///< In order; they cover all parameters.
};

/// A checkpoint is a folder "step-000000000123" with a file for each server and, written last,
/// "manifest.json". Every file is replaced in one step and is on the disk before the manifest is,
/// so that a crash at any moment leaves whole checkpoints only; CRC-32 finds what a disk has lost.
/// Each is read by any number of servers, whatever the number that wrote it.

/// Writes the file of a slice into the folder of the step. Errors: as Files::write.
[[nodiscard]] Result<SliceFile> write_slice(Files& files, const std::string& folder,
                                            std::int64_t step, std::size_t server,
                                            const StateSlice& slice);
/// Makes the checkpoint one, then removes the oldest until `kept` are left. Errors: as
/// Files::write.
[[nodiscard]] Result<void> write_manifest(Files& files, const std::string& folder,
                                          const Manifest& manifest, std::size_t kept);

/// The steps of which there is a checkpoint, newest first. None if there is no folder.
[[nodiscard]] std::vector<std::int64_t> checkpoint_steps(Files& files, const std::string& folder);

/// True if so many epochs are done, in samples at the base batch.
[[nodiscard]] bool has_trained(const Cursor& cursor, std::int64_t epochs,
                               std::uint64_t train_samples);
/// True if the newest checkpoint is that of the end of a training of so many epochs.
[[nodiscard]] bool is_finished(Files& files, const std::string& folder, std::int64_t epochs);

/// Errors: not_found, data_corrupted.
[[nodiscard]] Result<Manifest> read_manifest(Files& files, const std::string& folder,
                                             std::int64_t step);
/// Reads a part of a checkpoint from the files that have it, and checks these as a whole.
/// Errors: not_found, data_corrupted with the file and what is wrong.
[[nodiscard]] Result<StateSlice> read_slice(Files& files, const std::string& folder,
                                            const Manifest& manifest, Range wanted);

}  // namespace bourse::training
