#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bourse/program/call_error.h"
#include "bourse/world/network.h"

namespace bourse::program {

/// Where a process of a program is reached. The epoch grows with every start of it, so that a name
/// never leads to what is gone.
struct UnitAddress {
  std::string address;  ///< As Address::text.
  std::uint32_t epoch = 0;
};

/// True if the unit is no part of the program at its present size.
[[nodiscard]] inline bool is_absent(const UnitAddress& address) { return address.address.empty(); }

/// Who is where in a running program, by unit; and texts that nodes publish by name, such as the
/// address of a server of their own. Any thread may call.
class Directory {
 public:
  virtual ~Directory() = default;
  /// Empty as long as the unit has not said where it is; an address without text, as of
  /// is_absent(), as long as it is not to be there.
  [[nodiscard]] virtual std::optional<UnitAddress> find_unit(std::uint32_t unit) = 0;
  /// Units that are not to be there, in order.
  [[nodiscard]] virtual std::vector<std::uint32_t> absent_units() = 0;
  virtual void publish(const std::string& name, const std::string& text) = 0;
  [[nodiscard]] virtual std::optional<std::string> find_text(const std::string& name) = 0;
};

/// The table itself, in the process that launched the program.
class DirectoryTable final : public Directory {
 public:
  /// An older epoch than the one known is left out: false.
  bool set_unit(std::uint32_t unit, const UnitAddress& address);
  void remove_unit(std::uint32_t unit);
  void set_absent(std::uint32_t unit, bool is_absent);
  /// Who is not there will not come any more: find_unit() throws CallError, cancelled.
  void begin_stop();

  [[nodiscard]] std::optional<UnitAddress> find_unit(std::uint32_t unit) override;
  [[nodiscard]] std::vector<std::uint32_t> absent_units() override;
  void publish(const std::string& name, const std::string& text) override;
  [[nodiscard]] std::optional<std::string> find_text(const std::string& name) override;

 private:
  std::mutex mutex_;  ///< Guards what follows.
  std::map<std::uint32_t, UnitAddress> units_;
  std::map<std::uint32_t, std::uint32_t> epochs_;
  std::set<std::uint32_t> absent_;
  bool is_stopping_ = false;
  std::map<std::string, std::string> texts_;
};

}  // namespace bourse::program
