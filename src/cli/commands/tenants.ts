import type { Command } from 'commander';
import type { Runner } from '../program.ts';
import { tenantsAddCommand } from './tenants-add.ts';
import { tenantsListCommand } from './tenants-list.ts';
import { tenantsShowCommand } from './tenants-show.ts';
import { tenantsStatusCommands } from './tenants-status.ts';

export function tenantsCommands(program: Command, run: Runner): void {
  const tenants = program.command('tenants').description('add, list, show, pause, resume and remove tenants');
  tenantsAddCommand(tenants, run);
  tenantsListCommand(tenants, run);
  tenantsShowCommand(tenants, run);
  tenantsStatusCommands(tenants, run);
}
