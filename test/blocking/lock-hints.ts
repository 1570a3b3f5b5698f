/**
 * Whether the test server honours lock hints. On a server that keeps row versions instead, no session waits for another's
 * uncommitted rows, so a test of blocking could not fail there.
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { serverConnectionString, serverVariable } from '../support/sqlserver.ts';

/**
 * Why the suite is skipped; null when it can run. Another process asks the server, because Jest must know which tests to
 * skip before it runs the first.
 */
export function whyNoLockHints(): string | null {
  if (serverConnectionString === '') return `${serverVariable} is not set`;
  const program = path.join(__dirname, 'ask-lock-hints.ts');
  const words = ['--no-warnings', program, serverVariable];
  const answer = execFileSync(process.execPath, words, { encoding: 'utf8' }).trim();
  return answer === 'honoured' ? null : answer;
}
