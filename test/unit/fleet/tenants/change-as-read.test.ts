/** S3: what an operator changes loses nobody else's change. */
import { changeAsRead } from '../../../../src/fleet/tenants/change-as-read.ts';
import { createMultiOutbox, type MultiOutbox } from '../../../../src/index.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();
let face: MultiOutbox;
beforeEach(async () => {
  face = createMultiOutbox({ registry: place.registryUrl });
  await face.migrate({ tenants: [] });
  await face.tenants.add({ id: 'acme' });
});
afterEach(() => face.close());

/** The tenants, where somebody else changes the tenant after each of the first reads. */
function contended(times: number) {
  const { tenants } = face;
  let reads = 0;
  return {
    async get(id: string) {
      const read = await tenants.get(id);
      if (++reads <= times) await tenants.change({ ...definition(read), tags: { reads: String(reads) } });
      return read;
    },
    change: tenants.change,
  };
}
const definition = ({ id, tags }: { id: string; tags: Readonly<Record<string, string>> }) => ({ id, tags });
const withPriority = (read: Parameters<typeof definition>[0]) => ({ ...definition(read), priority: 5 });

test('S3: what somebody else changes between the read and the write is kept', async () => {
  const tenants = contended(2);
  const changed = await changeAsRead(tenants, await tenants.get('acme'), withPriority);
  expect(changed).toMatchObject({ priority: 5, tags: { reads: '2' } });
  expect(await face.tenants.get('acme')).toEqual(changed);
});

test('S3: a tenant that a program keeps changing is left as it is', async () => {
  const tenants = contended(10);
  const read = await tenants.get('acme');
  await expect(changeAsRead(tenants, read, withPriority)).rejects.toMatchObject({
    code: 'TENANT_CHANGED',
  });
  expect(await face.tenants.get('acme')).toMatchObject({ priority: 0, tags: { reads: '5' } });
});

test('a tenant that is as it should be is not written', async () => {
  const read = await face.tenants.get('acme');
  expect(await changeAsRead(face.tenants, read, () => null)).toBeNull();
  expect(await face.tenants.get('acme')).toEqual(read);
});
