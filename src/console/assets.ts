/** The page's files, which the build has put into dist/console with hashes in their names. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { MultiOutboxError } from '../errors.ts';

export interface Assets {
  /** Names of files. */
  readonly script: string;
  readonly style: string;
  readonly icon: string;
  readonly files: ReadonlyMap<string, { readonly type: string; readonly body: Uint8Array<ArrayBuffer> }>;
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

/** Reads them all; they are small. @throws MultiOutboxError INVALID_CONFIGURATION when the program was not built */
export function readAssets(folder: string = assetFolder()): Assets {
  const { script, style, icon } = JSON.parse(readFileSync(path.join(folder, 'assets.json'), 'utf8'));
  const files = new Map(
    [script, style, icon].map((name: string) => [
      name,
      { type: types[path.extname(name)]!, body: new Uint8Array(readFileSync(path.join(folder, name))) },
    ]),
  );
  return { script, style, icon, files };
}

/** Finds the files beside the bundle, or from the sources the folder of the last build. */
function assetFolder(from: string = import.meta.dirname): string {
  for (let folder = from; ; folder = path.dirname(folder)) {
    for (const candidate of ['console', 'dist/console'])
      if (existsSync(path.join(folder, candidate, 'assets.json'))) return path.join(folder, candidate);
    if (path.dirname(folder) === folder) break;
  }
  throw new MultiOutboxError(
    'INVALID_CONFIGURATION',
    "the console's folder dist/console is missing; deploy it beside the program, or build it with 'npm run bundle'",
  );
}

/** The one document of the console; nothing of a request is in it. */
export function documentOf({ script, style, icon }: Assets, basePath: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Multi-outbox</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="console-base" content="${basePath}">
<link rel="icon" href="${basePath}/assets/${icon}">
<link rel="stylesheet" href="${basePath}/assets/${style}">
<script type="module" src="${basePath}/assets/${script}"></script>
</head>
<body>
<div id="console"></div>
<noscript>This page needs JavaScript. The command line shows the same: multi-outbox status, tenants, messages.</noscript>
</body>
</html>
`;
}
