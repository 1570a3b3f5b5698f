/** Numbers and times for people. */
const whole = new Intl.NumberFormat('en');

/** `12,345`; a number that stands for as many or more ends with +. */
export function count(value: number, isAtLeast = false): string {
  return `${whole.format(value)}${isAtLeast ? '+' : ''}`;
}

/** `1 tenant`, `2 tenants`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** `850 ms`, `4.2 s`, `3 min`, `2 h 5 min`, `5 d`. */
export function duration(ms: number): string {
  const value = Math.max(0, ms);
  if (value < second) return `${Math.round(value)} ms`;
  if (value < 10 * second) return `${Math.floor(value / 100) / 10} s`;
  if (value < 2 * minute) return `${Math.floor(value / second)} s`;
  if (value < 2 * hour) return `${Math.floor(value / minute)} min`;
  if (value < 2 * day) {
    const minutes = Math.floor((value % hour) / minute);
    return `${Math.floor(value / hour)} h${minutes === 0 ? '' : ` ${minutes} min`}`;
  }
  return `${Math.floor(value / day)} d`;
}

/** How long ago, or how late, in whole seconds and more: `6 s`, `3 min`. Fractions would only flicker. */
export function age(ms: number): string {
  return ms < 10 * second ? `${Math.floor(Math.max(0, ms) / second)} s` : duration(ms);
}

/** A duration as a setting takes it, without rounding: `90s`, `5m`, `1500ms`. */
export function exactDuration(ms: number): string {
  const units = [
    ['d', day],
    ['h', hour],
    ['m', minute],
    ['s', second],
  ] as const;
  const [unit, size] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}

/** Milliseconds since a time; null without one. */
export function ageOf(utc: string | null, asOf: Date): number | null {
  return utc === null ? null : Math.max(0, asOf.getTime() - Date.parse(utc));
}

const localTime = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

export function clock(time: Date): string {
  return localTime.format(time);
}

/** A time in full, in the zone of the clock on the wall and in UTC. */
export function fullTime(utc: string): string {
  const time = new Date(utc);
  const local = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' }).format(time);
  return `${local} (${time.toISOString()})`;
}
