/** A real browser on a console of this computer. It notes everything that a page must not do. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { serveLocalConsole } from '../../src/console/local/serve.ts';
import { type Right, rights } from '../../src/console/rights.ts';
import type { MultiOutbox } from '../../src/multi-outbox.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The browser of this computer; undefined when there is none. */
export const browserPath = [process.env.CHROMIUM ?? '', ...places].find(
  (file) => file !== '' && existsSync(file),
);

export interface Opened {
  readonly page: Page;
  /** Errors and warnings of the browser's console, requests to elsewhere, refusals by the policy, attacks that worked. */
  readonly complaints: string[];
}

export class ConsoleBrowser {
  #browser: Browser | undefined;
  readonly #closing: (() => Promise<unknown>)[] = [];

  async start(): Promise<void> {
    this.#browser = await chromium.launch({ executablePath: browserPath!, args: ['--no-sandbox'] });
  }

  /** Opens the console in a browser profile of its own. */
  async open(
    multiOutbox: MultiOutbox,
    options: { rights?: readonly Right[]; context?: Parameters<Browser['newContext']>[0] } = {},
  ): Promise<Opened> {
    const printed = await this.serve(multiOutbox, options.rights);
    const context = await this.#browser!.newContext(options.context);
    this.#closing.push(() => context.close());
    const page = await context.newPage();
    const complaints = await watched(context, page, new URL(printed).origin);
    await page.goto(printed);
    return { page, complaints };
  }

  /** Serves a console; returns the address that opens it once. */
  async serve(multiOutbox: MultiOutbox, allowed: readonly Right[] = rights): Promise<string> {
    const { url, close } = await serveLocalConsole(multiOutbox, {
      port: 0,
      rights: allowed,
      actor: 'tester',
      logger: silentLogger,
    });
    this.#closing.push(close);
    return url;
  }

  /** Closes what was opened since the last call. */
  async clear(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close();
  }

  async stop(): Promise<void> {
    await this.#browser?.close();
  }
}

async function watched(context: BrowserContext, page: Page, origin: string): Promise<string[]> {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => complaints.push(`dialog: ${dialog.message()}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) complaints.push(`request: ${request.url()}`);
  });
  await context.exposeFunction('refusedByPolicy', (text: string) => complaints.push(`policy: ${text}`));
  const content =
    "document.addEventListener('securitypolicyviolation', (event) => refusedByPolicy(event.violatedDirective + ' ' + event.blockedURI))";
  await context.addInitScript({ content });
  return complaints;
}
