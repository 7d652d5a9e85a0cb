#include "bourse/policy/bookings.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "bourse/base/check.h"

namespace bourse {

void Bookings::advance(SlotIndex current) {
  current_ = current;
  ledger_.forget_before(current);
  for (Booking& booking : all_)
    while (!booking.is_spent() && booking.slots[booking.next].slot < current) ++booking.next;
}

Booking& Bookings::add(JobId job) {
  const auto at = std::ranges::lower_bound(all_, job, {}, &Booking::job);
  BOURSE_CHECK(at == all_.end() || at->job != job);
  return *all_.insert(at, Booking{.job = job, .slots = {}});
}

Booking* Bookings::find(JobId job) {
  const auto at = std::ranges::lower_bound(all_, job, {}, &Booking::job);
  return at != all_.end() && at->job == job ? &*at : nullptr;
}

void Bookings::remove(const JobSpec& spec, JobId job) {
  const auto at = std::ranges::lower_bound(all_, job, {}, &Booking::job);
  BOURSE_CHECK(at != all_.end() && at->job == job);
  release(spec, *at, at->next);
  all_.erase(at);
}

void Bookings::book(const JobSpec& spec, Booking& booking, std::vector<ScheduledSlot> slots) {
  book_slots(ledger_, spec, slots, +1);
  booking.slots.insert(booking.slots.end(), std::make_move_iterator(slots.begin()),
                       std::make_move_iterator(slots.end()));
}

std::vector<ScheduledSlot> Bookings::release(const JobSpec& spec, Booking& booking,
                                             std::size_t from) {
  BOURSE_CHECK(from >= booking.next);
  const auto first = booking.slots.begin() + static_cast<std::ptrdiff_t>(from);
  book_slots(ledger_, spec, std::span(booking.slots).subspan(from), -1);
  std::vector<ScheduledSlot> released(std::make_move_iterator(first),
                                      std::make_move_iterator(booking.slots.end()));
  booking.slots.resize(from);
  return released;
}

const Allocation* Bookings::wanted_now(const Booking& booking) const {
  if (booking.is_spent() || booking.slots[booking.next].slot != current_) return nullptr;
  return &booking.slots[booking.next].allocation;
}

bool Bookings::none_ahead() const { return std::ranges::all_of(all_, &Booking::is_spent); }

void append_plan(JobId job, const std::vector<ScheduledSlot>& slots, Seconds slot_length,
                 std::vector<PlannedSlot>& plan) {
  const std::size_t first = plan.size();
  for (const ScheduledSlot& slot : slots) {
    const Seconds from = static_cast<double>(slot.slot) * slot_length;
    const Seconds to = static_cast<double>(slot.slot + 1) * slot_length;
    if (plan.size() > first && plan.back().to == from && plan.back().allocation == slot.allocation)
      plan.back().to = to;
    else
      plan.push_back({job, from, to, slot.allocation});
  }
}

}  // namespace bourse
