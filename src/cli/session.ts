import { hostname, userInfo } from 'node:os';
import { auditLimits } from '../engine/audit.ts';
import { errorText } from '../errors.ts';
import { isEmbedded } from '../fleet/engines.ts';
import type { MultiOutbox } from '../multi-outbox.ts';
import { type SettingInForce, settingsInForce } from '../settings/in-force.ts';
import {
  loadSettings,
  nearestVariable,
  type Settings,
  type SettingsInput,
  unknownVariables,
} from '../settings.ts';
import type { TelemetryExport } from '../telemetry/export.ts';
import { type Logger, silentLogger } from '../telemetry/logger.ts';
import type { Colors } from './output/colors.ts';
import { jsonLine } from './output/json.ts';
import { createLogger, type LogLevel, withoutRunLines } from './output/logger.ts';
import { type Terminal, terminalOf } from './output/terminal.ts';

/** Options that every command has. */
export interface GlobalOptions {
  readonly registry?: string;
  readonly handlers?: string;
  readonly json: boolean;
  readonly verbose: boolean;
}

/** One run of a command: its options, its output, and the library once the command opens it. */
export class Session {
  readonly options: GlobalOptions;
  #settings: Settings | undefined;
  #opened: MultiOutbox | undefined;
  #telemetry: TelemetryExport | undefined;
  #logger: Logger = silentLogger;

  constructor(options: GlobalOptions) {
    this.options = options;
  }

  /** Standard output with its width now. */
  get terminal(): Terminal {
    return terminalOf(process.stdout);
  }

  get colors(): Colors {
    return this.terminal.colors;
  }

  /** The settings that the options of the command give. */
  get given(): SettingsInput {
    const { registry, handlers } = this.options;
    return {
      ...(registry !== undefined && { registry }),
      ...(handlers !== undefined && { handlersModule: handlers }),
    };
  }

  get settings(): Settings {
    this.#settings ??= loadSettings(this.given);
    return this.#settings;
  }

  settingsInForce(): SettingInForce[] {
    return settingsInForce(this.given);
  }

  /** Whether the registry is a file, so that tenants are too, unless they name a server. */
  get embedded(): boolean {
    return isEmbedded(this.settings.registry);
  }

  /**
   * Opens the library at the first call. Only commands that need handlers load them, so that an operator can inspect
   * the fleet even if the handler module is broken.
   */
  async open(
    options: { handlers?: boolean; level?: LogLevel; runLines?: boolean; scraped?: boolean } = {},
  ): Promise<MultiOutbox> {
    if (this.#opened === undefined) {
      const { createMultiOutbox } = await import('../multi-outbox.ts');
      const level = this.options.verbose ? 'debug' : (options.level ?? 'warn');
      this.#logger = await createLogger({ json: this.options.json, level });
      for (const name of unknownVariables()) {
        this.#logger.warn(
          `${name} is not a setting and has no effect; ${correction(name)} (docs/configuration.md lists them all) or remove it.`,
        );
      }
      if (options.handlers && this.options.json) keepStandardOutput();
      const handlers = options.handlers ? await this.loadHandlers() : [];
      if (options.handlers) this.#telemetry = await this.#sendTelemetry(options.scraped ?? false);
      this.#opened = createMultiOutbox({
        ...this.given,
        handlers,
        actor: operatorName(),
        logger: options.runLines || this.options.verbose ? this.#logger : withoutRunLines(this.#logger),
      });
    }
    return this.#opened;
  }

  /** Logs nothing before `open`. */
  get logger(): Logger {
    return this.#logger;
  }

  async loadHandlers() {
    const { loadHandlers } = await import('./handlers.ts');
    return loadHandlers(this.settings);
  }

  /** Prints a result on standard output: `value` as one line of JSON with --json, else the text of `human`, if any. */
  async show(value: unknown, human: () => string | Promise<string>): Promise<void> {
    if (this.options.json) {
      process.stdout.write(jsonLine(value));
      return;
    }
    const text = await human();
    // Nothing is known yet: an error follows.
    if (text === '') return;
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  async close(): Promise<void> {
    await this.#opened?.close();
    await this.#telemetry?.close();
  }

  /** The metrics as text; undefined unless `open` was called with `scraped`. */
  get scrape(): (() => Promise<string>) | undefined {
    return this.#telemetry?.scrape;
  }

  /**
   * Starts the telemetry export. If that fails, the command warns and goes on, unless the metrics were asked for by an
   * option.
   */
  async #sendTelemetry(scraped: boolean): Promise<TelemetryExport | undefined> {
    const { exportTelemetry } = await import('../telemetry/export.ts');
    try {
      return await exportTelemetry(undefined, process.env, { scraped });
    } catch (error) {
      if (scraped) throw error;
      this.#logger.warn(errorText(error));
      return undefined;
    }
  }
}

/** Who runs the command, for the record of operators' acts. */
export function operatorName(): string {
  try {
    return `${userInfo().username}@${hostname()}`.slice(0, auditLimits.actor);
  } catch {
    // A container's user id may have no name.
    return `uid ${process.getuid?.() ?? 'unknown'}@${hostname()}`;
  }
}

/** Redirects `console` output of handlers to standard error, because standard output holds only lines of JSON. */
function keepStandardOutput(): void {
  console.log = console.error;
  console.info = console.error;
  console.debug = console.error;
}

/** How to correct the name of a variable that is not a setting. */
export function correction(variable: string): string {
  const nearest = nearestVariable(variable);
  return nearest === undefined ? 'correct its name' : `write ${nearest}`;
}
