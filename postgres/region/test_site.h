// For unit tests: a temporary site directory, and child processes that attach to it and are killed at will.
#pragma once
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>

#include "postgres/region/region.h"

namespace postern::region {

struct TestSite {
  std::string path;
  TestSite() {
    char name[] = "/tmp/postern-unit-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TestSite() {
    detach();
    std::error_code ec;
    std::filesystem::remove_all(path, ec);
  }
  AttachOptions options(uint64_t buffers_bytes = 1 << 20) const {
    AttachOptions o;
    o.site = path;
    o.shared_buffers_bytes = buffers_bytes;
    o.max_slots = 40;
    o.allow_root_for_tests = true;
    return o;
  }
};

// Runs body in a child of this process, which must not be attached or must drop what it inherited: OFD locks belong to the
// descriptor, so a child made while attached would keep its parent's slot alive. Children are therefore made first and wait for go().
class Child {
 public:
  explicit Child(std::function<void(Child&)> body) {
    if (::pipe(to_child_) != 0 || ::pipe(from_child_) != 0) ::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(to_child_[1]);
      ::close(from_child_[0]);
      int code = 0;
      try {
        wait_go();
        body(*this);
      } catch (const std::exception& e) {
        ::fprintf(stderr, "child: %s\n", e.what());
        code = 3;
      } catch (...) {  // a failed REQUIRE must not run on as a second test runner
        code = 4;
      }
      ::_exit(code);
    }
    ::close(to_child_[0]);
    ::close(from_child_[1]);
  }
  ~Child() {
    if (pid_ > 0) {
      kill();
      ::close(to_child_[1]);
      ::close(from_child_[0]);
    }
  }
  // Parent: lets the child go on (each go() matches one wait_go()), waits for its say().
  void go() { char c = 'g'; if (::write(to_child_[1], &c, 1) != 1) ::abort(); }
  bool heard() { char c; return ::read(from_child_[0], &c, 1) == 1; }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  int wait() {
    int status = 0;
    if (pid_ > 0) ::waitpid(pid_, &status, 0);
    pid_ = -1;
    ::close(to_child_[1]);
    ::close(from_child_[0]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  int pid() const { return pid_; }
  // Child.
  void wait_go() { char c; if (::read(to_child_[0], &c, 1) != 1) ::_exit(9); }
  void say() { char c = 's'; if (::write(from_child_[1], &c, 1) != 1) ::_exit(9); }

 private:
  int pid_ = -1, to_child_[2], from_child_[2];
};

}  // namespace postern::region
