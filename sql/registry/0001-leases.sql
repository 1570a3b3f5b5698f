-- Registry, step 1: the schema, its journal, and leases.
:r parts/journal.sql
:r parts/leases.sql
