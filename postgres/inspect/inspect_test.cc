#include <doctest/doctest.h>

#include <fcntl.h>

#include "common/base/cat.h"
#include "postgres/access/test_heap.h"
#include "postgres/inspect/decode.h"
#include "postgres/inspect/inspect.h"

using namespace postern;
using namespace postern::inspect;

namespace {

struct Result {
  int code;
  std::vector<Json> lines;
  std::string text;
};
// Runs inspect with its output in a file.
Result run(std::vector<std::string> args) {
  std::vector<char*> argv{const_cast<char*>("inspect")};
  for (auto& a : args) argv.push_back(a.data());
  std::fflush(stdout);
  std::FILE* out = std::tmpfile();
  int saved = ::dup(1);
  ::dup2(::fileno(out), 1);
  Result r;
  r.code = inspect_main(static_cast<int>(argv.size()), argv.data());
  std::fflush(stdout);
  ::dup2(saved, 1);
  ::close(saved);
  std::rewind(out);
  char buf[4096];
  while (size_t n = std::fread(buf, 1, sizeof buf, out)) r.text.append(buf, n);
  std::fclose(out);
  if (args[0] == "--json")
    for (size_t at = 0; at < r.text.size();) {
      size_t end = r.text.find('\n', at);
      r.lines.push_back(Json::parse(r.text.substr(at, end - at)));
      at = end + 1;
    }
  return r;
}

}  // namespace

TEST_CASE("inspect: control file, pages and WAL of a site") {
  region::TestSite site;
  test_new_site(site);
  test_attach(site);
  RelationDesc rel = test_table(60000);
  IndexDesc index;
  index.name = "i";
  index.file = {Oid{5}, Oid{60001}};
  index.keys = {{1, oid::kInt4}};
  txn::start();
  heap::create_storage(rel.file);
  btree::create_storage(index);
  for (int i = 0; i < 600; i++) {
    Datum v = from_int(i);
    btree::insert(rel, index, &v, nullptr, test_insert(rel, i, 1), btree::UniqueCheck::kNone);
  }
  txn::commit();

  auto wal = run({"--json", "wal", site.path});
  CHECK(wal.code == 0);
  int splits = 0, inserts = 0;
  for (const Json& r : wal.lines) {
    splits += r.value("op", "") == "btree_split";
    inserts += r.value("op", "") == "heap_insert";
  }
  CHECK(splits >= 1);
  CHECK(inserts == 600);
  CHECK(wal.lines.back().contains("end"));
  CHECK(run({"--json", "wal", site.path, "--op", "btree_split", "--limit", "1"}).lines.at(0)["pages"][0]["file"] == "5/60001");
  CHECK(run({"--json", "wal", site.path, "--relation", "5/60000", "--limit", "5"}).lines.size() == 5);

  wal::checkpoint();
  auto control = run({"--json", "control", site.path});
  CHECK(control.code == 0);
  CHECK(control.lines.at(0)["page_bytes"] == 8192);
  auto meta = run({"--json", "page", site.path + "/base/5/60001", "0"});
  CHECK(meta.code == 0);
  CHECK(meta.lines.at(0)["magic_ok"] == true);
  CHECK(meta.lines.at(0)["level"] == 1);
  auto leaf = run({"--json", "page", site.path + "/base/5/60001", "1"});
  CHECK(leaf.lines.at(0)["btree_flags"] == "leaf");
  CHECK(leaf.lines.at(0)["entries"][0]["kind"] == "high_key");
  CHECK(leaf.lines.at(0)["entries"][1]["tid"] == "(0,1)");
  auto heap = run({"--json", "page", site.path + "/base/5/60000", "0-1"});
  CHECK(heap.lines.size() == 2);
  CHECK(heap.lines[0]["tuples"][0]["natts"] == 3);
  CHECK(run({"page", site.path + "/base/5/60000"}).text.find("kind=heap") != std::string::npos);

  // A flipped bit is seen, and a garbled page is described without a crash.
  std::string file = site.path + "/base/5/60001";
  std::FILE* f = std::fopen(file.c_str(), "r+b");
  std::fseek(f, 8192 + 30, SEEK_SET);
  for (int i = 0; i < 2000; i++) std::fputc(i * 37 & 255, f);
  std::fclose(f);
  auto bad = run({"--json", "page", file, "1"});
  CHECK(bad.code == 1);
  CHECK(bad.lines.at(0)["checksum"] == "wrong");
  CHECK(run({"--json", "page", file, "99999"}).code == 1);
  CHECK(run({"--json", "nonsense", "x"}).code == 2);
}
