/** The form of a tenant's id. */
export const tenantIdPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;
