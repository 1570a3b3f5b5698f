/** CHECKs that refuse what no program could read (Q15). */
import { earliestUtc, latestUtc } from '../time.ts';

export const isTime = (column: string) => `CHECK (${column} BETWEEN ${earliestUtc} AND ${latestUtc})`;
export const isCount = (column: string) => `CHECK (${column} BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER})`;
export const isFlag = (column: string) => `CHECK (${column} IN (0, 1))`;
