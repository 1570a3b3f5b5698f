// Brings the generated parts of the documentation up to date: `npm run docs`.
import { readFileSync, writeFileSync } from 'node:fs';
import { configurationTable } from './configuration-table.ts';

const file = 'docs/configuration.md';
const text = readFileSync(file, 'utf8');
const [head, rest] = text.split(/(?<=<!-- settings:begin .*-->\n)/) as [string, string];
const tail = rest.slice(rest.indexOf('<!-- settings:end -->'));
writeFileSync(file, `${head}\n${configurationTable()}\n${tail}`);
