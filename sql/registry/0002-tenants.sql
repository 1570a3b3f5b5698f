-- Registry, step 2: tenants (F1, F2) with their schedules, the plan (F3), reports and wakes (D7, F5, F7), and the history.
:r parts/registry-tables.sql
:r parts/registry-tenants.sql
:r parts/registry-plan.sql
:r parts/registry-history.sql
:r parts/registry-reports.sql
:r parts/registry-wakes.sql
-- What operators do, and operations over many tenants (S3).
:r parts/registry-audit.sql
:r parts/registry-operations.sql
