/** What a server's processes have cost so far, from Linux' /proc. */
import { readFileSync } from 'node:fs';

export interface ProcessesCost {
  /** Processor time of the processes, with those that have ended. */
  readonly cpuMs: number;
  /** Memory, with each process's share of what they share (PSS). */
  readonly mebibytes: number;
}

/** Linux counts processor time in hundredths of a second, on every machine that Node runs on. */
const msPerTick = 10;

/** @param pid the parent of the server's other processes; undefined where there is no /proc */
export function processesCost(pid: number): ProcessesCost | undefined {
  const children = read(`/proc/${pid}/task/${pid}/children`);
  if (children === '') return undefined;
  let ticks = 0;
  let kibibytes = 0;
  for (const one of [pid, ...children.trim().split(' ').map(Number)]) {
    // The name, in parentheses, may contain anything. utime, stime, cutime and cstime are the fields 14 to 17.
    const stat = read(`/proc/${one}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    for (const field of fields.slice(11, one === pid ? 15 : 13)) ticks += Number(field);
    kibibytes += Number(/^Pss: +(\d+)/m.exec(read(`/proc/${one}/smaps_rollup`))?.[1] ?? 0);
  }
  return { cpuMs: ticks * msPerTick, mebibytes: kibibytes / 1_024 };
}

/** A process may end meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
