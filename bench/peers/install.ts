/** Installs the peers' packages into a temporary folder, at fixed versions. They are no dependencies of this project. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { outputOf } from './processes.ts';

export const versions = {
  'graphile-worker': '0.18.0',
  'pg-boss': '12.38.0',
  plainjob: '0.0.14',
  pg: '8.23.1',
};

/** @param folder to be made */
export async function installPeers(folder: string): Promise<void> {
  mkdirSync(folder);
  writeFileSync(`${folder}/package.json`, '{ "private": true }\n');
  const packages = Object.entries(versions).map(([name, version]) => `${name}@${version}`);
  const options = [
    '--no-save',
    '--no-package-lock',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  await outputOf('npm', ['install', ...options, ...packages], folder);
}
