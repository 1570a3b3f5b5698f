/** The code blocks of the documents, and a user's project to run them in. */
import { execFile } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { packedPackage } from './packed-package.ts';

export const root = path.join(__dirname, '../..');
const run = promisify(execFile);
const stopHost = pathToFileURL(path.join(__dirname, 'stop-host.mjs')).href;

export interface CodeBlock {
  readonly document: string;
  readonly line: number;
  readonly language: string;
  /**
   * The name in the comment before the block, `<!-- runs: NAME -->`. A test runs the block; other blocks import it as a
   * file of this name.
   */
  readonly name: string | undefined;
  /** The reason in the comment before the block, `<!-- not run: REASON -->`. */
  readonly reason: string | undefined;
  readonly code: string;
}

export const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'sql/README.md',
  ...globSync(['examples/{azure,csharp-producer,express-prisma,nestjs,plain}/README.md', 'docs/*.md'], {
    cwd: root,
  })
    .map((file) => file.split(path.sep).join('/'))
    .sort(),
];

export function blocksOf(document: string): CodeBlock[] {
  const text = readFileSync(path.join(root, document), 'utf8');
  const block = /(?:<!-- (?:runs: ([\w-]+)|not run: ([^\n]+?)) -->\n)?^```(\w+)\n(.*?)^```/gms;
  return [...text.matchAll(block)].map((match) => ({
    document,
    line: text.slice(0, match.index).split('\n').length,
    name: match[1],
    reason: match[2],
    language: match[3]!,
    code: match[4]!,
  }));
}

/** The block of this name and language. */
export function blockOf(document: string, language: string, name: string): CodeBlock {
  const found = blocksOf(document).find((block) => block.name === name && block.language === language);
  if (found === undefined) throw new Error(`${document} has no block '${name}' in ${language}`);
  return found;
}

/** The output that the block promises in comments `// prints: …`. */
export function promised({ code }: CodeBlock): string[] {
  return [...code.matchAll(/\/\/ prints: (.*)/g)].map(([, line]) => line!);
}

/**
 * A folder with the packed multi-outbox and the other packages that the documents use. A `multi-outbox run` in it is
 * stopped as soon as it listens for SIGTERM.
 */
export class UserProject {
  readonly env: Record<string, string> = {};
  readonly folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-docs-'));

  constructor() {
    mkdirSync(this.file('node_modules/.bin'), { recursive: true });
    const { folder } = packedPackage();
    // On Windows this makes a junction, which needs no rights; other systems ignore the word.
    symlinkSync(folder, this.file('node_modules/multi-outbox'), 'junction');
    // Only POSIX shell blocks run programs by name, and Windows skips those blocks.
    if (process.platform !== 'win32') {
      symlinkSync(path.join(folder, 'dist/cli.js'), this.file('node_modules/.bin/multi-outbox'));
    }
    const libraries = ['better-sqlite3', 'drizzle-orm', 'knex', 'kysely', 'typeorm', '@libsql', '@mikro-orm'];
    for (const name of ['valibot', 'mssql', '@types', '@azure', ...libraries]) {
      symlinkSync(path.join(root, 'node_modules', name), this.file(`node_modules/${name}`), 'junction');
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

  /** Runs shell commands up to the first that fails. */
  shell(commands: string) {
    return this.#run('sh', ['-e', '-c', commands]);
  }

  /** Runs a block to its end; returns the lines that it printed. */
  async run({ name, language, code }: CodeBlock): Promise<string[]> {
    const { stdout } = language === 'ts' ? await this.node(`${name}.ts`) : await this.shell(code);
    return stdout.split('\n').slice(0, -1);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(command: string, args: string[]) {
    const PATH = [this.file('node_modules/.bin'), path.dirname(process.execPath), process.env.PATH].join(
      path.delimiter,
    );
    const running = run(command, args, {
      cwd: this.folder,
      env: { ...process.env, PATH, NODE_NO_WARNINGS: '1', NODE_OPTIONS: `--import ${stopHost}`, ...this.env },
    });
    running.child.stdin?.end();
    return running;
  }
}
