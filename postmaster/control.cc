#include "postmaster/control.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/base/cat.h"
#include "common/base/error.h"
#include "postmaster/log.h"
#include "postmaster/postmaster.h"

namespace postern::postmaster {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxLine = 4096, kMaxConnections = 16;
constexpr uint64_t kMaxTimeoutS = 30 * 86400;

std::string dump(const Json& j) { return j.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string error_reply(const std::string& why) { return dump({{"ok", false}, {"error", why}}); }

// fd: from the image before, or -1. We hold the site's lock: a socket file that is there is nobody's. Bound by a relative name, since the site's path may be longer than a socket's.
void Postmaster::open_control(int fd) {
  if (fd < 0) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, kControlFile);
    unlink(kControlFile);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || chmod(kControlFile, 0600) != 0)
      throw SqlError{sqlstate::kSystemError, cat("could not create the control socket \"", site_, "/", kControlFile, "\": ", std::strerror(errno))};
  }
  control_fd_ = fd;
  uv_pipe_init(&loop_, &control_, 0);
  uv_pipe_open(&control_, fd);
  uv_listen(reinterpret_cast<uv_stream_t*>(&control_), kMaxConnections, on_control);
}

void Postmaster::close_control() {
  if (control_fd_ < 0) return;
  unlink(cat(site_, "/", kControlFile).c_str());
  control_fd_ = -1;
}

void Postmaster::on_control(uv_stream_t* server, int status) {
  auto* self = static_cast<Postmaster*>(server->loop->data);
  if (status < 0) return;
  auto& all = self->control_connections_;
  if (all.size() >= kMaxConnections) {
    auto idle = std::find_if(all.begin(), all.end(), [&](auto& c) { return c.get() != self->upgrade_asker_; });
    self->drop_control(idle->get());
  }
  all.push_back(std::make_unique<ControlConnection>());
  ControlConnection* c = all.back().get();
  c->self = std::prev(all.end());
  c->owner = self;
  uv_pipe_init(&self->loop_, &c->pipe, 0);
  c->pipe.data = c;
  self->descriptors_++;
  if (uv_accept(server, reinterpret_cast<uv_stream_t*>(&c->pipe)) != 0) return self->drop_control(c);
  uv_read_start(reinterpret_cast<uv_stream_t*>(&c->pipe), [](uv_handle_t* h, size_t, uv_buf_t* buf) {
    auto* connection = static_cast<ControlConnection*>(h->data);
    *buf = uv_buf_init(connection->buffer, sizeof connection->buffer);
  }, on_control_read);
}

void Postmaster::drop_control(ControlConnection* c) {
  if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&c->pipe))) return;
  if (upgrade_asker_ == c) upgrade_asker_ = nullptr;
  descriptors_--;
  std::unique_ptr<ControlConnection> owned = std::move(*c->self);
  control_connections_.erase(c->self);
  uv_close(reinterpret_cast<uv_handle_t*>(&owned.release()->pipe), [](uv_handle_t* h) { delete static_cast<ControlConnection*>(h->data); });
}

void Postmaster::on_control_read(uv_stream_t* stream, ssize_t n, const uv_buf_t* buf) {
  auto& c = *static_cast<ControlConnection*>(stream->data);
  if (n == 0) return;
  if (n < 0) return c.owner->drop_control(&c);
  c.input.append(buf->base, static_cast<size_t>(n));
  size_t end = c.input.find('\n');
  if (end == std::string::npos) {
    if (c.input.size() <= kMaxLine) return;
    uv_read_stop(stream);
    return c.owner->control_reply(c, error_reply("the request is too long"));
  }
  std::string line = c.input.substr(0, end);
  c.input.erase(0, end + 1);
  uv_read_stop(stream);
  c.owner->control_request(c, line);
}

// The next request is read when this one's answer is written; who sends more before is dropped.
void Postmaster::control_reply(ControlConnection& c, std::string line) {
  c.output = std::move(line) + '\n';
  uv_buf_t buf = uv_buf_init(c.output.data(), static_cast<unsigned>(c.output.size()));
  c.write.data = &c;
  int r = uv_write(&c.write, reinterpret_cast<uv_stream_t*>(&c.pipe), &buf, 1, [](uv_write_t* w, int status) {
    if (status == UV_ECANCELED) return;   // closing
    auto* connection = static_cast<ControlConnection*>(w->data);
    if (status < 0 || !connection->input.empty()) return connection->owner->drop_control(connection);
    uv_read_start(reinterpret_cast<uv_stream_t*>(&connection->pipe), [](uv_handle_t* h, size_t, uv_buf_t* b) {
      auto* same = static_cast<ControlConnection*>(h->data);
      *b = uv_buf_init(same->buffer, sizeof same->buffer);
    }, on_control_read);
  });
  if (r < 0) drop_control(&c);
}

void Postmaster::control_request(ControlConnection& c, const std::string& line) {
  std::string command, mode;
  bool at_transaction_end = false;
  uint64_t timeout_s = 0;
  try {
    Json request = Json::parse(line);
    command = request.at("command").get<std::string>();
    mode = request.value("mode", "fast");
    at_transaction_end = request.value("at_transaction_end", false);
    timeout_s = std::min(request.value("timeout_s", uint64_t{0}), kMaxTimeoutS);
  } catch (const Json::exception& e) {
    return control_reply(c, error_reply(cat("malformed request: ", e.what())));
  }
  if (command == "status") return control_reply(c, status_json());
  if (command == "upgrade") return begin_upgrade(&c);
  if (command == "reload") {
    std::string why = reload();
    return control_reply(c, why.empty() ? kDoneReply : error_reply(why));
  }
  if (command != "drain" && command != "stop") return control_reply(c, error_reply(cat("unknown command \"", command, "\"")));
  Shutdown shutdown = mode == "smart" ? Shutdown::kSmart : mode == "fast" ? Shutdown::kFast : mode == "immediate" ? Shutdown::kImmediate : Shutdown::kNone;
  if (command == "stop" && shutdown == Shutdown::kNone && mode != "keep") return control_reply(c, error_reply(cat("unknown mode \"", mode, "\"")));
  control_reply(c, kDoneReply);
  if (command == "drain") drain(at_transaction_end, timeout_s * 1000);
  else if (shutdown == Shutdown::kNone) leave();
  else begin_shutdown(shutdown);
}

std::string Postmaster::status_json() const {
  auto count = [&](ChildState state) { return std::count_if(children_.begin(), children_.end(), [&](auto& c) { return c->state == state && !c->exited; }); };
  auto old = [&](ChildState state) { return std::count_if(children_.begin(), children_.end(), [&](auto& c) { return c->state == state && !c->exited && c->generation != generation_; }); };
  Json j{{"ok", true}, {"pid", getpid()}, {"version", POSTERN_VERSION}, {"site", site_}, {"executable", own_path_}, {"started_at", started_at_}};
  j["status"] = leaving_ ? "leaving" : shutdown_ == Shutdown::kNone ? upgrading_ ? "upgrading" : "ready" : shutdown_ == Shutdown::kSmart ? "draining" : "stopping";
  j["port"] = settings_.get_int("port");
  j["max_connections"] = max_sessions_;
  for (auto& l : listeners_) j["listeners"].push_back(l->name);
  j["postgres"] = {{"path", program_.path()}, {"generation", generation_}, {"probing", probing_}};
  j["last_refusal"] = refused_why_;
  j["processes"] = {{"sessions", sessions_}, {"sessions_of_earlier_executables", old(ChildState::kSession)},
                    {"sessions_adopted", std::count_if(children_.begin(), children_.end(), [](auto& c) { return c->adopted && !c->exited && c->state == ChildState::kSession; })},
                    {"starting", count(ChildState::kClaimed)}, {"in_hand_off", count(ChildState::kHanded)}, {"spares", spares_.size()},
                    {"leaving", count(ChildState::kLeaving)}, {"maintenance", worker_ != nullptr}};
  j["waiting_clients"] = waiting_.size();
  j["descriptors"] = {{"open", descriptors_}, {"limit", descriptor_limit_}};
#define X(name, help) j["counters"][#name] = counters_.name;
  POSTERN_POSTMASTER_COUNTERS(X)
#undef X
  return dump(j);
}

}  // namespace postern::postmaster
