/** The steps that run on each version of Node. Every step throws when it fails. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const root = path.join(import.meta.dirname, '../..');
const cli = path.join(root, 'dist/cli.js');

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One version of Node. Its program comes first on the path, so that programs started by name use this version too. */
export class NodeUnderTest {
  readonly #program: string;
  readonly #env: NodeJS.ProcessEnv;
  /** Such as 'v22.18.0'. */
  readonly version: string;

  constructor(program: string, version: string) {
    this.#program = program;
    this.version = version;
    // The embedded suite: tests that need a server skip themselves without this setting.
    const { MULTI_OUTBOX_TEST_SQLSERVER: _, ...env } = process.env;
    const search = [path.dirname(program), process.env.PATH].join(path.delimiter);
    this.#env = { ...env, PATH: search, EXPECTED_NODE: version };
  }

  /** Asserts that the program has the expected version, both when its path and when its name starts it. */
  assertVersion(): void {
    for (const program of [this.#program, 'node']) {
      const { stdout } = this.#run(program, ['-p', 'process.version'], root);
      if (stdout.trim() !== this.version) {
        throw new Error(`${program} is ${stdout.trim() || 'not there'}, not ${this.version}`);
      }
    }
  }

  bundle(): void {
    this.#must(['esbuild.mjs'], root);
  }

  /**
   * Runs the embedded suite, or the part of it that `patterns` name, and returns how many tests passed.
   * test/support/global-setup.mjs asserts the version.
   * @throws an error that names the tests that failed
   */
  suite(patterns: readonly string[]): string {
    return inFolder((folder) => {
      const jest = path.join(root, 'node_modules/jest/bin/jest.js');
      const report = path.join(folder, 'report.json');
      const words = [jest, '--ci', '--silent', '--json', `--outputFile=${report}`, ...patterns];
      // Jest prints its progress to the standard error.
      const { status } = spawnSync(this.#program, words, {
        cwd: root,
        env: this.#env,
        stdio: ['inherit', 'ignore', 'inherit'],
      });
      if (!existsSync(report)) throw new Error(`the suite ended with ${status}, without a report`);
      const { passed, skipped, failed } = resultOf(JSON.parse(readFileSync(report, 'utf8')) as JestReport);
      const counts = `${passed} passed, ${skipped} skipped`;
      if (status === 0 && failed.length === 0) return counts;
      const names = failed.map((name) => `\n  ${name}`).join('');
      throw new Error(`${failed.length} failed, ${counts}; the suite ended with ${status}${names}`);
    });
  }

  demo(): void {
    inFolder((folder) => this.#must([cli, 'demo'], folder));
  }

  /** Takes a message through the command line. */
  commandLine(): void {
    inFolder((folder) => {
      this.#must([cli, '--help'], folder);
      this.#must([cli, 'tenants', 'add', 'acme'], folder);
      const mail = JSON.stringify({ to: 'ann@example.com', subject: 'Hello', text: 'Hi' });
      this.#must([cli, 'enqueue', 'acme', 'email.send', mail], folder);
      const ticked = this.#must([cli, 'tick', '--json'], folder);
      if (!/"done":1\b/.test(ticked)) throw new Error(`the tick did not dispatch the message: ${ticked}`);
      this.#must([cli, 'status'], folder);
    });
  }

  /**
   * Asserts that, on a Node below the floor, the command line and an import of the library each print one line that
   * names the floor.
   */
  refusal(floor: string): void {
    const line = new RegExp(
      `^multi-outbox needs Node ${floor.replaceAll('.', '\\.')} [^\\n]* ${this.version}; [^\\n]*\\n$`,
    );
    const { status, stdout, stderr } = this.#run(this.#program, [cli, 'tick'], root);
    if (status !== 1 || stdout !== '' || !line.test(stderr)) {
      throw new Error(`'tick' ended with ${status} and printed: ${stdout}${stderr}`);
    }
    for (const entry of ['index', 'handlers', 'sources', 'functions', 'testing', 'functions/main']) {
      const file = `dist/${entry}.js`;
      const url = pathToFileURL(path.join(root, file)).href;
      const script = `import('${url}').then(() => console.log('loaded'), (error) => console.log(error.message))`;
      const imported = this.#run(this.#program, ['-e', script], root).stdout;
      if (!line.test(`${imported.trim().split('\n').at(-1)}\n`)) {
        throw new Error(`importing ${file} printed: ${imported}`);
      }
    }
  }

  #must(words: readonly string[], cwd: string): string {
    const { status, stdout, stderr } = this.#run(this.#program, words, cwd);
    if (status !== 0) throw new Error(`node ${words.join(' ')} ended with ${status}\n${stdout}${stderr}`);
    return stdout;
  }

  #run(program: string, words: readonly string[], cwd: string): Ran {
    return spawnSync(program, words, { cwd, env: this.#env, encoding: 'utf8' });
  }
}

interface JestReport {
  readonly numPassedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** A file that fails without a failed test, because it cannot be loaded, is named by itself. */
function resultOf(report: JestReport): { passed: number; skipped: number; failed: string[] } {
  const failed = report.testResults.flatMap(({ name, status, assertionResults }) => {
    const file = path.relative(root, name);
    const tests = assertionResults.filter((test) => test.status === 'failed');
    if (tests.length === 0) return status === 'failed' ? [file] : [];
    return tests.map(({ fullName }) => `${file}: ${fullName}`);
  });
  return { passed: report.numPassedTests, skipped: report.numPendingTests, failed };
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-floor-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
