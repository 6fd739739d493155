// Which versions a snapshot sees, which nobody can see any more.
#include "postgres/access/heap_internal.h"

namespace postern::heap {
namespace {

void hint_status(TupleHeader* t, Xid xid, txn::XidStatus st, uint16_t committed, uint16_t aborted) {
  if (st == txn::XidStatus::kCommitted && txn::hintable(xid)) set_hint(t, committed);
  if (st == txn::XidStatus::kAborted) set_hint(t, aborted);
}

}  // namespace

CommandId tuple_cmin(const TupleHeader* t) { return t->flags & kCombo ? txn::combo_cmin(t->cid) : t->cid; }
CommandId tuple_cmax(const TupleHeader* t) { return t->flags & kCombo ? txn::combo_cmax(t->cid) : t->cid; }

bool Visibility::sees_xmin(TupleHeader* t) {
  if (t->flags & kXminAborted) return false;
  uint64_t xmin = t->xmin;
  if (own_ && xmin >= own_ && txn::is_mine(Xid{xmin})) return tuple_cmin(t) < snap_.command;
  if (committed_before(xmin)) {
    if (!(t->flags & kXminCommitted) && txn::hintable(Xid{xmin})) set_hint(t, kXminCommitted);
    return true;
  }
  if (!(t->flags & kXminCommitted) && txn::status(Xid{xmin}) == txn::XidStatus::kAborted) set_hint(t, kXminAborted);
  return false;
}

// Is the deletion visible?
bool Visibility::sees_xmax(TupleHeader* t) {
  uint64_t xmax = t->xmax;
  if (own_ && xmax >= own_ && txn::is_mine(Xid{xmax})) return tuple_cmax(t) < snap_.command;
  if (t->flags & kXmaxCommitted && xmax < raw(snap_.xmin)) return true;
  if (committed_before(xmax)) {
    if (!(t->flags & kXmaxCommitted) && txn::hintable(Xid{xmax})) set_hint(t, kXmaxCommitted);
    return true;
  }
  if (!(t->flags & kXmaxCommitted) && txn::status(Xid{xmax}) == txn::XidStatus::kAborted) set_hint(t, kXmaxAborted);
  return false;
}

txn::XidStatus xmin_status(TupleHeader* t) {
  if (t->flags & kXminCommitted) return txn::XidStatus::kCommitted;
  if (t->flags & kXminAborted) return txn::XidStatus::kAborted;
  txn::XidStatus st = txn::status(Xid{t->xmin});
  hint_status(t, Xid{t->xmin}, st, kXminCommitted, kXminAborted);
  return st;
}

txn::XidStatus xmax_status(TupleHeader* t) {
  if (t->flags & kXmaxCommitted) return txn::XidStatus::kCommitted;
  if (t->flags & kXmaxAborted) return txn::XidStatus::kAborted;
  txn::XidStatus st = txn::status(Xid{t->xmax});
  hint_status(t, Xid{t->xmax}, st, kXmaxCommitted, kXmaxAborted);
  return st;
}

Liveness liveness(TupleHeader* t, Xid horizon, Xid* xid) {
  switch (xmin_status(t)) {
    case txn::XidStatus::kAborted: return Liveness::kDead;
    case txn::XidStatus::kInProgress:
      if (xid) *xid = Xid{t->xmin};
      return Liveness::kInsertInProgress;
    case txn::XidStatus::kCommitted: break;
  }
  if (!deleted_by_xmax(t)) return Liveness::kLive;
  if (xid) *xid = Xid{t->xmax};
  switch (xmax_status(t)) {
    case txn::XidStatus::kAborted: return Liveness::kLive;
    case txn::XidStatus::kInProgress: return Liveness::kDeleteInProgress;
    case txn::XidStatus::kCommitted: break;
  }
  return t->xmax < raw(horizon) ? Liveness::kDead : Liveness::kRecentlyDead;
}

}  // namespace postern::heap
