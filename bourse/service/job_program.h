#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"

namespace bourse {

/// What a program needs, as fields of a job file (YAML lines): `workers`, `servers` and `elastic`.
///
/// `graph` is the JSON of program::Program::spec_json(); `command` runs the program. Each unit (a
/// process) with a node of role worker is a worker, each with one of role parameter_server a
/// server; one more server, the first, launches the program and runs what is left. All servers of a
/// job have one demand, the largest of theirs. A program without workers is one task that runs all
/// of it.
/// Errors: invalid_argument if it is no such JSON, or has more than one group of workers of which
/// one is elastic.
[[nodiscard]] Result<std::string> job_fields_of_program(std::string_view graph,
                                                        const std::vector<std::string>& command);

/// A job file whose field `program` stands for workers, servers and elastic: the command.
/// Nothing if there is no such field. Errors: as parse_job_file for the field.
[[nodiscard]] Result<std::vector<std::string>> program_of_job_file(std::string_view text,
                                                                   std::string_view file);

/// The same file with the field turned into a comment and `fields` added.
[[nodiscard]] std::string with_program_fields(std::string_view text, std::string_view fields);

}  // namespace bourse
