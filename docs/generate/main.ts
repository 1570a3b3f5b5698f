// `npm run docs` updates the generated parts of the documentation. With `-- --charts` it also draws the charts, which
// takes half a minute.
import { readFileSync, writeFileSync } from 'node:fs';
import { contractFiles } from './contracts.ts';
import { generated, withParts } from './parts.ts';

for (const document of Object.keys(generated)) {
  const file = `docs/${document}`;
  writeFileSync(file, withParts(document, readFileSync(file, 'utf8')));
}

for (const [document, text] of Object.entries(contractFiles)) writeFileSync(`docs/${document}`, text);

if (process.argv.includes('--charts')) {
  const { floodChart, floodChartFile, floodFindings } = await import('./flood-chart.ts');
  writeFileSync(floodChartFile, floodChart(await floodFindings()));
  const { tracePicture, tracePictureFile } = await import('./trace-picture.ts');
  const { tracedOrder } = await import('./traced-order.ts');
  writeFileSync(tracePictureFile, tracePicture(await tracedOrder()));
}
