// Brings the generated parts of the documentation up to date: `npm run docs`.
import { readFileSync, writeFileSync } from 'node:fs';
import { generated, withParts } from './parts.ts';

for (const document of Object.keys(generated)) {
  const file = `docs/${document}`;
  writeFileSync(file, withParts(document, readFileSync(file, 'utf8')));
}
