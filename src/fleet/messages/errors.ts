/** The errors of Dead messages, grouped over the fleet. */
import { createHash } from 'node:crypto';
import type { FoundMessage, MessageFilter } from '../../engine/message-search.ts';
import type { TenantError } from '../../engine/operation-store.ts';
import type { WorkQueue } from '../../engine/work-queue.ts';
import { type CheckedBounds, inParts, type MessagePage } from './search.ts';

/** Dead messages whose last errors differ only in numbers, ids and quoted texts; plain JSON. */
export interface ErrorGroup {
  /** Names the group: the same in every call and on every host. */
  readonly fingerprint: string;
  /** The text of the errors, with numbers, ids and quoted texts folded. */
  readonly text: string;
  /** A part that the errors of all its messages have, for the filter `errorText`; null if they have none that tells anything. */
  readonly matching: string | null;
  readonly count: number;
  /** How many tenants have such a message. */
  readonly tenants: number;
  /** The first of them, at most 20. */
  readonly tenantIds: readonly string[];
  /** At most 20. */
  readonly topics: readonly string[];
  /** When the first and the last of the messages became Dead; ISO text. */
  readonly firstUtc: string;
  readonly lastUtc: string;
  /** One of the messages: the one that became Dead last. */
  readonly example: { readonly tenantId: string; readonly messageId: string };
}

export interface ErrorGroups {
  /** The largest group comes first. */
  readonly groups: readonly ErrorGroup[];
  /** How many messages were grouped. */
  readonly count: number;
  /** How many tenants were read. */
  readonly tenants: number;
  /** The tenants of which not all Dead messages were examined, with the bound at which their search ended. */
  readonly cut: readonly { readonly tenantId: string; readonly by: 'examined' | 'time' }[];
  /** The tenants that could not be read. */
  readonly failures: readonly TenantError[];
}

const longestFolded = 200;
const mostListed = 20;
/** So that errors which are all different do not fill the memory. */
const mostGroups = 10_000;

/** A pattern, what stands for its matches, and which of them are folded, if not all. */
const folds: readonly (readonly [pattern: RegExp, name: string, isFolded?: (match: string) => boolean])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '<id>'],
  // An apostrophe within a word quotes nothing.
  [/"[^"]*"|(?<!\w)'[^']*'(?!\w)|`[^`]*`|“[^”]*”|«[^»]*»/g, '<text>'],
  [/\b\w{8,}\b/g, '<id>', isMixed],
  [/\d+(?:[.,:]\d+)*/g, '<n>'],
  [/\s+/g, ' '],
];

/**
 * Whether a letter stands between two digits of the word, as in a hash or a key. One pattern for it would try the digits and
 * letters of a long word in all combinations.
 */
function isMixed(word: string): boolean {
  const digit = /[0-9]/;
  const first = word.search(digit);
  if (first < 0) return false;
  let last = word.length - 1;
  while (!digit.test(word[last]!)) last--;
  return /[a-z]/i.test(word.slice(first + 1, last));
}

function replaced(text: string, [pattern, , isFolded]: (typeof folds)[number], by: string): string {
  return text.replace(pattern, (match) => (isFolded === undefined || isFolded(match) ? by : match));
}

/** The text of an error without what differs from message to message. */
export function foldedError(text: string): string {
  const folded = folds.reduce((each, fold) => replaced(each, fold, fold[1]), text.slice(0, 4_000));
  return folded.trim().slice(0, longestFolded);
}

const shortestPart = 4;
const longestPart = 200;

/** The parts of an error between numbers, ids and quoted texts, as they are stored; the longest comes first. */
function partsOf(error: string): string[] {
  const marked = folds.slice(0, -1).reduce((each, fold) => replaced(each, fold, '\0'), error.slice(0, 4_000));
  // Lines are parts of their own: a filter that people type is one line.
  return [...new Set(marked.split(/\p{Cc}+/u).map((part) => part.trim().slice(0, longestPart).trim()))]
    .filter((part) => part.length >= shortestPart && /\p{L}/u.test(part) && part.isWellFormed())
    .sort((a, b) => b.length - a.length)
    .slice(0, mostListed);
}

export function fingerprintOf(folded: string): string {
  return createHash('sha256').update(folded).digest('hex').slice(0, 12);
}

interface Group {
  readonly text: string;
  /** What is between the folded parts of the first error; of it what all later ones have too. */
  parts: readonly string[];
  count: number;
  readonly tenantIds: Set<string>;
  readonly topics: Set<string>;
  first: number;
  last: number;
  example: ErrorGroup['example'];
}

export class ErrorGrouping {
  readonly #groups = new Map<string, Group>();
  #count = 0;

  add(tenantId: string, { messageId, topic, lastError, settledUtc }: FoundMessage): void {
    const at = settledUtc?.getTime() ?? 0;
    const error = lastError ?? '';
    const example = { tenantId, messageId };
    let text = foldedError(lastError ?? '(no error)');
    if (!this.#groups.has(text) && this.#groups.size >= mostGroups) text = '(other errors)';
    let group = this.#groups.get(text);
    if (group === undefined) {
      const parts = partsOf(error);
      group = {
        text,
        parts,
        count: 0,
        tenantIds: new Set(),
        topics: new Set(),
        first: at,
        last: at,
        example,
      };
      this.#groups.set(text, group);
    } else if (group.parts.length > 0) {
      const searched = error.toLowerCase();
      group.parts = group.parts.filter((part) => searched.includes(part.toLowerCase()));
    }
    this.#count++;
    group.count++;
    group.tenantIds.add(tenantId);
    if (group.topics.size < mostListed) group.topics.add(topic);
    group.first = Math.min(group.first, at);
    if (at >= group.last) Object.assign(group, { last: at, example });
  }

  get count(): number {
    return this.#count;
  }

  groups(): ErrorGroup[] {
    return [...this.#groups.values()]
      .sort((a, b) => b.count - a.count || b.last - a.last)
      .map(({ text, parts, count, tenantIds, topics, first, last, example }) => ({
        fingerprint: fingerprintOf(text),
        text,
        matching: parts[0] ?? null,
        count,
        tenants: tenantIds.size,
        tenantIds: [...tenantIds].sort().slice(0, mostListed),
        topics: [...topics].sort(),
        firstUtc: new Date(first).toISOString(),
        lastUtc: new Date(last).toISOString(),
        example,
      }));
  }
}

/** The errors of one call to the database may be long, and are in memory together. */
const mostTogether = 1_000;

/** Adds a tenant's Dead messages that match, part after part. Returns why the search was cut; null if it was not. */
export async function groupErrors(
  queue: WorkQueue,
  tenantId: string,
  filter: MessageFilter,
  bounds: CheckedBounds,
  grouping: ErrorGrouping,
): Promise<MessagePage['cut']> {
  const { cut } = await inParts(queue, filter, { ...bounds, most: mostTogether }, null, async (part) => {
    const found = await queue.find(filter, { ...part, limit: part.examine });
    for (const message of found.messages) grouping.add(tenantId, message);
    return { ...found, isFull: false };
  });
  return cut;
}
