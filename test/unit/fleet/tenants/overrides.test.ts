/** F1, S3: changes to some of a tenant's overrides. */
import {
  checkedOverrides,
  type OverridesChange,
  withOverrides,
} from '../../../../src/fleet/tenants/overrides.ts';

const checked = (change: unknown) => checkedOverrides('tenants.changeOverrides', change as OverridesChange);
const refusal = (change: unknown) => {
  try {
    checked(change);
    return null;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
};

test('F1: what is named is set, null removes it, and the others stay', () => {
  const stored = { batchSize: 50, idleCeilingMs: 300_000 };
  expect(withOverrides(stored, checked({ concurrency: 4 }))).toEqual({ ...stored, concurrency: 4 });
  expect(withOverrides(stored, checked({ batchSize: null }))).toEqual({ idleCeilingMs: 300_000 });
  expect(withOverrides(stored, checked({ batchSize: null, idleCeilingMs: null }))).toEqual({});
  expect(withOverrides({}, checked({ batchSize: null, concurrency: 1 }))).toEqual({ concurrency: 1 });
  expect(checked({ batchSize: undefined, concurrency: 1 })).toEqual({ concurrency: 1 });
});

test('F1: durations are as people write them', () => {
  expect(checked({ idleCeilingMs: '90s' })).toEqual({ idleCeilingMs: 90_000 });
  expect(checked({ idleCeilingMs: 'never' })).toEqual({ idleCeilingMs: 'never' });
});

test.each([
  [{ batchSize: 0 }, /^INVALID_TENANT: .*batchSize must be a whole number from 1 to 5000, or null/],
  [{ batchSize: 5_001 }, /^INVALID_TENANT: .*batchSize must/],
  [{ batchSize: '50' }, /^INVALID_TENANT: .*batchSize must/],
  [{ concurrency: 1.5 }, /^INVALID_TENANT: .*concurrency must be a whole number from 1 to 1000/],
  [{ idleCeilingMs: 'often' }, /^INVALID_TENANT: .*idleCeilingMs must be a duration/],
  [{ idleCeilingMs: 0 }, /^INVALID_TENANT: .*idleCeilingMs must/],
  [{ batchsize: 5 }, /^INVALID_ARGUMENT: .*did you mean 'batchSize'/],
  [{}, /^INVALID_ARGUMENT: .*names no override; give batchSize, concurrency, idleCeilingMs/],
  [{ batchSize: undefined }, /^INVALID_ARGUMENT: .*names no override/],
  [null, /^INVALID_ARGUMENT: /],
  ['batchSize', /^INVALID_ARGUMENT: /],
])('F1: a change of %j is refused', (change, text) => {
  expect(refusal(change)).toMatch(text);
});
