/** The words that programs and procedures exchange: each procedure knows those of the engine's interface, and no others. */

import { messageLimits, type Outcome } from '../../../src/engine/message.ts';
import { actStates, walks } from '../../../src/engine/message-search.ts';
import { candidateOrders, tenantEditors } from '../../../src/engine/registry.ts';
import { wholeMs } from '../../../src/engine/sqlserver/text.ts';
import { runOutcomes, type TenantReport } from '../../../src/engine/tenant-report.ts';
import { tenantStatuses } from '../../../src/engine/tenant-status.ts';
import type { SettleRequest } from '../../../src/engine/work-queue.ts';
import { batches, proceduresOf } from './t-sql-procedures.ts';

const procedures = proceduresOf(batches());

/** The words of the list behind `what NOT IN`, in a procedure that throws 51005 for others. */
function known(procedure: string, what: string): string[] {
  const body = procedures.get(procedure)?.body ?? '';
  const list = new RegExp(`${what} NOT IN \\(([^)]*)\\)[^;]*THROW 51005`).exec(body)?.[1] ?? '';
  return [...list.matchAll(/N'([^']*)'/g)].map(([, word]) => word!).sort();
}

// Records, so that the compiler refuses one that lacks a word of the type.
const kinds: Record<Outcome['kind'], true> = { done: true, retry: true, dead: true, release: true };
const onDead: Record<SettleRequest['onDead'], true> = { block: true, continue: true };
const then: Record<SettleRequest['then']['do'], true> = {
  claim: true,
  'renew-lease': true,
  'release-lease': true,
};
const modes: Record<TenantReport['schedule']['mode'], true> = { set: true, 'at-most': true };

test.each<[procedure: string, what: string, words: readonly string[]]>([
  ['Outbox_LeaseSettleClaim', 'Kind', Object.keys(kinds)],
  ['Inbox_LeaseSettleClaim', 'Kind', Object.keys(kinds)],
  ['Outbox_SettleAndClaim', '@OnDead', Object.keys(onDead)],
  ['Outbox_SettleAndClaim', '@Then', Object.keys(then)],
  ['Outbox_Find', '@Walk', walks],
  ['Inbox_Act', '@Act', Object.keys(actStates)],
  ['Operation_Change', '@Act', ['take', 'progress', 'done', 'cancel']],
  ['Plan_Begin', '@OrderBy', candidateOrders],
  ['Tenant_Report', '@Outcome', runOutcomes],
  ['Tenant_Report', '@Mode', Object.keys(modes)],
  ['Tenant_SetStatus', '@Status', tenantStatuses],
  ['Tenant_SetStatus', '@By', tenantEditors],
  ['Tenant_Add', '@By', tenantEditors],
  ['Tenant_List', '@Status', tenantStatuses],
])('%s: %s (text of the scripts, no server)', (procedure, what, words) => {
  expect(known(procedure, what)).toEqual([...words].sort());
});

test('Q15: each read of the content has the limit that programs have (text of the scripts, no server)', () => {
  for (const queue of ['Outbox', 'Inbox']) {
    for (const name of ['LeaseSettleClaim', 'Get']) {
      const body = procedures.get(`${queue}_${name}`)!.body;
      for (const column of ['Payload', 'Headers']) {
        expect(body).toContain(
          `CASE WHEN q.ContentBytes <= ${messageLimits.contentBytes} THEN q.${column} END AS ${column}`,
        );
      }
    }
  }
});

test('each bound of a duration is the one to which programs cut theirs (text of the scripts, no server)', () => {
  const longest = wholeMs(Number.MAX_VALUE);
  const bounds = [...procedures.values()].flatMap(({ name, parameters, body }) =>
    [...body.matchAll(/(@\w+Ms)\b(?:, -1\))? (?:NOT BETWEEN 0 AND|>) (\d+)/g)]
      // Other variables have bounds of their own.
      .filter(([, variable]) => parameters.some((parameter) => parameter.name === variable))
      // A wait is only stored. The others are added to times.
      .filter(([, variable]) => variable !== '@LongestWaitMs')
      .map(([, parameter, bound]) => `${name} ${parameter} ${bound}`),
  );
  expect(bounds.length).toBeGreaterThan(20);
  expect(bounds.filter((bound) => !bound.endsWith(` ${longest}`))).toEqual([]);
  for (const name of ['Lease_Acquire', 'Lease_Renew', 'Plan_Begin', 'Outbox_SettleAndClaim'])
    expect(bounds).toContain(`${name} @LeaseMs ${longest}`);
});
