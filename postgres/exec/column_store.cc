#include "postgres/exec/column_store.h"

#include <algorithm>

#include "postgres/types/type_info.h"

namespace postern::exec {

struct ColumnStore::Chunk {
  uint32_t count = 0, capacity = 0;
  std::vector<Vector> columns;
  Arena arena{1024};
  bool on_disk = false;
  uint64_t offset = 0, size = 0;
};

ColumnStore::ColumnStore(std::span<const Oid> types, size_t memory_limit) : ncols_(static_cast<int>(types.size())), memory_limit_(memory_limit) {
  for (Oid t : types) by_value_.push_back(type_info(t).by_value);
}
ColumnStore::~ColumnStore() = default;

size_t ColumnStore::memory_bytes() const {
  size_t n = 0;
  for (auto& c : chunks_) n += c->arena.bytes();
  return n;
}

void ColumnStore::clear() {
  chunks_.clear();
  rows_ = 0;
  memory_ = first_in_memory_ = 0;
  file_.clear();
}

void ColumnStore::grow(Chunk& c) {
  uint32_t capacity = c.capacity ? std::min<uint32_t>(c.capacity * 8, kBatchRows) : 16;
  if (chunks_.size() > 1) capacity = kBatchRows;
  for (Vector& v : c.columns) {
    auto* values = c.arena.alloc_array<Datum>(capacity);
    auto* nulls = c.arena.alloc_array<uint8_t>(capacity);
    if (c.count) {
      std::memcpy(values, v.values, c.count * sizeof(Datum));
      std::memcpy(nulls, v.nulls, c.count);
    }
    v = Vector{values, nulls, 1};
  }
  c.capacity = capacity;
}

ColumnStore::Chunk& ColumnStore::writable(uint32_t more) {
  if (chunks_.empty() || chunks_.back()->count == kBatchRows || chunks_.back()->on_disk) {
    if (!chunks_.empty()) {
      memory_ += chunks_.back()->arena.bytes();
      if (memory_ > memory_limit_) spill();
    }
    chunks_.push_back(std::make_unique<Chunk>());
    chunks_.back()->columns.resize(static_cast<size_t>(ncols_));
  }
  Chunk& c = *chunks_.back();
  while (c.count + std::min(more, kBatchRows - c.count) > c.capacity) grow(c);
  return c;
}

void ColumnStore::append(const Vector* columns, Rows rows) {
  uint32_t done = 0;
  while (done < rows.count) {
    Chunk& c = writable(rows.count - done);
    uint32_t n = std::min(rows.count - done, c.capacity - c.count);
    for (int i = 0; i < ncols_; i++) {
      const Vector& from = columns[i];
      Datum* values = c.columns[i].values + c.count;
      uint8_t* nulls = c.columns[i].nulls + c.count;
      for (uint32_t k = 0; k < n; k++) {
        uint32_t r = rows.row(done + k);
        nulls[k] = from.null(r);
        values[k] = from.value(r);
      }
      if (!by_value_[i])
        for (uint32_t k = 0; k < n; k++) values[k] = nulls[k] ? 0 : make_bytes(c.arena, as_view(values[k]));
    }
    c.count += n;
    done += n;
    rows_ += n;
  }
}

void ColumnStore::append_row(const Datum* values, const uint8_t* nulls) {
  Chunk& c = writable(1);
  for (int i = 0; i < ncols_; i++) {
    bool null = nulls && nulls[i];
    c.columns[i].nulls[c.count] = null;
    c.columns[i].values[c.count] = null ? 0 : by_value_[i] ? values[i] : make_bytes(c.arena, as_view(values[i]));
  }
  c.count++;
  rows_++;
}

// Writes every full chunk to the file: per column nulls, then values or {size, bytes}.
void ColumnStore::spill() {
  for (; first_in_memory_ < chunks_.size(); first_in_memory_++) {
    Chunk& c = *chunks_[first_in_memory_];
    c.offset = file_.size();
    for (int i = 0; i < ncols_; i++) {
      const Vector& v = c.columns[i];
      file_.put(v.nulls, c.count);
      if (by_value_[i]) {
        file_.put(v.values, c.count * sizeof(Datum));
      } else {
        for (uint32_t k = 0; k < c.count; k++)
          if (!v.nulls[k]) file_.put(as_bytes(v.values[k]), sizeof(Bytes) + as_bytes(v.values[k])->size);
      }
    }
    c.size = file_.size() - c.offset;
    c.on_disk = true;
    c.arena.release();
    for (Vector& v : c.columns) v = Vector{};
  }
  memory_ = 0;
}

void ColumnStore::load(Reader& r, const Chunk& c) {
  if (!r.arena) r.arena = std::make_unique<Arena>(4096);
  r.arena->reset();
  auto* data = static_cast<char*>(r.arena->alloc(c.size));
  file_.read(c.offset, data, c.size);
  r.loaded_columns.assign(static_cast<size_t>(ncols_), Vector{});
  const char* p = data;
  for (int i = 0; i < ncols_; i++) {
    Vector& v = r.loaded_columns[i];
    v.nulls = r.arena->alloc_array<uint8_t>(c.count);
    v.values = r.arena->alloc_array<Datum>(c.count);
    std::memcpy(v.nulls, p, c.count);
    p += c.count;
    if (by_value_[i]) {
      std::memcpy(v.values, p, c.count * sizeof(Datum));
      p += c.count * sizeof(Datum);
      continue;
    }
    for (uint32_t k = 0; k < c.count; k++) {
      v.values[k] = 0;
      if (v.nulls[k]) continue;
      uint32_t size;
      std::memcpy(&size, p, sizeof size);
      v.values[k] = make_bytes(*r.arena, {p + sizeof(Bytes), size});
      p += sizeof(Bytes) + size;
    }
  }
}

Batch ColumnStore::read(Reader& r, uint32_t max) {
  while (r.chunk < chunks_.size()) {
    const Chunk& c = *chunks_[r.chunk];
    if (r.row >= c.count) {
      if (r.chunk + 1 == chunks_.size()) return {};
      r.chunk++;
      r.row = 0;
      continue;
    }
    if (c.on_disk && r.loaded != r.chunk) {
      load(r, c);
      r.loaded = r.chunk;
    }
    uint32_t n = std::min(max, c.count - r.row);
    r.columns.resize(static_cast<size_t>(ncols_));
    for (int i = 0; i < ncols_; i++) {
      const Vector& v = c.on_disk ? r.loaded_columns[i] : c.columns[i];
      r.columns[i] = Vector{v.values + r.row, v.nulls + r.row, 1};
      trim_nulls(r.columns[i], Rows{nullptr, n});
    }
    r.row += n;
    return Batch{r.columns.data(), ncols_, Rows{nullptr, n}};
  }
  return {};
}

}  // namespace postern::exec
