-- Registry, step 3: roles.
:r parts/roles-registry.sql
