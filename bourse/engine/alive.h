#pragma once

#include <memory>
#include <utility>

namespace bourse {

/// Guards callbacks that cannot be taken back: what `guard` returns calls nothing once this object,
/// a member of the one called, is gone.
class Alive {
 public:
  template <class Callback>
  [[nodiscard]] auto guard(Callback callback) const {
    return [mark = std::weak_ptr<int>(mark_), callback = std::move(callback)](auto&&... arguments) {
      if (!mark.expired()) callback(std::forward<decltype(arguments)>(arguments)...);
    };
  }

  /// Expires when this object goes; for a function that calls what may destroy its owner.
  [[nodiscard]] std::weak_ptr<int> mark() const { return mark_; }

 private:
  std::shared_ptr<int> mark_ = std::make_shared<int>(0);  ///< Owned by us alone; guards watch it.
};

}  // namespace bourse
