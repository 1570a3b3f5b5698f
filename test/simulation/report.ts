import type { History } from './history.ts';

/** What a person needs to repeat a failed history and to see its end. */
export function failureText(history: History, shortest: History): string {
  const { seed } = history;
  const prefix =
    shortest === history
      ? `It fails with all ${history.faults} faults.`
      : `The shortest prefix that still fails has ${shortest.faults} of ${history.faults} faults: npm run simulation -- --seed ${seed} --faults ${shortest.faults} --trace`;
  return [
    `Seed ${seed} broke a promise. ${history.violation!.message}`,
    `Repeat it with: npm run simulation -- --seed ${seed} --trace`,
    prefix,
    ...(shortest === history ? [] : [`There it is: ${shortest.violation!.message}`]),
    `The last ${shortest.last.length} events:`,
    ...shortest.last,
  ].join('\n');
}
