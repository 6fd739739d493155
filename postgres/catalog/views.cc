// System views, as SQL over the catalogs. Their columns and types are facts (data/schema.inc); each SELECT list must give exactly those, in order.
#include "postgres/catalog/built_in_rows.h"

namespace postern::catalog {
namespace {
constexpr SystemView kViews[] = {
#include "postgres/catalog/views_pg.inc"
#include "postgres/catalog/views_info.inc"
};
}  // namespace

std::span<const SystemView> system_views() { return kViews; }

}  // namespace postern::catalog
