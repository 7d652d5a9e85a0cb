#pragma once

#include "bourse/training/model.h"

namespace bourse {

/// The whole of main() of a program whose processes are workers and servers of a training: what
/// `bourse train --program` and the command of a job run. `models` are those that --model names.
///
///     int main(int argc, char** argv) {
///       return bourse::train_member_main(argc, argv, {{"mine", make_my_model}});
///     }
///
/// Returns the exit status: 0; 1 if the work failed, so that trying again may help; 2 if the
/// command line, the environment or the data is wrong.
[[nodiscard]] int train_member_main(int argc, char** argv, const training::ModelTable& models);

}  // namespace bourse
