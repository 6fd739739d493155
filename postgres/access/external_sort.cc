#include "postgres/access/external_sort.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "common/base/cat.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "common/os/file.h"
#include "postgres/access/tuple.h"
#include "postgres/storage/file.h"
#include "postgres/txn/interrupts.h"

namespace postern {

namespace {

// A row in memory: values, then the null bytes. By-reference values point into the same arena.
struct Item {
  uint64_t prefix;
  Datum* row;
};

constexpr size_t kReadBytes = 64 << 10, kWriteBytes = 256 << 10;
constexpr int kMaxMergeRuns = 256;

uint64_t float_prefix(double d) {
  if (std::isnan(d)) return ~uint64_t{0};
  if (d == 0) d = 0;   // -0 and 0 are equal
  auto b = std::bit_cast<uint64_t>(d);
  return b >> 63 ? ~b : b | uint64_t{1} << 63;
}

uint64_t bytes_prefix(std::string_view s) {
  uint64_t v = 0;
  std::memcpy(&v, s.data(), std::min<size_t>(8, s.size()));
  return byteswap(v);
}

// A temporary file without a name.
class TempFile {
 public:
  TempFile() {
    static uint64_t counter = 0;
    std::string dir = storage::absolute("base/pgsql_tmp");
    if (!os::make_dir(dir.c_str()) && errno != EEXIST) os::throw_errno(errno, cat("could not create directory \"", dir, "\""));
    std::string path = cat(dir, "/pgsql_tmp", getpid(), ".", counter++);
    fd_ = os::Fd(os::open_file(path.c_str(), O_RDWR | O_CREAT | O_EXCL));
    if (!fd_) os::throw_errno(errno, cat("could not create temporary file \"", path, "\""));
    os::unlink_path(path.c_str());
  }
  uint64_t size() const { return end_ + out_.size(); }
  void put(const void* p, size_t n) {
    out_.append(static_cast<const char*>(p), n);
    if (out_.size() >= kWriteBytes) flush();
  }
  void flush() {
    if (out_.empty()) return;
    if (!os::write_at(fd_.get(), out_.data(), out_.size(), end_)) os::throw_errno(errno, "could not write to temporary file");
    end_ += out_.size();
    out_.clear();
  }
  size_t read(void* to, size_t n, uint64_t at) const {
    ssize_t r = os::read_at(fd_.get(), to, n, at);
    if (r < 0) os::throw_errno(errno, "could not read from temporary file");
    return static_cast<size_t>(r);
  }

 private:
  os::Fd fd_;
  std::string out_;
  uint64_t end_ = 0;
};

// A sorted run on disk: rows as {size u32, packed tuple}.
struct Run {
  uint64_t begin, end;
};

// Reads a run row by row.
struct RunReader {
  const TempFile* file = nullptr;
  uint64_t at = 0, end = 0;
  std::vector<uint8_t> buf;
  size_t pos = 0, filled = 0;
  Arena arena{1024};
  std::vector<Datum> values;
  std::vector<uint8_t> nulls;
  Item item{};
  bool null_first_key = false;

  // The next n bytes, in one piece.
  const uint8_t* need(size_t n) {
    if (filled - pos < n) {
      std::memmove(buf.data(), buf.data() + pos, filled - pos);
      filled -= pos;
      pos = 0;
      if (buf.size() < n) buf.resize(std::max(n, kReadBytes));
      size_t want = std::min<uint64_t>(buf.size() - filled, end - at);
      size_t got = file->read(buf.data() + filled, want, at);
      at += got;
      filled += got;
      if (filled < n) throw SqlError{sqlstate::kIoError, "could not read from temporary file: unexpected end"};
    }
    return buf.data() + pos;
  }
  bool done() const { return at == end && pos == filled; }
};

}  // namespace

struct ExternalSort::Impl {
  std::vector<const TypeInfo*> types;
  std::vector<SortKey> keys;
  TupleFormat format;
  size_t ncols, row_bytes, memory;
  uint64_t limit, added = 0;
  bool exact_prefix = false;         // equal prefixes mean equal first keys
  bool sorted = false, pruned = false;

  std::unique_ptr<Arena> arena = std::make_unique<Arena>(8 << 10);
  std::vector<Item> items, null_items;   // null_items: first key NULL
  std::vector<Item> temp;
  Item cutoff{};                     // with a limit: rows above are dropped
  bool has_cutoff = false, cutoff_null = false;
  size_t peak_bytes = 0;

  std::unique_ptr<TempFile> file;
  std::vector<Run> runs;
  std::vector<std::unique_ptr<RunReader>> readers;
  std::vector<RunReader*> heap;      // by current row, smallest first
  RunReader* last = nullptr;         // its row was returned: advanced at the next call

  size_t at = 0;                     // in memory: next row
  Arena cmp_arena{256}, batch_arena{4096};

  uint8_t* nulls_of(Datum* row) const { return reinterpret_cast<uint8_t*>(row + ncols); }
  uint64_t prefix_of(Datum v) const;
  int compare_keys(const Datum* a, const uint8_t* an, const Datum* b, const uint8_t* bn, size_t from);
  bool less(const Item& a, const Item& b);
  int compare_rows(const Item& a, bool a_null, const Item& b, bool b_null);
  void add(const Datum* values, const uint8_t* nulls);
  Datum* copy_row(const Datum* values, const uint8_t* nulls);
  void prune();
  void sort_items(std::vector<Item>& v, bool nulls);
  void sort_ties(std::vector<Item>& v);
  size_t used() const { return arena->bytes() + (items.capacity() + null_items.capacity()) * sizeof(Item) + std::max(items.size(), null_items.size()) * sizeof(Item); }
  Run write_run(const std::vector<Item>& first, const std::vector<Item>& second);
  void spill();
  void open_readers(std::span<const Run> rs);
  void advance(RunReader& r);
  RunReader* pop_smallest();
  void merge_down();
  void start_reading();
  bool reader_less(const RunReader& a, const RunReader& b) { return compare_rows(a.item, a.null_first_key, b.item, b.null_first_key) < 0; }
  void clear_memory();
};

uint64_t ExternalSort::Impl::prefix_of(Datum v) const {
  uint64_t p;
  switch (keys[0].type->compare_kind) {
    case CompareKind::kInt64: p = v ^ uint64_t{1} << 63; break;
    case CompareKind::kFloat8: p = float_prefix(as_float8(v)); break;
    case CompareKind::kFloat4: p = float_prefix(as_float4(v)); break;
    case CompareKind::kBytes: p = bytes_prefix(as_view(v)); break;
    default: return 0;
  }
  return keys[0].desc ? ~p : p;
}

int ExternalSort::Impl::compare_keys(const Datum* a, const uint8_t* an, const Datum* b, const uint8_t* bn, size_t from) {
  for (size_t i = from; i < keys.size(); i++) {
    const SortKey& k = keys[i];
    auto c = static_cast<size_t>(k.column);
    if (an[c] || bn[c]) {
      if (an[c] && bn[c]) continue;
      return (an[c] != 0) == k.nulls_first ? -1 : 1;
    }
    FnContext cx;
    cx.arena = &cmp_arena;
    cx.collation = k.collation;
    if (cmp_arena.bytes() > (256 << 10)) cmp_arena.reset();
    int r = compare_datums(cx, *k.type, a[c], b[c]);
    if (r) return k.desc ? -r : r;
  }
  return 0;
}

bool ExternalSort::Impl::less(const Item& a, const Item& b) {
  if (a.prefix != b.prefix) return a.prefix < b.prefix;
  return compare_keys(a.row, nulls_of(a.row), b.row, nulls_of(b.row), exact_prefix ? 1 : 0) < 0;
}

int ExternalSort::Impl::compare_rows(const Item& a, bool a_null, const Item& b, bool b_null) {
  if (keys.empty()) return 0;
  if (a_null != b_null) return a_null == keys[0].nulls_first ? -1 : 1;
  if (!a_null && a.prefix != b.prefix) return a.prefix < b.prefix ? -1 : 1;
  return compare_keys(a.row, nulls_of(a.row), b.row, nulls_of(b.row), a_null || exact_prefix ? 1 : 0);
}

Datum* ExternalSort::Impl::copy_row(const Datum* values, const uint8_t* nulls) {
  auto* row = static_cast<Datum*>(arena->alloc(row_bytes));
  uint8_t* n = nulls_of(row);
  for (size_t i = 0; i < ncols; i++) {
    n[i] = nulls && nulls[i];
    if (n[i]) row[i] = 0;
    else if (types[i]->by_value) row[i] = values[i];
    else row[i] = make_bytes(*arena, as_view(values[i]));
  }
  return row;
}

void ExternalSort::Impl::add(const Datum* values, const uint8_t* nulls) {
  added++;
  bool is_null = !keys.empty() && nulls && nulls[keys[0].column];
  uint64_t prefix = keys.empty() || is_null ? 0 : prefix_of(values[keys[0].column]);
  if (has_cutoff) {
    // Most rows lose against the last one that is kept, mostly by the prefix alone.
    if (is_null != cutoff_null) {
      if (is_null != keys[0].nulls_first) return;
    } else if (!is_null && prefix > cutoff.prefix) {
      return;
    } else if (is_null || prefix == cutoff.prefix) {
      std::vector<uint8_t> none;
      if (!nulls) {
        none.assign(ncols, 0);
        nulls = none.data();
      }
      if (compare_keys(values, nulls, cutoff.row, nulls_of(cutoff.row), 0) >= 0) return;
    }
  }
  Item item{prefix, copy_row(values, nulls)};
  (is_null ? null_items : items).push_back(item);
  size_t n = items.size() + null_items.size();
  if (limit && !file && n >= limit * 2 && n >= 1024) prune();
  if ((n & 63) == 0 || row_bytes > 4096 || arena->bytes() > memory) {
    size_t now = used();
    peak_bytes = std::max(peak_bytes, now);
    if (now > memory && n > 64) {
      if (limit && !file && n > limit * 2) prune();
      if (used() > memory) spill();
    }
  }
}

// Keeps the first `limit` rows, copied to a fresh arena, and remembers the last of them.
void ExternalSort::Impl::prune() {
  std::vector<Item>& before = keys[0].nulls_first ? null_items : items;
  std::vector<Item>& after = keys[0].nulls_first ? items : null_items;
  auto cut = [&](std::vector<Item>& v, size_t n) {
    if (v.size() <= n) return;
    if (n > 0) std::nth_element(v.begin(), v.begin() + static_cast<ptrdiff_t>(n - 1), v.end(), [&](const Item& a, const Item& b) { return less(a, b); });
    v.resize(n);
  };
  cut(before, limit);
  cut(after, limit - before.size());
  peak_bytes = std::max(peak_bytes, used());
  auto old = std::move(arena);
  arena = std::make_unique<Arena>(8 << 10);
  for (auto* v : {&items, &null_items})
    for (Item& it : *v) it.row = copy_row(it.row, nulls_of(it.row));
  std::vector<Item>& last_of = after.empty() ? before : after;
  cutoff = *std::max_element(last_of.begin(), last_of.end(), [&](const Item& a, const Item& b) { return less(a, b); });
  cutoff_null = &last_of == &null_items;
  has_cutoff = items.size() + null_items.size() >= limit;
  pruned = true;
}

void ExternalSort::Impl::sort_ties(std::vector<Item>& v) {
  if (exact_prefix && keys.size() == 1) return;
  for (size_t i = 0; i < v.size();) {
    size_t j = i + 1;
    while (j < v.size() && v[j].prefix == v[i].prefix) j++;
    if (j - i > 1)
      std::sort(v.begin() + static_cast<ptrdiff_t>(i), v.begin() + static_cast<ptrdiff_t>(j), [&](const Item& a, const Item& b) {
        return compare_keys(a.row, nulls_of(a.row), b.row, nulls_of(b.row), exact_prefix ? 1 : 0) < 0;
      });
    i = j;
  }
}

// Radix passes from the lowest byte of the prefix that varies.
void ExternalSort::Impl::sort_items(std::vector<Item>& v, bool nulls) {
  auto by_all = [&](const Item& a, const Item& b) { return less(a, b); };
  if (v.size() < 2 || keys.empty()) return;
  if (nulls || v.size() < 512) {
    std::sort(v.begin(), v.end(), by_all);
    return;
  }
  if (std::is_sorted(v.begin(), v.end(), by_all)) return;
  std::vector<std::array<uint32_t, 256>> counts(8);
  for (auto& c : counts) c.fill(0);
  for (const Item& it : v)
    for (unsigned b = 0; b < 8; b++) counts[b][it.prefix >> (8 * b) & 0xFF]++;
  temp.resize(v.size());
  for (unsigned b = 0; b < 8; b++) {
    auto& c = counts[b];
    if (c[v[0].prefix >> (8 * b) & 0xFF] == v.size()) continue;
    uint32_t sum = 0;
    for (uint32_t& x : c) sum += std::exchange(x, sum);
    for (const Item& it : v) temp[c[it.prefix >> (8 * b) & 0xFF]++] = it;
    v.swap(temp);
  }
  temp = {};
  sort_ties(v);
}

void ExternalSort::Impl::clear_memory() {
  items.clear();
  null_items.clear();
  arena->reset();
}

Run ExternalSort::Impl::write_run(const std::vector<Item>& first, const std::vector<Item>& second) {
  Run run{file->size(), 0};
  std::vector<uint8_t> buf;
  uint64_t written = 0;
  for (const auto* v : {&first, &second}) {
    for (const Item& it : *v) {
      if (limit && written++ == limit) break;
      size_t n = packed_size(format, it.row, nulls_of(it.row));
      buf.resize(4 + n);
      store(buf.data(), static_cast<uint32_t>(n));
      pack(format, it.row, nulls_of(it.row), buf.data() + 4);
      file->put(buf.data(), buf.size());
    }
  }
  run.end = file->size();
  return run;
}

void ExternalSort::Impl::spill() {
  txn::check_interrupts();
  if (!file) file = std::make_unique<TempFile>();
  has_cutoff = false;
  sort_items(items, false);
  sort_items(null_items, true);
  bool nulls_first = !keys.empty() && keys[0].nulls_first;
  runs.push_back(nulls_first ? write_run(null_items, items) : write_run(items, null_items));
  clear_memory();
}

void ExternalSort::Impl::open_readers(std::span<const Run> rs) {
  readers.clear();
  heap.clear();
  last = nullptr;
  for (const Run& run : rs) {
    if (run.begin == run.end) continue;
    auto r = std::make_unique<RunReader>();
    r->file = file.get();
    r->at = run.begin;
    r->end = run.end;
    r->buf.resize(kReadBytes);
    r->values.resize(row_bytes / sizeof(Datum));
    advance(*r);
    heap.push_back(r.get());
    readers.push_back(std::move(r));
  }
  std::make_heap(heap.begin(), heap.end(), [&](RunReader* a, RunReader* b) { return reader_less(*b, *a); });
}

void ExternalSort::Impl::advance(RunReader& r) {
  auto n = load<uint32_t>(r.need(4));
  const uint8_t* p = r.need(4 + size_t{n}) + 4;
  r.arena.reset();
  Datum* row = r.values.data();
  unpack(format, p, row, nulls_of(row), r.arena);
  r.pos += 4 + size_t{n};
  r.null_first_key = !keys.empty() && nulls_of(row)[keys[0].column];
  r.item = {keys.empty() || r.null_first_key ? 0 : prefix_of(row[keys[0].column]), row};
}

// The reader whose row comes next; its row is valid until the next call.
RunReader* ExternalSort::Impl::pop_smallest() {
  auto greater = [&](RunReader* a, RunReader* b) { return reader_less(*b, *a); };
  if (last) {
    if (!last->done()) {
      advance(*last);
      heap.push_back(last);
      std::push_heap(heap.begin(), heap.end(), greater);
    }
    last = nullptr;
  }
  if (heap.empty()) return nullptr;
  std::pop_heap(heap.begin(), heap.end(), greater);
  last = heap.back();
  heap.pop_back();
  return last;
}

// Merges runs into longer ones until one pass can read them all within the memory.
void ExternalSort::Impl::merge_down() {
  auto fan_in = std::clamp<size_t>(memory / (2 * kReadBytes), 8, kMaxMergeRuns);
  while (runs.size() > fan_in) {
    auto next_file = std::make_unique<TempFile>();
    std::vector<Run> merged;
    for (size_t i = 0; i < runs.size(); i += fan_in) {
      open_readers(std::span(runs).subspan(i, std::min(fan_in, runs.size() - i)));
      Run out{next_file->size(), 0};
      std::vector<uint8_t> buf;
      uint64_t written = 0;
      while (RunReader* r = pop_smallest()) {
        if (limit && written++ == limit) break;
        size_t n = packed_size(format, r->item.row, nulls_of(r->item.row));
        buf.resize(4 + n);
        store(buf.data(), static_cast<uint32_t>(n));
        pack(format, r->item.row, nulls_of(r->item.row), buf.data() + 4);
        next_file->put(buf.data(), buf.size());
        if ((written & 0xFFFF) == 0) txn::check_interrupts();
      }
      out.end = next_file->size();
      merged.push_back(out);
    }
    next_file->flush();
    readers.clear();
    heap.clear();
    last = nullptr;
    file = std::move(next_file);
    runs = std::move(merged);
  }
}

void ExternalSort::Impl::start_reading() {
  at = 0;
  if (file) open_readers(runs);
}

ExternalSort::ExternalSort(std::span<const TypeInfo* const> types, std::span<const SortKey> keys, size_t memory_bytes, uint64_t limit)
    : impl_(std::make_unique<Impl>()) {
  Impl& s = *impl_;
  s.types.assign(types.begin(), types.end());
  s.keys.assign(keys.begin(), keys.end());
  for (const TypeInfo* t : types) s.format.add(attr_format(*t));
  s.ncols = types.size();
  s.row_bytes = (s.ncols * (sizeof(Datum) + 1) + 7) & ~size_t{7};
  s.memory = std::max<size_t>(memory_bytes, 64 << 10);
  s.limit = s.keys.empty() ? 0 : limit;
  if (!s.keys.empty()) {
    CompareKind k = s.keys[0].type->compare_kind;
    s.exact_prefix = k == CompareKind::kInt64 || k == CompareKind::kFloat8 || k == CompareKind::kFloat4;
  }
}
ExternalSort::~ExternalSort() = default;

void ExternalSort::add(const Datum* values, const uint8_t* nulls) { impl_->add(values, nulls); }

void ExternalSort::add_batch(const Vector* columns, Rows rows) {
  Impl& s = *impl_;
  std::vector<Datum> v(s.ncols);
  std::vector<uint8_t> n(s.ncols);
  for_rows(rows, [&](uint32_t row) {
    for (size_t i = 0; i < s.ncols; i++) {
      n[i] = columns[i].null(row);
      v[i] = n[i] ? 0 : columns[i].value(row);
    }
    s.add(v.data(), n.data());
  });
}

void ExternalSort::sort() {
  Impl& s = *impl_;
  s.peak_bytes = std::max(s.peak_bytes, s.used());
  if (s.file) {
    if (!s.items.empty() || !s.null_items.empty()) s.spill();
    s.file->flush();
    s.items = {};
    s.null_items = {};
    s.arena->release();
    s.merge_down();
  } else {
    s.sort_items(s.items, false);
    s.sort_items(s.null_items, true);
    bool nulls_first = !s.keys.empty() && s.keys[0].nulls_first;
    if (nulls_first) s.items.swap(s.null_items);
    s.items.insert(s.items.end(), s.null_items.begin(), s.null_items.end());
    s.null_items = {};
    if (s.limit && s.items.size() > s.limit) s.items.resize(s.limit);
  }
  s.sorted = true;
  s.start_reading();
}

bool ExternalSort::next_row(const Datum** values, const uint8_t** nulls) {
  Impl& s = *impl_;
  Datum* row;
  if (s.file) {
    if (s.limit && s.at == s.limit) return false;
    RunReader* r = s.pop_smallest();
    if (!r) return false;
    row = r->item.row;
    s.at++;
  } else {
    if (s.at == s.items.size()) return false;
    if (s.at + 16 < s.items.size()) __builtin_prefetch(s.items[s.at + 16].row);   // sorted order is random in memory
    row = s.items[s.at++].row;
  }
  *values = row;
  *nulls = s.nulls_of(row);
  return true;
}

uint32_t ExternalSort::next(Vector* out, uint32_t max) {
  Impl& s = *impl_;
  s.batch_arena.reset();
  uint32_t n = 0;
  const Datum* v;
  const uint8_t* nulls;
  while (n < max && next_row(&v, &nulls)) {
    for (size_t i = 0; i < s.ncols; i++) {
      out[i].nulls[n] = nulls[i];
      out[i].values[n] = !s.file || s.types[i]->by_value || nulls[i] ? v[i] : make_bytes(s.batch_arena, as_view(v[i]));
    }
    n++;
  }
  return n;
}

void ExternalSort::rewind() {
  POSTERN_CHECK(impl_->sorted);
  impl_->start_reading();
}

uint64_t ExternalSort::rows() const { return impl_->added; }

ExternalSort::Stats ExternalSort::stats() const {
  const Impl& s = *impl_;
  if (s.file) return {"external merge", true, (s.file->size() + 1023) / 1024};
  return {s.limit && s.pruned ? "top-N heapsort" : "quicksort", false, (s.peak_bytes + 1023) / 1024};
}

}  // namespace postern
