// Attaching to a site: the lock file, the segment, the slot.
//
// Order of events, all under lock byte 0 until the slot is claimed (creator: until mark_ready):
//   lock file → is any slot byte held? → yes and the segment is sound: map it | no, or it is poisoned: make everybody leave, unlink, make generation + 1 → claim a slot.
// The lock file's contents are the generation. A creator that dies leaves no held slot byte, so the next one starts again.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "common/os/process.h"
#include "postgres/region/internal.h"

namespace postern::region {

Self g_self;
std::vector<Area*> g_areas;

namespace {

constexpr uint64_t kLockFileMagic = 0x314B434F4C545350;  // "PSTLOCK1"
constexpr uint64_t kPage = 4096;
constexpr uint64_t round_up(uint64_t v, uint64_t to) { return (v + to - 1) / to * to; }

struct LockFileContents {
  uint64_t magic, generation;
};

void check_site(const AttachOptions& o, struct stat& st) {
  if (::geteuid() == 0 && !o.allow_root_for_tests)
    throw SqlError(sqlstate::kInsufficientPrivilege, "\"root\" execution of the server is not permitted", "",
                   "The server must be started under an unprivileged user ID to prevent possible system security compromise.").fatal();
  if (!os::stat_path(o.site.c_str(), st)) {
    if (errno == ENOENT) throw SqlError(sqlstate::kUndefinedFile, cat("data directory \"", o.site, "\" does not exist")).fatal();
    os::throw_errno(errno, cat("could not read permissions of directory \"", o.site, "\""));
  }
  if (!S_ISDIR(st.st_mode))
    throw SqlError(sqlstate::kObjectNotInPrerequisiteState, cat("specified data directory \"", o.site, "\" is not a directory")).fatal();
  if (st.st_uid != ::geteuid())
    throw SqlError(sqlstate::kObjectNotInPrerequisiteState, cat("data directory \"", o.site, "\" has wrong ownership"), "",
                   "The server must be started by the user that owns the data directory.").fatal();
  if (st.st_mode & 077)
    throw SqlError(sqlstate::kObjectNotInPrerequisiteState, cat("data directory \"", o.site, "\" has invalid permissions"),
                   "Permissions should be u=rwx (0700).").fatal();
}

void open_lock_file(const AttachOptions& o) {
  std::string path = o.site + "/lock";
  g_self.lock_fd = os::Fd(os::open_file(path.c_str(), O_RDWR | O_CREAT, 0600));
  if (!g_self.lock_fd) os::throw_errno(errno, cat("could not open lock file \"", path, "\""));
  if (!os::lock_byte(g_self.lock_fd.get(), kAttachByte, true)) os::throw_errno(errno, cat("could not lock file \"", path, "\""));
}

bool any_slot_held() { return os::range_locked_by_other(g_self.lock_fd.get(), kFirstSlotByte, kSlotBytes); }

uint64_t read_generation() {
  LockFileContents c = {};
  ssize_t r = os::read_at(g_self.lock_fd.get(), &c, sizeof c, 0);
  return r == sizeof c && c.magic == kLockFileMagic ? c.generation : 0;
}

std::string segment_prefix(const struct stat& st) {
  uint64_t h = (static_cast<uint64_t>(st.st_dev) * 0x9E3779B97F4A7C15ull) ^ (static_cast<uint64_t>(st.st_ino) * 0xC2B2AE3D27D4EB4Full);
  h ^= h >> 29;
  return cat("postern.", ::geteuid(), ".", h, ".");
}

void* map_segment(int fd, uint64_t bytes) {
  void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p == MAP_FAILED) os::throw_errno(errno, "could not map the shared memory segment");
  return p;
}

void unmap() {
  if (g_base && g_self.header) ::munmap(g_base, g_self.header->total_bytes);
  g_base = nullptr;
  g_self.header = nullptr;
  g_self.slots = nullptr;
}

void adopt_mapping(void* base) {
  g_base = static_cast<uint8_t*>(base);
  g_self.header = static_cast<RegionHeader*>(base);
  g_self.slots = reinterpret_cast<ProcSlot*>(g_base + g_self.header->slots_offset);
}

// Maps the existing segment; false when it is missing, unfinished, or poisoned.
bool map_existing(const std::string& path) {
  os::Fd fd(os::open_file(path.c_str(), O_RDWR | O_NOFOLLOW));
  if (!fd) return false;
  struct stat st;
  if (!os::stat_fd(fd.get(), st) || static_cast<uint64_t>(st.st_size) < sizeof(RegionHeader)) return false;
  void* base = map_segment(fd.get(), static_cast<uint64_t>(st.st_size));
  auto* h = static_cast<RegionHeader*>(base);
  if (h->magic != kMagic || h->total_bytes != static_cast<uint64_t>(st.st_size)) {
    ::munmap(base, static_cast<size_t>(st.st_size));
    return false;
  }
  if (h->layout_version != kLayoutVersion) {
    uint32_t theirs = h->layout_version;
    ::munmap(base, static_cast<size_t>(st.st_size));
    throw SqlError(sqlstate::kObjectNotInPrerequisiteState, "the running sessions of this data directory use an incompatible version of the server",
                   cat("Their shared memory has layout version ", theirs, ", this program needs ", kLayoutVersion, ".")).fatal();
  }
  if (!h->ready.load(std::memory_order_acquire)) {
    ::munmap(base, static_cast<size_t>(st.st_size));
    return false;
  }
  adopt_mapping(base);  // also when poisoned: drive_out needs the slots
  return !h->poisoned.load();
}

void signal_all_alive(int signal_no) {
  for (int i = 0; i < slot_high_water(); ++i) {
    ProcSlot& s = slot(SlotNo(i));
    int pid = s.pid.load();
    if (s.state.load() == SlotState::kFree || pid <= 0) continue;
    os::Fd pidfd(os::open_pidfd(pid));
    if (pidfd && slot_alive(SlotNo(i))) os::signal_pidfd(pidfd.get(), signal_no);  // the byte is still held: the pid is still its
  }
}

// The segment is unusable but somebody still holds a slot: they get SIGTERM, a second, then SIGKILL.
void drive_out() {
  if (g_self.header) {
    g_self.header->poisoned.store(1);
    signal_all_alive(SIGTERM);
  }
  for (int i = 0; i < 1200 && any_slot_held(); ++i) {
    if (i == 200 && g_self.header) signal_all_alive(SIGKILL);
    os::sleep_us(5000);
  }
  if (any_slot_held())
    throw SqlError(sqlstate::kCannotConnectNow, "the database system is in recovery mode",
                   "Processes of the previous generation still use this data directory.").fatal();
  unmap();
}

void remove_old_segments(const AttachOptions& o, const std::string& prefix) {
  std::vector<std::string> names;
  os::list_dir(o.shm_dir.c_str(), names);
  for (auto& n : names)
    if (n.starts_with(prefix)) os::unlink_path(cat(o.shm_dir, "/", n).c_str());
}

uint64_t lay_out(const AttachOptions& o, RegionHeader& h) {
  uint64_t at = round_up(sizeof(RegionHeader), kPage);
  h.slots_offset = at;
  at = round_up(at + sizeof(ProcSlot) * static_cast<uint64_t>(o.max_slots), kPage);
  h.area_count = 0;
  for (Area* a : g_areas) {
    AreaEntry& e = h.areas[h.area_count++];
    std::strncpy(e.name, a->name, sizeof e.name - 1);
    e.offset = at;
    e.bytes = a->size(o);
    at = round_up(at + e.bytes, kPage);
  }
  return at;
}

void create_segment(const AttachOptions& o, const std::string& path, uint64_t generation) {
  POSTERN_CHECK(o.max_slots > kReservedSlots && o.max_slots < 0xFFFF);
  RegionHeader h = {};
  h.magic = kMagic;
  h.layout_version = kLayoutVersion;
  h.slot_capacity = o.max_slots;
  h.generation = generation;
  h.shared_buffers_bytes = o.shared_buffers_bytes;
  h.total_bytes = lay_out(o, h);
  struct statvfs vfs;
  if (::statvfs(o.shm_dir.c_str(), &vfs) != 0)
    throw SqlError(sqlstate::kSystemError, cat("could not use \"", o.shm_dir, "\" for shared memory: ", ::strerror(errno)), "",
                   "The server needs a writable POSIX shared memory file system.").fatal();
  uint64_t free_bytes = static_cast<uint64_t>(vfs.f_bavail) * vfs.f_frsize;
  if (free_bytes < h.total_bytes)
    throw SqlError(sqlstate::kDiskFull, cat("not enough shared memory: \"", o.shm_dir, "\" has ", free_bytes >> 20, " MB free, ", h.total_bytes >> 20, " MB are needed"), "",
                   "Reduce shared_buffers, or enlarge the file system.").fatal();
  os::Fd fd(os::open_file(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  if (!fd) os::throw_errno(errno, cat("could not create shared memory segment \"", path, "\""));
  if (!os::truncate_file(fd.get(), h.total_bytes)) os::throw_errno(errno, cat("could not resize shared memory segment \"", path, "\""));
  void* base = map_segment(fd.get(), h.total_bytes);
  std::memcpy(base, static_cast<const void*>(&h), sizeof h);
  adopt_mapping(base);
  LockFileContents c{kLockFileMagic, generation};
  if (!os::write_at(g_self.lock_fd.get(), &c, sizeof c, 0)) os::throw_errno(errno, "could not write the lock file");
}

void find_areas() {
  RegionHeader& h = *g_self.header;
  for (Area* a : g_areas) {
    AreaEntry* found = nullptr;
    for (uint32_t i = 0; i < h.area_count; ++i)
      if (std::strncmp(h.areas[i].name, a->name, sizeof h.areas[i].name) == 0) found = &h.areas[i];
    if (!found) throw_internal(cat("the shared memory segment has no area \"", a->name, "\""));
    a->offset = found->offset;
    a->bytes = found->bytes;
  }
  g_self.options.shared_buffers_bytes = h.shared_buffers_bytes;
  g_self.options.max_slots = h.slot_capacity;
  for (Area* a : g_areas)
    if (g_self.creating && a->init) a->init(area(*a), g_self.options);
  for (Area* a : g_areas)
    if (a->mapped) a->mapped(area(*a), g_self.options);
}

void reset_slot(ProcSlot& s) {
  s.worker_kind.store(WorkerKind::kNone);
  s.in_critical.store(0);
  s.critical_kinds.store(0);
  s.wake.store(0);
  s.xid.store(0);
  s.snapshot_xmin.store(0);
  s.database.store(0);
  s.role.store(0);
  s.cancel_key.store(0);
  s.cancel_pending.store(0);
  s.xact_start_us.store(0);
  s.query_start_us.store(0);
  s.wait_event.store(0);
  s.lock_wait.store(0);
  for (auto& p : s.pins) p.store(0);
  s.pins_used.store(0);
  for (auto& l : s.latches) l.offset_and_state.store(0);
  s.application_name[0] = s.client_addr[0] = s.tls[0] = s.query[0] = 0;
}

bool claim_one(int i, bool is_worker) {
  ProcSlot& s = slot(SlotNo(i));
  if (s.state.load() != SlotState::kFree) return false;
  if (!os::lock_byte(g_self.lock_fd.get(), kFirstSlotByte + static_cast<uint64_t>(i), false)) return false;
  reset_slot(s);
  s.pid.store(os::own_pid());
  int64_t now = os::wall_clock_us();
  s.backend_start_us.store(static_cast<uint64_t>(now));
  s.state_change_us.store(static_cast<uint64_t>(now));
  int high = g_self.header->slot_high_water.load();
  while (high < i + 1 && !g_self.header->slot_high_water.compare_exchange_weak(high, i + 1)) {}
  s.state.store(is_worker ? SlotState::kWorker : SlotState::kStarting);
  g_self.slot_no = SlotNo(i);
  g_self.slot = &s;
  return true;
}

bool claim_below(int limit) {
  for (int i = 0; i < limit; ++i)
    if (claim_one(i, g_self.options.is_worker)) return true;
  return false;
}

// The last slots are for workers, and for us to bury the dead from when all others are taken. REQUIRES: areas found.
void claim_slot() {
  int limit = slot_count() - (g_self.options.is_worker ? 0 : kReservedSlots);
  if (claim_below(limit)) return;
  if (claim_below(slot_count())) {
    reap_dead_slots();
    throw_if_poisoned();
    g_self.slot->state.store(SlotState::kFree);
    os::unlock_byte(g_self.lock_fd.get(), kFirstSlotByte + raw(g_self.slot_no));
    g_self.slot = nullptr;
    g_self.slot_no = kInvalidSlotNo;
    if (claim_below(limit)) return;
  }
  throw SqlError(sqlstate::kTooManyConnections, "sorry, too many clients already").fatal();
}

void undo_failed_attach() {
  unmap();
  g_self.slot = nullptr;
  g_self.slot_no = kInvalidSlotNo;
  g_self.creating = false;
  g_self.lock_fd.reset();
}

}  // namespace

void register_area(Area& a) {
  for (Area* known : g_areas)
    if (known == &a) return;
  POSTERN_CHECK(!attached() && g_areas.size() < kMaxAreas);
  g_areas.push_back(&a);
}

AttachResult attach(const AttachOptions& o) {
  POSTERN_CHECK(!attached());
  g_self.options = o;
  struct stat st = {};
  check_site(o, st);
  try {
    open_lock_file(o);
    uint64_t generation = read_generation();
    std::string prefix = segment_prefix(st);
    std::string path = cat(o.shm_dir, "/", prefix, generation);
    bool others = any_slot_held();
    if (others && map_existing(path)) {
      g_self.shm_path = path;
      find_areas();
      claim_slot();
      os::unlock_byte(g_self.lock_fd.get(), kAttachByte);
      return {false};
    }
    if (others) drive_out();
    remove_old_segments(o, prefix);
    g_self.creating = true;
    g_self.shm_path = cat(o.shm_dir, "/", prefix, generation + 1);
    create_segment(o, g_self.shm_path, generation + 1);
    find_areas();
    claim_slot();
    return {true};
  } catch (...) {
    undo_failed_attach();
    throw;
  }
}

void mark_ready() {
  POSTERN_CHECK(attached());
  if (!g_self.creating) return;
  g_self.header->ready.store(1, std::memory_order_release);
  g_self.creating = false;
  os::unlock_byte(g_self.lock_fd.get(), kAttachByte);
}

void detach() {
  if (!attached()) return;
  if (!poisoned()) {
    POSTERN_CHECK(g_self.latch_count == 0 && g_self.critical == 0);
    reset_slot(*g_self.slot);
    g_self.slot->state.store(SlotState::kFree, std::memory_order_release);
  }
  bool creating = g_self.creating;  // left before mark_ready: recovery failed; byte 0 is ours
  if (creating || os::lock_byte(g_self.lock_fd.get(), kAttachByte, false))
    if (!any_slot_held()) os::unlink_path(g_self.shm_path.c_str());
  undo_failed_attach();
}

bool in_use(const std::string& site) {
  os::Fd fd(os::open_file(cat(site, "/lock").c_str(), O_RDWR));
  return fd && os::range_locked_by_other(fd.get(), kFirstSlotByte, kSlotBytes);
}

void check_compatible(const AttachOptions& o) {
  POSTERN_CHECK(!attached());
  struct stat st = {};
  check_site(o, st);
  if (!in_use(o.site)) return;
  g_self.lock_fd = os::Fd(os::open_file(cat(o.site, "/lock").c_str(), O_RDWR));
  if (g_self.lock_fd) map_existing(cat(o.shm_dir, "/", segment_prefix(st), read_generation()));
  undo_failed_attach();
}

bool attached() { return g_self.slot != nullptr; }
const AttachOptions& options() { return g_self.options; }
uint64_t generation() { return g_self.header->generation; }
bool anyone_else_attached() { return any_slot_held(); }

}  // namespace postern::region
