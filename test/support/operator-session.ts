/**
 * Plays sessions of docs/troubleshooting.md: the commands of its `console` blocks, against a staged fleet. What they print must
 * be what the document says, apart from times, durations and ids.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { exitCodes } from '../../src/cli/errors.ts';
import { type CliResult, plainEnvironment } from './cli-process.ts';
import type { CliRequest } from './cli-program.ts';
import { type CodeBlock, root } from './documents.ts';

/** A line that an operator types or does, and what is on the screen then. */
export interface Step {
  /** `$`: a command; `#`: something else that the operator does. */
  readonly kind: '$' | '#';
  readonly text: string;
  readonly screen: string;
}

/** The steps of a `console` block. */
export function stepsOf({ code }: Pick<CodeBlock, 'code'>): Step[] {
  const parts = code.split(/^(?=[$#] )/m).filter((part) => part !== '');
  return parts.map((part) => {
    const [first = '', ...screen] = part.split('\n');
    const kind = first[0];
    if (kind !== '$' && kind !== '#') throw new Error(`A session begins with a command, not with: ${first}`);
    return { kind, text: first.slice(2), screen: screen.join('\n') };
  });
}

/** So wide that nothing is left out, wrapped or cut, however long the durations are. */
const columns = 400;

const uuid = /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/g;

/** Times, durations, ids and hosts become the same words everywhere; how a table is padded does not count. */
function folded(screen: string): string[] {
  return (
    screen
      .replaceAll(uuid, '<id>')
      .replaceAll(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z/g, '<time>')
      .replaceAll(/(?<![\w.])[+-]?\d+(?:\.\d+)?(?:ms| s|s|m|h|d)\b/g, '<duration>')
      // A machine that is slow reads later that something is due.
      .replaceAll(/\b(?:in <duration>|now)(?=\s)/g, '<due>')
      .replaceAll(/\b[\w.-]+:\d+:[\da-f]{8}(?::[\da-f]{8})?\b/g, '<owner>')
      .split(/\s+/)
      .filter((word) => word !== '')
  );
}

/** The words of a command: separated by blanks, or in quotes. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? double ?? bare!,
  );
}

/** The program, in a process that runs one command after another. */
export class OperatorTerminal {
  readonly #process: ChildProcess = fork(path.join(__dirname, 'cli-program.ts'), {
    env: { ...plainEnvironment(), NO_COLOR: '1' },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });

  async run(args: readonly string[], { folder, env = {} }: Stage): Promise<CliResult> {
    const answered = once(this.#process, 'message');
    this.#process.send({ args, folder, columns, env } satisfies CliRequest);
    return (await answered)[0];
  }

  async close(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill();
    await ended;
  }
}

export interface Stage {
  readonly folder: string;
  /** App settings of the terminal, as they are at each command. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the document shows in place of names that are others in each staging. */
  readonly shown?: (printed: string) => string;
  /** What the operator does besides typing commands, by the line of the document. */
  readonly acts?: Readonly<Record<string, () => unknown>>;
  /** The hosts of the fleet do what is due. It is called after each command that changes something. */
  readonly dispatch?: () => Promise<unknown>;
}

/** Exit codes by docs/commands.md. */
function exitCode(screen: string): number {
  if (/^error: By the last reports/m.test(screen)) return exitCodes.troubled;
  return /^error:/m.test(screen) ? exitCodes.failed : exitCodes.done;
}

const changes = /^(?:wake|leases release|tenants (?:change|resume|pause)|messages|dead) (?!list|show)/;

/** Plays blocks one after another. @returns the blocks' text with what the commands have printed. */
export async function play(
  terminal: OperatorTerminal,
  stage: Stage,
  blocks: readonly CodeBlock[],
): Promise<string[]> {
  /** The document's ids, and what they are now. */
  const ids = new Map<string, string>();
  const played: string[] = [];
  for (const block of blocks) {
    const lines: string[] = [];
    for (const { kind, text, screen } of stepsOf(block)) {
      lines.push(`${kind} ${text}`);
      if (kind === '#') {
        const act = stage.acts?.[text];
        if (act === undefined) throw new Error(`Nothing is staged for: ${text}`);
        await act();
        if (screen.trim() !== '') throw new Error(`Only commands print something, unlike: ${text}`);
        continue;
      }
      const [program, ...words] = wordsOf(text);
      if (program !== 'multi-outbox') throw new Error(`Not a command of this program: ${text}`);
      const args = words.map((word) => word.replaceAll(uuid, (id) => ids.get(id) ?? id));
      const { code, stdout, stderr } = await terminal.run(args, stage);
      const shown = stage.shown?.(stdout + stderr) ?? stdout + stderr;
      const printed = shown.replaceAll(stage.folder, '/srv/shop').replace(/ +$/gm, '').trimEnd();
      if (isWriting) {
        lines.push(printed);
      } else {
        expect([text, folded(printed)]).toEqual([text, folded(screen)]);
        expect([text, code]).toEqual([text, exitCode(screen)]);
        const [told, found] = [screen.match(uuid) ?? [], printed.match(uuid) ?? []];
        for (const [index, id] of told.entries()) ids.set(id, found[index]!);
      }
      if (changes.test(words.join(' '))) await stage.dispatch?.();
    }
    played.push(`${lines.join('\n')}\n`);
  }
  return played;
}

/** WRITE_SESSIONS=1 writes what the commands print into the document, to be reviewed. Ids in later commands then follow by hand. */
export const isWriting = process.env.WRITE_SESSIONS === '1';

export function write(blocks: readonly CodeBlock[], played: readonly string[]): void {
  for (const [index, { document, code, name }] of blocks.entries()) {
    const file = path.join(root, document);
    const head = `<!-- runs: ${name} -->\n\`\`\`console\n`;
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace(head + code, () => head + played[index]!),
    );
  }
}
