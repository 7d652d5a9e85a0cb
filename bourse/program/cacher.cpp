#include "bourse/program/cacher.h"

#include <fmt/format.h>

#include <deque>
#include <map>
#include <mutex>
#include <vector>

namespace bourse::program {
namespace {

/// Method and arguments.
using Question = std::pair<std::uint64_t, std::string>;

class Cacher final : public ForeignCalls, public std::enable_shared_from_this<Cacher> {
 public:
  Cacher(HandleCore target, const std::type_info& node_class, CacheOptions options)
      : target_(std::move(target)), node_class_(node_class), options_(options) {}

  void handle(CallTask& call) override {
    const MethodInfo* const method = find_method(call.method_id, node_class_);
    if (method == nullptr)
      throw CallError(CallCode::not_found, fmt::format("{} has no such method", target_.name()));
    if (method->schema != call.schema)
      throw CallError(CallCode::invalid_argument,
                      fmt::format("{} has other arguments there than here", method->name));
    if (!call.arguments.segments.empty())
      return forward(*method, std::move(call.arguments), {}, call.reply);
    Question question(call.method_id, call.arguments.head);
    Message known;
    {
      const std::lock_guard lock(mutex_);
      Entry& entry = entries_[question];
      if (now() < entry.expires) {
        known = entry.answer;
      } else {
        entry.waiting.push_back(call.reply);
        if (entry.waiting.size() > 1) return;  // the answer is on its way
      }
    }
    if (!known.head.empty()) return call.reply->finish(std::move(known));
    forward(*method, std::move(call.arguments), std::move(question), nullptr);
  }

 private:
  struct Entry {
    Deadline expires{};
    Message answer;
    std::vector<std::shared_ptr<ReplySink>> waiting;
  };

  /// Asks the target; the answer is for `reply`, or for all who wait for `question`.
  void forward(const MethodInfo& method, Message arguments, Question question,
               const std::shared_ptr<ReplySink>& reply) {
    const auto answer = std::make_shared<FutureCore>();
    target_.start(target_.site(), method, std::move(arguments), answer);
    answer->on_done([self = shared_from_this(), answer, reply,
                     question = std::move(question)] { self->answered(*answer, question, reply); },
                    Continuation::is_quick);
  }

  void answered(FutureCore& answer, const Question& question,
                const std::shared_ptr<ReplySink>& reply) {
    std::vector<std::shared_ptr<ReplySink>> waiting;
    if (reply) {
      waiting.push_back(reply);
    } else {
      const std::lock_guard lock(mutex_);
      Entry& entry = entries_[question];
      waiting.swap(entry.waiting);
      const bool is_kept = answer.error() == nullptr && answer.reply().segments.empty() &&
                           !answer.reply().head.empty();
      if (is_kept) {
        entry.expires = deadline_in(options_.lifetime);
        entry.answer = answer.reply();
        order_.push_back(question);
        drop_oldest();
      } else {
        entries_.erase(question);
      }
    }
    for (const auto& each : waiting) {
      if (const CallError* const error = answer.error())
        each->fail(*error);
      else
        each->finish(answer.reply());
    }
  }

  /// Requires mutex_.
  void drop_oldest() {
    while (order_.size() > options_.most_answers) {
      const auto oldest = entries_.find(order_.front());
      if (oldest != entries_.end() && oldest->second.waiting.empty()) entries_.erase(oldest);
      order_.pop_front();
    }
  }

  HandleCore target_;
  const std::type_info& node_class_;
  CacheOptions options_;
  std::mutex mutex_;  ///< Guards what follows.
  std::map<Question, Entry> entries_;
  std::deque<Question> order_;  ///< Of answers, oldest first.
};

/// Answers may come when the node has gone; they find the cacher still there.
class SharedCacher final : public ForeignCalls {
 public:
  explicit SharedCacher(std::shared_ptr<Cacher> cacher) : cacher_(std::move(cacher)) {}
  void handle(CallTask& call) override { cacher_->handle(call); }

 private:
  std::shared_ptr<Cacher> cacher_;  ///< Owned by the node and by calls under way.
};

}  // namespace

std::unique_ptr<ForeignCalls> make_cacher(HandleCore target, const std::type_info& node_class,
                                          CacheOptions options) {
  return std::make_unique<SharedCacher>(
      std::make_shared<Cacher>(std::move(target), node_class, options));
}

}  // namespace bourse::program
