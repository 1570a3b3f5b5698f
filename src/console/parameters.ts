/** The checks of parameters that several routes take. Each is bounded. */
import * as v from 'valibot';
import { queueNames } from '../engine/work-queue.ts';
import { tenantIdPattern } from '../fleet/tenants/tenant-id.ts';

/** Text without control characters. */
export const text = (most: number) => v.pipe(v.string(), v.maxLength(most), v.regex(/^[^\p{Cc}\p{Cs}]*$/u));

/** A whole number, which a query has as text. */
export const whole = (least: number, most: number) =>
  v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number))]),
    v.integer(),
    v.minValue(least),
    v.maxValue(most),
  );

export const flag = v.pipe(
  v.picklist(['true', 'false']),
  v.transform((word) => word === 'true'),
);

export const tenantId = v.pipe(v.string(), v.regex(tenantIdPattern));
/** Ids as a query has them: separated by commas. */
export const tenantIds = (most: number) =>
  v.pipe(
    v.string(),
    v.maxLength(most * 65),
    v.transform((list) => list.split(',')),
    v.array(tenantId),
    v.maxLength(most),
  );
/** The bounds of the values are those of the library, which checks them. Null: as the fleet. */
export const overrideParameters = {
  batchSize: v.nullable(v.number()),
  concurrency: v.nullable(v.number()),
  /** Milliseconds, or text such as '5m' or 'never'. */
  idleCeilingMs: v.nullable(v.union([v.number(), text(40)])),
};
export const queue = v.picklist(queueNames);
export const messageId = v.pipe(text(200), v.minLength(1));
export const uuid = v.pipe(v.string(), v.regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i));
export const filterText = v.optional(v.pipe(text(400), v.minLength(1)));

/** Without the fields that have no value: the library takes none that is undefined. */
export function definedOf<Given extends object>(
  given: Given,
): { [Name in keyof Given]: Exclude<Given[Name], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never;
}

/** The names that paths have. */
export const pathParameters: Readonly<Record<string, v.GenericSchema<unknown, string>>> = {
  tenant: tenantId,
  queue,
  message: messageId,
  operation: uuid,
  asset: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,60}\.(js|css|svg)$/)),
};
