import { mutations } from '../../test/simulation/mutations/list.ts';
import { foundWithin, type Measurement, readMeasurements } from '../../test/simulation/mutations/measured.ts';

const folder = 'test/simulation/mutations';

/**
 * The simulator's mutations with what was measured for each, and how many were found.
 * @throws Error when a measurement has no mutation
 */
export function mutationsTable(): string {
  const measurements = readMeasurements(folder);
  const unknown = Object.keys(measurements).filter((name) => !mutations.some((each) => each.name === name));
  if (unknown.length > 0)
    throw new Error(`${folder}/measured.json has no mutation '${unknown.join("', '")}'.`);
  const all = Object.values(measurements);
  const found = all.filter(({ foundAs, histories }) => foundAs !== null && histories <= foundWithin).length;
  return [
    `Mutations: ${mutations.length}. Found within ${foundWithin} seeds: ${found}. Not found: ${all.length - found}. Not measured yet: ${mutations.length - all.length}.`,
    '',
    '| mutation | breaks | histories | seed | found as |',
    '| --- | --- | ---: | ---: | --- |',
    ...mutations.map(({ name, breaks }) => `| ${name} | ${breaks} | ${cellsOf(measurements[name])} |`),
  ].join('\n');
}

function cellsOf(measured: Measurement | undefined): string {
  if (measured === undefined) return '| | not measured';
  const { seed, histories, foundAs } = measured;
  return `${histories} | ${seed ?? ''} | ${foundAs ?? '**not found**'}`;
}
