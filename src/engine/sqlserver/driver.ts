/** Loads and checks mssql when it is first needed. */
import type * as mssql from 'mssql';
import { optional } from '../../optional-package.ts';
import { expectedVersions, probeDriver } from './driver-probe.ts';

export type Driver = typeof mssql;

let loading: Promise<Driver> | undefined;

/**
 * @throws PACKAGE_MISSING when mssql is not installed, DRIVER_UNSUPPORTED for a release that this program cannot work
 * with
 */
export function loadDriver(): Promise<Driver> {
  loading ??= importDriver();
  return loading;
}

async function importDriver(): Promise<Driver> {
  const module = await optional(`mssql@${expectedVersions.mssql}`, () => import('mssql'));
  // Use the default export: Node does not detect all named exports of a CommonJS module.
  const driver = ((module as { default?: unknown }).default ?? module) as Driver;
  probeDriver(driver);
  return driver;
}
