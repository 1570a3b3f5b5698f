import type { Command } from 'commander';
import type { Session } from './session.ts';

/** Runs a command's action with a session and closes the session afterwards. The action may return the exit code. */
export type Runner = (
  command: Command,
  action: (session: Session) => Promise<number | undefined>,
) => Promise<void>;
