-- Tenant database, step 3: roles.
:r parts/roles-tenant.sql
