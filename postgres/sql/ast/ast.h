// The syntax tree, independent of libpg_query. Only sql/parse makes it; analysis and ddl read it. Owner: sql/parse.
#pragma once
