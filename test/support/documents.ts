/** The code blocks of README.md and docs/, and a user's project to run them in. */
import { execFile } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

export const root = path.join(__dirname, '../..');
const run = promisify(execFile);

export interface CodeBlock {
  readonly document: string;
  readonly line: number;
  readonly language: string;
  /** From the comment before it, `<!-- runs: NAME -->`: it is run, and a file of this name imports it. */
  readonly name: string | undefined;
  readonly code: string;
}

export const documents = ['README.md', ...globSync('docs/*.md', { cwd: root }).sort()];

export function blocksOf(document: string): CodeBlock[] {
  const text = readFileSync(path.join(root, document), 'utf8');
  return [...text.matchAll(/(?:<!-- runs: ([\w-]+) -->\n)?^```(\w+)\n(.*?)^```/gms)].map((match) => ({
    document,
    line: text.slice(0, match.index).split('\n').length,
    name: match[1],
    language: match[2]!,
    code: match[3]!,
  }));
}

/** What the block says that it prints, by comments `// prints: …`. */
export function promised({ code }: CodeBlock): string[] {
  return [...code.matchAll(/\/\/ prints: (.*)/g)].map(([, line]) => line!);
}

/** A folder in which multi-outbox and valibot are installed. */
export class UserProject {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-docs-'));

  constructor() {
    mkdirSync(this.file('node_modules/.bin'), { recursive: true });
    symlinkSync(root, this.file('node_modules/multi-outbox'));
    symlinkSync(path.join(root, 'dist/cli.js'), this.file('node_modules/.bin/multi-outbox'));
    for (const name of ['valibot', 'mssql', '@types']) {
      symlinkSync(path.join(root, 'node_modules', name), this.file(`node_modules/${name}`));
    }
    writeFileSync(this.file('package.json'), '{"type":"module","scripts":{"cli":"multi-outbox"}}');
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** Writes the named TypeScript blocks where they can import each other. */
  write(blocks: readonly CodeBlock[], folder = '.'): void {
    mkdirSync(this.file(folder), { recursive: true });
    for (const { name, language, code } of blocks) {
      if (name !== undefined && language === 'ts') writeFileSync(this.file(`${folder}/${name}.ts`), code);
    }
  }

  /** Runs node in the project, to its end. */
  node(...args: string[]) {
    return this.#run(process.execPath, args);
  }

  /** Runs a block to its end; returns the lines that it printed. */
  async run({ name, language, code }: CodeBlock): Promise<string[]> {
    const { stdout } =
      language === 'ts' ? await this.node(`${name}.ts`) : await this.#run('sh', ['-e', '-c', code]);
    return stdout.split('\n').slice(0, -1);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(command: string, args: string[]) {
    const PATH = [this.file('node_modules/.bin'), path.dirname(process.execPath), process.env.PATH].join(':');
    return run(command, args, {
      cwd: this.folder,
      env: { ...process.env, PATH, NODE_NO_WARNINGS: '1' },
    });
  }
}
