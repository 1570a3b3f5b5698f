import type { Command } from 'commander';
import type { Runner } from '../runner.ts';
import { tenantsAddCommand } from './tenants-add.ts';
import { tenantsChangeCommand } from './tenants-change.ts';
import { tenantsImportCommand } from './tenants-import.ts';
import { tenantsListCommand } from './tenants-list.ts';
import { tenantsShowCommand } from './tenants-show.ts';
import { tenantsStatusCommands } from './tenants-status.ts';

export function tenantsCommands(program: Command, run: Runner): void {
  const tenants = program
    .command('tenants')
    .description('add, change, import, list, show, pause, resume and remove tenants');
  tenantsAddCommand(tenants, run);
  tenantsChangeCommand(tenants, run);
  tenantsImportCommand(tenants, run);
  tenantsListCommand(tenants, run);
  tenantsShowCommand(tenants, run);
  tenantsStatusCommands(tenants, run);
}
