#pragma once

#include <string>

#include "bourse/program/deadline.h"

namespace bourse::program {

/// A text that one node of a program publishes and others look up: the address of a server of its
/// own, say. Use it within nodes.
class NamedAddress {
 public:
  /// Errors: std::invalid_argument unless the name is a letter followed by letters, digits or '_',
  /// all small.
  explicit NamedAddress(std::string name);

  /// Errors: CallError{failed_precondition} if another text has been published under the name.
  void publish(const std::string& text) const;
  /// Waits until it is published. Errors: CallError{deadline_exceeded}, or {cancelled} when the
  /// program stops.
  [[nodiscard]] std::string resolve(Nanoseconds at_most) const;

 private:
  std::string name_;
};

}  // namespace bourse::program
