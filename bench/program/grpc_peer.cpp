#include "bench/program/grpc_peer.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <sstream>

#include "bourse/base/check.h"

namespace bourse::program {

GrpcPeer::GrpcPeer(const std::string& program, const std::string& address) {
  if (access(program.c_str(), X_OK) != 0) return;
  int to[2];
  int from[2];
  BOURSE_CHECK(pipe2(to, O_CLOEXEC) == 0);
  BOURSE_CHECK(pipe2(from, O_CLOEXEC) == 0);
  child_ = fork();
  if (child_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    execl(program.c_str(), program.c_str(), address.c_str(), nullptr);
    _exit(127);
  }
  close(to[0]);
  close(from[1]);
  to_ = Descriptor(to[1]);
  from_ = Descriptor(from[0]);
}

GrpcPeer::~GrpcPeer() {
  if (child_ == 0) return;
  to_.reset();
  kill(child_, SIGKILL);  // its server goes with it
  waitpid(child_, nullptr, 0);
}

std::vector<double> GrpcPeer::ask(const std::string& command) {
  const std::string line = command + "\n";
  BOURSE_CHECK(write(to_.number(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  std::string answer;
  char byte = 0;
  while (read(from_.number(), &byte, 1) == 1 && byte != '\n') answer += byte;
  std::istringstream words(answer);
  std::vector<double> times;
  for (double time = 0; words >> time;) times.push_back(time);
  return times;
}

}  // namespace bourse::program
