#pragma once

#include <string>

#include "bourse/service/api.h"
#include "bourse/service/service.h"

namespace bourse {

/// What is asked of the daemon, answered by its heart.
class ServiceApi final : public Api {
 public:
  /// `user` is the group of jobs whose file names none. The service and the world outlive it.
  ServiceApi(Service& service, World world, std::string policy, std::string version,
             std::string user);

  [[nodiscard]] Result<void> together(const std::function<void()>& work) override {
    return service_.together(work);
  }
  [[nodiscard]] Result<JobList> jobs(const JobQuery& query) override;
  [[nodiscard]] Result<JobDetail> job(JobNumber number) override;
  [[nodiscard]] Result<SubmitReply> submit(const SubmitRequest& request) override;
  [[nodiscard]] Result<JobView> cancel(JobNumber number) override;
  [[nodiscard]] Result<LogPart> log(JobNumber number, const std::string& task, std::uint64_t offset,
                                    std::uint64_t limit) override;
  [[nodiscard]] Result<ExplanationView> explain(JobNumber number) override;
  [[nodiscard]] Result<MachineList> machines() override;
  [[nodiscard]] Result<MachineList> drain(const std::string& machine, bool is_draining,
                                          const std::string& reason) override;
  [[nodiscard]] Result<PriceList> prices() override;
  [[nodiscard]] Result<std::vector<ChangeView>> changes_after(std::uint64_t number,
                                                              std::size_t limit) override;
  [[nodiscard]] std::uint64_t last_change() override;
  [[nodiscard]] Result<MetricsView> metrics() override;
  [[nodiscard]] Result<std::string> owner_of(JobNumber number) override;
  [[nodiscard]] Result<Caller> caller_of(const std::string& token) override;
  [[nodiscard]] Result<TokenList> tokens() override;
  [[nodiscard]] Result<TokenView> create_token(const TokenRequest& request) override;
  [[nodiscard]] Result<TokenView> revoke_token(const std::string& id) override;
  [[nodiscard]] Result<void> ready() override;

 private:
  Service& service_;
  World world_;
  std::string policy_;
  std::string version_;
  std::string user_;
  Seconds started_;
};

}  // namespace bourse
