/** Tests that need what Windows lacks; on Windows they are skipped, by name. */
const isPosix = process.platform !== 'win32';

/** The reason why this platform cannot run the kill suite. */
export const withoutKills = isPosix
  ? undefined
  : 'on Windows a process can neither handle SIGTERM nor report SIGKILL';

/** Signals that a process handles (SIGTERM) or that stop it (SIGSTOP): on Windows each of them ends it at once. */
export const testWithSignals = isPosix ? test : test.skip;

/** Files and folders that may only be read: Windows has no modes of this kind. */
export const testWithFileModes = isPosix ? test : test.skip;

/** A database that is deleted while it is open: Windows refuses that. */
export const describeDeletingOpenFiles = isPosix ? describe : describe.skip;

/** Blocks of documents in POSIX shell, and programs linked into node_modules/.bin. */
export const testWithShell = isPosix ? test : test.skip;

/** Tests that ask the system which files this process has open. */
export const testOnLinux = process.platform === 'linux' ? test : test.skip;
