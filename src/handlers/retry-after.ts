/** The longest wait, in milliseconds, that one answer can ask for, so that a receiver cannot delay a message for months. */
export const longestRetryAfterMs = 3_600_000;

const day = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const month = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const time = '\\d{2}:\\d{2}:\\d{2}';
/** The three date formats of RFC 9110, section 5.6.7: the current one, RFC 850's and asctime's. */
const dated = new RegExp(`^${day}, \\d{2} ${month} \\d{4} ${time} GMT$`);
const datedRfc850 = new RegExp(
  `^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \\d{2}-${month}-\\d{2} ${time} GMT$`,
);
const datedAsctime = new RegExp(`^${day} ${month} [ \\d]\\d ${time} \\d{4}$`);

/**
 * Reads an HTTP date as milliseconds since 1970; null if the text is not an HTTP date. The format is checked first,
 * because Date.parse accepts almost any text as a date and reads an asctime date as local time.
 */
export function parseHttpDate(text: string): number | null {
  const gmt =
    dated.test(text) || datedRfc850.test(text) ? text : datedAsctime.test(text) ? `${text} GMT` : null;
  const parsed = gmt === null ? Number.NaN : Date.parse(gmt);
  return Number.isNaN(parsed) ? null : parsed;
}

/**
 * Milliseconds that a Retry-After header asks for, from 0 to `longestRetryAfterMs`; null if the header is invalid. A
 * date is compared with the response's Date header, if it has one, so that a difference between the clocks has no effect.
 */
export function retryAfterMs(retryAfter: string, date?: string, now: number = Date.now()): number | null {
  const text = retryAfter.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, longestRetryAfterMs);
  const until = parseHttpDate(text);
  if (until === null) return null;
  const from = (date === undefined ? null : parseHttpDate(date.trim())) ?? now;
  return Math.min(Math.max(0, until - from), longestRetryAfterMs);
}
