import { timingSafeEqual } from 'node:crypto';

/** The value of a request's cookie; null if it has none that is made of letters, digits, '_', '-' and '.'. */
export function cookieOf(request: Request, name: string): string | null {
  const cookies = request.headers.get('cookie') ?? '';
  return new RegExp(`(?:^|;\\s*)${name}=([\\w.-]+)(?:;|$)`).exec(cookies)?.[1] ?? null;
}

/** Compares secrets; the time that it takes does not tell where they differ. */
export function sameText(given: string | null, wanted: string | null): boolean {
  if (given === null || wanted === null) return false;
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}
