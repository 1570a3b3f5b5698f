/** The field of a form that limits a page to tenants; its value is named `q`. */
export function TenantsField({ q }: { q: string }) {
  return (
    <label>
      Tenants
      <input
        type="text"
        name="q"
        data-filter
        maxLength={500}
        defaultValue={q}
        placeholder="all, or tag:region=eu"
        autocomplete="off"
      />
    </label>
  );
}
