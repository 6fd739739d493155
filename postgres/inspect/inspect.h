// `postgres inspect`: reads pages, WAL and the control file of a site, running or not, and prints what they say. Never writes, never attaches to the region.
//
//   inspect [--json] control SITE
//   inspect [--json] page FILE [PAGE | FIRST-LAST]        a relation file (any fork); without pages: a summary of all
//   inspect [--json] wal SITE [--from LSN] [--limit N] [--op NAME] [--relation DATABASE/NUMBER]
//
// LSNs are written as PostgreSQL writes them: 0/1000000.
#pragma once

namespace postern::inspect {

// argv[0] is "inspect". Exit code: 0, 1 (could not read, or something is damaged), 2 (usage).
int inspect_main(int argc, char** argv);

}  // namespace postern::inspect
