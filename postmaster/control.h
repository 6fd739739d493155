// The control socket: <site>/postmaster.control, for pg_ctl. One JSON object a line, answered by one:
//   {"command":"status"} · {"command":"reload"} · {"command":"upgrade"} · {"command":"stop","mode":"smart|fast|immediate|keep"}
//   {"command":"drain","at_transaction_end":true,"timeout_s":30}
// Answers have "ok", and "error" when that is false. Lines and connections are limited; an answer that is not read holds up nobody else.
#pragma once
#include <uv.h>

#include <list>
#include <memory>
#include <string>

namespace postern::postmaster {

class Postmaster;
struct ControlConnection {
  Postmaster* owner;
  uv_pipe_t pipe;
  uv_write_t write;
  char buffer[1024];
  std::string input, output;    // output: being written; nothing is read meanwhile
  std::list<std::unique_ptr<ControlConnection>>::iterator self;
};

constexpr const char* kControlFile = "postmaster.control";
constexpr const char* kDoneReply = R"({"ok":true})";
std::string error_reply(const std::string& why);

}  // namespace postern::postmaster
