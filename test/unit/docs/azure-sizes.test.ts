/** The figures of docs/azure.md that follow from others. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { settingDescriptions } from '../../../src/settings.ts';
import { onDemandOthers, registryWorkers, zonesKeep } from '../../support/registry-workers.ts';

const text = readFileSync(path.join(__dirname, '../../../docs/azure.md'), 'utf8');
const cells = (start: string) =>
  new RegExp(`^\\| ${start} +\\|(.*)\\|$`, 'm')
    .exec(text)![1]!
    .split('|')
    .map((cell) => cell.trim());

test('docs/azure.md: the workers of each registry, and the instances that they carry', () => {
  const poolSize = Number(
    settingDescriptions.find(({ variable }) => variable === 'MULTI_OUTBOX_SQL_POOL_SIZE')!.fallback,
  );
  const skus = cells('`registrySku`');
  expect(skus).toEqual(Object.keys(registryWorkers));
  expect(cells('concurrent workers').map(Number)).toEqual(skus.map((sku) => registryWorkers[sku]));
  const largest = (others: number) =>
    skus.map((sku) => Math.floor(registryWorkers[sku]! / poolSize) - others);
  expect(cells('largest `maximumInstanceCount`').map(Number)).toEqual(largest(onDemandOthers));
  const zones = largest(zonesKeep).map((count, index) => (skus[index]!.startsWith('GP_') ? `${count}` : '–'));
  expect(cells('the same, with `zoneRedundant`')).toEqual(zones);
  expect(text).toContain(
    `or with zoneRedundant ${zonesKeep}: two always ready instances of each of eight groups`,
  );
});

test('docs/azure.md: the looks and logs of a fleet', () => {
  const month = 2_592_000;
  for (const tenants of [10, 100, 1_000, 10_000]) {
    const [often, hourly, daily, logs] = cells(tenants.toLocaleString('en')).map((cell) =>
      Number(cell.replaceAll(',', '')),
    );
    const looks = [300, 3_600, 86_400].map((seconds) => (tenants * month) / seconds);
    expect([often, hourly, daily]).toEqual(looks);
    expect(logs).toBeCloseTo((looks[0]! * 2) / 1e6, 1);
  }
});
