// The Query message: one or more statements, run as one implicit transaction unless they say otherwise.
#include "common/base/cat.h"
#include "postgres/session/interrupts.h"
#include "postgres/session/session.h"
#include "postgres/sql/ast/ast.h"
#include "postgres/types/utf8.h"

namespace postern::session {

namespace {
constexpr size_t kMaxByText = 64, kMaxTextBytes = 4096;
}

void Session::run_simple_statement(const PreparedRef& p, bool last) {
  log_statement(p->stmt, "statement: ", p->text);
  check_failed_block(p->stmt);
  start_transaction_if_needed();
  Portal& portal = create_portal("", p, {});
  run_portal(portal, 0, true);
  std::string tag = complete_tag(portal);
  auto it = portals_.find("");
  if (it != portals_.end()) {
    drop_portal(*it->second);
    portals_.erase(it);
  }
  txn::release_snapshot();
  if (last) finish_implicit();
  if (txn::state() == txn::State::kInProgress) txn::next_command();
  out_.begin('C');
  out_.cstring(tag);
  out_.end();
}

void Session::simple_query(std::string_view text) {
  report_activity(text);
  check_utf8(text);
  unnamed_.reset();
  interrupts::start_statement(cached_.statement_timeout_ms);
  auto known = text.size() <= kMaxTextBytes ? by_text_.find(std::string(text)) : by_text_.end();
  if (known != by_text_.end()) {
    PreparedRef p = known->second;
    run_simple_statement(p, true);
    log_duration("statement: ", text);
    interrupts::end_statement();
    return;
  }
  auto holder = std::make_shared<Prepared>();
  holder->text = text;
  auto list = sql::parse(holder->text, holder->arena);
  if (list.empty()) {
    check_failed_block(nullptr);
    out_.begin('I');
    out_.end();
    interrupts::end_statement();
    return;
  }
  if (list.size() == 1) {
    // The holder itself is the statement: nothing is copied.
    PreparedRef p = holder;
    p->stmt = list[0].stmt;
    p->prepare_time = statement_start_us_;
    PreparedRef kinds = prepare("", "", &list[0], {}, false);
    p->plannable = kinds->plannable;
    run_simple_statement(p, true);
    if (p->text.size() <= kMaxTextBytes && p->text.size() < 200) {
      if (by_text_.size() >= kMaxByText) by_text_.clear();
      by_text_[p->text] = p;
    }
  } else {
    for (size_t i = 0; i < list.size(); i++) {
      PreparedRef p = prepare("", holder->text, &list[i], {}, false);
      interrupts::check();
      interrupts::next_statement(cached_.statement_timeout_ms);   // an earlier one may have been a SET of it
      run_simple_statement(p, i + 1 == list.size());
    }
  }
  log_duration("statement: ", text);
  interrupts::end_statement();
}

}  // namespace postern::session
