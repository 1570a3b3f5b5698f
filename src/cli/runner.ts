import type { Command } from 'commander';
import type { Session } from './session.ts';

/** Carries out a command: gives it a session, closes it afterwards. An exit code returned becomes the program's. */
export type Runner = (
  command: Command,
  action: (session: Session) => Promise<number | undefined>,
) => Promise<void>;
