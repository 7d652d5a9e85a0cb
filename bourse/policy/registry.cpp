#include "bourse/policy/registry.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/policy/bid_price.h"
#include "bourse/policy/dorm.h"
#include "bourse/policy/drf.h"
#include "bourse/policy/easy_backfill.h"
#include "bourse/policy/edf.h"
#include "bourse/policy/elasticflow.h"
#include "bourse/policy/fifo.h"
#include "bourse/policy/gadget.h"
#include "bourse/policy/gandiva.h"
#include "bourse/policy/gavel.h"
#include "bourse/policy/oasis.h"
#include "bourse/policy/ones.h"
#include "bourse/policy/optimus.h"
#include "bourse/policy/pd_ors_settings.h"
#include "bourse/policy/pollux.h"
#include "bourse/policy/shortest.h"
#include "bourse/policy/sia.h"
#include "bourse/policy/sjf_bco.h"
#include "bourse/policy/tiresias.h"

namespace bourse {
namespace {

using Made = Result<std::unique_ptr<Policy>>;

Made make_fifo(const SettingsReader& settings, const PolicyContext&) {
  FifoOptions options;
  BOURSE_TRY(options.skip, settings.flag("skip"));
  BOURSE_TRY(const std::size_t rule, settings.choice("placement", {"pack", "round-robin"}));
  options.placement = rule == 0 ? PlacementRule::pack : PlacementRule::round_robin;
  return std::make_unique<FifoPolicy>(options);
}

Made make_srtf(const SettingsReader&, const PolicyContext&) {
  return std::make_unique<ShortestPolicy>(ShortestKey::time);
}

Made make_srsf(const SettingsReader&, const PolicyContext&) {
  return std::make_unique<ShortestPolicy>(ShortestKey::service);
}

Made make_drf(const SettingsReader& settings, const PolicyContext& context) {
  DrfOptions options;
  BOURSE_TRY(const std::size_t owner, settings.choice("share-of", {"job", "group"}));
  options.share_of = owner == 0 ? DrfShareOf::job : DrfShareOf::group;
  BOURSE_TRY(options.interval, settings.period_or_none("interval", context.slot));
  BOURSE_TRY(options.max_workers, settings.whole("max-workers", 0, kMaxWorkers));
  return std::make_unique<DrfPolicy>(options);
}

std::vector<PolicyInfo> make_list() {
  return {
      bid_price_info(),
      dorm_info(),
      {"drf",
       "dominant resource fairness: the job with the smallest share gets the next task",
       "Ghodsi et al., NSDI'11",
       "demands",
       {{"share-of", "job", "job | group", "whose shares are made equal"},
        {"interval", "auto", "auto | 0 | a duration from 1ms",
         "time between divisions; 0 = at every event, auto = the workload's slot, else 0"},
        {"max-workers", "0", "0 to 1000000", "most workers a job gets; 0 = what it can use"}},
       make_drf},
      easy_backfill_info(),
      edf_info(),
      elasticflow_info(),
      {"fifo",
       "first in, first out: requested tasks, all at once, in order of arrival",
       "the default of Hadoop and Spark; baseline of the PD-ORS paper",
       "the request",
       {{"skip", "false", "true | false", "jobs behind a head that does not fit may overtake it"},
        {"placement", "pack", "pack | round-robin", "where tasks go"}},
       make_fifo},
      gadget_info(),
      gandiva_info(),
      gavel_info(),
      oasis_info(),
      ones_info(),
      optimus_info(),
      pd_ors_info(),
      pollux_info(),
      sia_info(),
      sjf_bco_info(),
      {"srsf",
       "shortest remaining service (time x GPUs) first, preemptive",
       "Tiresias, NSDI'19",
       "the request and the work that is left (oracle)",
       {},
       make_srsf},
      {"srtf",
       "shortest remaining time first, preemptive",
       "Tiresias, NSDI'19",
       "the request and the work that is left (oracle)",
       {},
       make_srtf},
      tiresias_info(),
  };
}

}  // namespace

std::span<const PolicyInfo> all_policies() {
  static const std::vector<PolicyInfo> list = make_list();
  return list;
}

bool chooses_batches(std::string_view policy) {
  return policy == "ones" || policy == "pollux" || policy == "sia";
}

Result<const PolicyInfo*> find_policy(std::string_view name) {
  std::vector<std::string_view> names;
  for (const PolicyInfo& info : all_policies()) {
    if (info.name == name) return &info;
    names.push_back(info.name);
  }
  return fail(ErrorCode::not_found,
              fmt::format("there is no policy '{}'{}", quotable(name), suggestion(name, names)));
}

Result<std::unique_ptr<Policy>> make_policy(std::string_view name, const Settings& settings,
                                            const PolicyContext& context) {
  BOURSE_TRY(const PolicyInfo* const info, find_policy(name));
  const SettingsReader reader(info->name, info->parameters, settings);
  BOURSE_TRY_VOID(reader.check_names());
  return info->make(reader, context);
}

}  // namespace bourse
