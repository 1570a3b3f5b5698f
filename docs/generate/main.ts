// Brings the generated parts of the documentation up to date: `npm run docs`. With `-- --charts` the charts too, which
// takes half a minute.
import { readFileSync, writeFileSync } from 'node:fs';
import { generated, withParts } from './parts.ts';

for (const document of Object.keys(generated)) {
  const file = `docs/${document}`;
  writeFileSync(file, withParts(document, readFileSync(file, 'utf8')));
}

if (process.argv.includes('--charts')) {
  const { floodChart, floodChartFile, floodFindings } = await import('./flood-chart.ts');
  writeFileSync(floodChartFile, floodChart(await floodFindings()));
}
