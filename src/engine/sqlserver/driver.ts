/** mssql, loaded and checked when it is first needed. */
import type * as mssql from 'mssql';
import { probeDriver, unsupported } from './driver-probe.ts';

export type Driver = typeof mssql;

let loading: Promise<Driver> | undefined;

/** @throws DRIVER_UNSUPPORTED when mssql is not installed, or is a release that this program cannot work with */
export function loadDriver(): Promise<Driver> {
  loading ??= importDriver();
  return loading;
}

async function importDriver(): Promise<Driver> {
  const module = await import('mssql').catch((error: unknown) => {
    const { code } = error as { code?: string };
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw unsupported('is not installed', error);
  });
  // The default export: a CommonJS module's named exports are guessed, and not all of them are.
  const driver = ((module as { default?: Driver }).default ?? module) as Driver;
  probeDriver(driver);
  return driver;
}
