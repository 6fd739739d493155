// A stand-in for postgres in the tests of the postmaster: it claims a client, greets it with its pid and echoes what it says until it goes; or misbehaves
// as the first line of <site>/mode says: "crash" (at start), "die" (with the client received, unclaimed: two processes of three), "vanish" (ends before it receives),
// "noprobe" (fails its probe), "slowprobe" (hangs in it). What is appended to its executable after "TAG:" is part of the greeting. Sessions leave a file in <site>/sessions.
#include <dirent.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "common/handoff/handoff.h"
#include "common/os/process.h"

using namespace postern;

namespace {

std::string mode(const std::string& site) {
  char line[64] = {};
  if (FILE* f = std::fopen((site + "/mode").c_str(), "r")) {
    if (!std::fgets(line, sizeof line, f)) line[0] = 0;
    std::fclose(f);
  }
  return std::string(line, std::strcspn(line, "\n"));
}

void note(const std::string& site, const char* file, const char* text) {
  if (FILE* f = std::fopen((site + "/" + file).c_str(), "a")) {
    std::fputs(text, f);
    std::fclose(f);
  }
}

std::string g_site;

int work() {
  if (!std::getenv("POSTERN_SUPERVISED")) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t set;
  sigemptyset(&set);
  for (int s : {SIGUSR1, SIGTERM, SIGQUIT, SIGHUP}) sigaddset(&set, s);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  note(g_site, "worker", "start\n");
  for (;;) {
    int s = 0;
    sigwait(&set, &s);
    note(g_site, "worker", s == SIGUSR1 ? "bury\n" : s == SIGHUP ? "reload\n" : "end\n");
    if (s == SIGTERM || s == SIGQUIT) return 0;
  }
}

std::string tag() {
  char end[32] = {};
  if (FILE* f = std::fopen("/proc/self/exe", "r")) {
    std::fseek(f, -31, SEEK_END);
    end[std::fread(end, 1, 31, f)] = 0;
    std::fclose(f);
  }
  std::string text(end, 31);
  size_t at = text.rfind("TAG:");
  return at == std::string::npos ? "original" : text.substr(at + 4);
}

int probe() {
  if (mode(g_site) == "slowprobe") sleep(30);
  if (mode(g_site) == "noprobe") {
    std::fputs("it does not fit\n", stderr);
    return 1;
  }
  return 0;
}

int sessions() {
  DIR* dir = opendir((g_site + "/sessions").c_str());
  if (!dir) return 0;
  while (dirent* e = readdir(dir)) {
    int pid = std::atoi(e->d_name), pidfd = pid > 0 ? os::open_pidfd(pid) : -1;
    if (pidfd >= 0) handoff::send_process(3, {pid, pidfd, handoff::ProcessKind::kSession});
  }
  closedir(dir);
  return 0;
}

void leave(int) { _exit(0); }

}  // namespace

int main(int argc, char** argv) {
  bool worker = false;
  int channel = -1;
  for (int i = 1; i + 1 < argc; i++) {
    if (!std::strcmp(argv[i], "-D")) g_site = argv[i + 1];
    if (!std::strcmp(argv[i], "--worker")) worker = true;
    if (!std::strcmp(argv[i], "--handoff-fd")) channel = std::atoi(argv[i + 1]);
  }
  for (int i = 1; i < argc; i++)
    if (!std::strcmp(argv[i], "--probe")) return probe();
  if (worker && !std::strcmp(argv[argc - 1], "sessions")) return sessions();
  if (worker) return work();
  if (mode(g_site) == "crash") return 99;
  if (mode(g_site) == "vanish" && getpid() % 3) return 1;
  handoff::Received r = handoff::receive(channel);
  if (r.fd < 0) return 0;
  if (mode(g_site) == "die" && getpid() % 3) raise(SIGKILL);
  handoff::claim(channel);
  std::string greeting = (r.reject ? "rejected " : "pid ") + std::to_string(getpid()) + " " + tag() + "\n";
  if (send(r.fd, greeting.data(), greeting.size(), MSG_NOSIGNAL) < 0 || r.reject) return 1;
  char buf[4096];
  ssize_t n = read(r.fd, buf, sizeof buf);
  mkdir((g_site + "/sessions").c_str(), 0700);
  std::string file = "sessions/" + std::to_string(getpid());
  note(g_site, file.c_str(), "");
  signal(SIGHUP, SIG_IGN);
  signal(SIGUSR2, leave);
  close(channel);   // "authenticated"
  for (; n > 0; n = read(r.fd, buf, sizeof buf))
    if (send(r.fd, buf, static_cast<size_t>(n), MSG_NOSIGNAL) < 0) return 1;
  unlink((g_site + "/" + file).c_str());
  return 0;
}
