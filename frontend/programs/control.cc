#include "frontend/programs/control.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/cat.h"
#include "common/handoff/counters.h"
#include "common/os/file.h"

namespace postern::programs {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kAttempts = 3;
constexpr size_t kMaxAnswer = 1 << 20;

// Through a descriptor of the site: its path may be longer than a socket's.
os::Fd connect_control(const std::string& site) {
  os::Fd dir(os::open_file(site.c_str(), O_PATH | O_DIRECTORY)), fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!dir || !fd) return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string path = cat("/proc/self/fd/", dir.get(), "/postmaster.control");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {};
  return fd;
}

bool read_line(int fd, std::string& line) {
  char buf[4096];
  while (line.size() < kMaxAnswer) {
    ssize_t n = recv(fd, buf, sizeof buf, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    line.append(buf, static_cast<size_t>(n));
    if (line.back() == '\n') return true;
  }
  return false;
}

void metric(std::string& out, const char* name, const char* type, const char* help, const Json& value) {
  append(out, "# HELP postern_", name, " ", help, "\n# TYPE postern_", name, " ", type, "\npostern_", name, " ", value.is_boolean() ? value.get<bool>() ? "1" : "0" : value.dump(), "\n");
}

}  // namespace

std::optional<Json> ask_postmaster(const std::string& site, const Json& request, int timeout_s) {
  std::string line = cat(request.dump(-1, ' ', false, Json::error_handler_t::replace), "\n");
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    os::Fd fd = connect_control(site);
    if (!fd) return {};
    timeval limit{timeout_s, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string answer;
    if (send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) continue;
    if (!read_line(fd.get(), answer)) {
      if (errno == EAGAIN) return {};
      continue;   // the image before has accepted us
    }
    Json parsed = Json::parse(answer, nullptr, false);
    if (parsed.is_object()) return parsed;
  }
  return {};
}

std::string prometheus(const Json& status) {
  std::string out;
  const Json& p = status.at("processes");
  metric(out, "up", "gauge", "Whether the postmaster serves its site.", status.at("status") == "ready" || status.at("status") == "upgrading");
  metric(out, "start_time_seconds", "gauge", "When the postmaster was started, in seconds since 1970.", status.at("started_at"));
  metric(out, "max_connections", "gauge", "Most sessions at a time.", status.at("max_connections"));
  metric(out, "sessions", "gauge", "Sessions that are authenticated.", p.at("sessions"));
  metric(out, "sessions_adopted", "gauge", "Sessions that an earlier postmaster has started.", p.at("sessions_adopted"));
  metric(out, "sessions_of_earlier_executables", "gauge", "Sessions that run an earlier postgres executable.", p.at("sessions_of_earlier_executables"));
  metric(out, "starting", "gauge", "Clients that a process has taken and that are not authenticated yet.", p.at("starting"));
  metric(out, "in_hand_off", "gauge", "Clients on their way to a process.", p.at("in_hand_off"));
  metric(out, "spares", "gauge", "Processes that wait for a client.", p.at("spares"));
  metric(out, "waiting_clients", "gauge", "Accepted clients that wait for a process.", status.at("waiting_clients"));
  metric(out, "maintenance_worker", "gauge", "Whether the maintenance worker runs.", p.at("maintenance"));
  metric(out, "descriptors_open", "gauge", "Descriptors of the postmaster.", status.at("descriptors").at("open"));
  metric(out, "descriptors_limit", "gauge", "Most descriptors of the postmaster.", status.at("descriptors").at("limit"));
  const Json& counters = status.at("counters");
#define X(name, help) if (counters.contains(#name)) metric(out, #name "_total", "counter", help, counters[#name]);
  POSTERN_POSTMASTER_COUNTERS(X)
#undef X
  return out;
}

}  // namespace postern::programs
