import { MultiOutboxError } from '../../../../src/errors.ts';
import { wakeFirst } from '../../../../src/fleet/operations/wake-first.ts';

/** Tenants whose wakes fail with these codes; all others are woken. */
function scene(failures: Record<string, 'UNKNOWN_TENANT' | 'TENANT_NOT_ACTIVE' | 'REGISTRY_UNAVAILABLE'>) {
  const tried: string[] = [];
  const wake = async (ids: readonly string[]) => {
    tried.push(...ids);
    const code = failures[ids[0]!];
    if (code !== undefined) throw new MultiOutboxError(code, `${ids[0]}: ${code}`);
  };
  return { wake, tried };
}

describe('a wake with several possible ids (F7)', () => {
  test('F7: the first tenant that exists is woken, and no other', async () => {
    const { wake, tried } = scene({ a: 'UNKNOWN_TENANT' });
    expect(await wakeFirst(['a', 'b', 'c'], wake)).toBe('b');
    expect(tried).toEqual(['a', 'b']);
  });

  test('F7: a paused tenant’s wake is dropped, because resuming the tenant wakes it', async () => {
    const { wake, tried } = scene({ a: 'TENANT_NOT_ACTIVE' });
    expect(await wakeFirst(['a', 'b'], wake)).toBe('a');
    expect(tried).toEqual(['a']);
  });

  test('F7: when none of them exists, the last one’s error says so', async () => {
    const { wake, tried } = scene({ a: 'UNKNOWN_TENANT', b: 'UNKNOWN_TENANT' });
    await expect(wakeFirst(['a', 'b'], wake)).rejects.toMatchObject({
      code: 'UNKNOWN_TENANT',
      message: expect.stringContaining('b'),
    });
    expect(tried).toEqual(['a', 'b']);
  });

  test('F7: any other error is the caller’s, and no further id is tried', async () => {
    const { wake, tried } = scene({ a: 'REGISTRY_UNAVAILABLE' });
    await expect(wakeFirst(['a', 'b'], wake)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
    expect(tried).toEqual(['a']);
  });
});
