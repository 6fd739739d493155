// ON COMMIT DELETE ROWS and ON COMMIT DROP of this session's temporary tables. The list is per process; a table that its transaction's rollback took away is
// forgotten when it is not found.
#include <algorithm>
#include <vector>

#include "postgres/ddl/objects.h"

namespace postern::ddl {

using namespace catalog;

namespace {
struct Action { Oid table; char action; };
std::vector<Action> g_actions;
}  // namespace

void set_on_commit(Oid table, char action) {
  if (action == 'd' || action == 'x') g_actions.push_back({table, action});
}

void run_on_commit() {
  if (g_actions.empty()) return;
  std::vector<ObjectAddress> drops;
  std::erase_if(g_actions, [&](const Action& a) {
    RelationRef rel = relation(a.table);
    if (!rel) return true;
    if (a.action == 'x') {
      drops.push_back({pg_class::kTable, a.table});
      return true;
    }
    if (raw(buffer::page_count(rel->file, Fork::kMain))) truncate_table(a.table);
    return false;
  });
  UtilityContext cx;
  if (!drops.empty()) drop_objects(cx, drops, true);
}

}  // namespace postern::ddl
