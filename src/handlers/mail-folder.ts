import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { optional } from '../optional-package.ts';
import type { DeliverMail } from './deliver-mail.ts';

/**
 * Writes a mail to `<folder>/<tenant id>/<message id>.eml`, for development and for programs that pick mails up.
 *
 * The file appears whole or not at all: it is written under a hidden name, flushed, then renamed; a duplicate
 * replaces the file by its like. It is on the disk before the message is settled as Done, so a power cut does
 * not lose it. Bcc stays in the file, which is all there is to tell the recipients. Mails hold personal data and
 * secrets such as reset links: only the account of this process may read them.
 */
export function mailFolder(folder: string): DeliverMail {
  return async (mail, { messageId }, { tenant, signal }) => {
    // Ids are checked where they come from; here they become a path, so nothing is taken on trust.
    if (!/^[a-z0-9][a-z0-9._-]*$/i.test(tenant.id) || !/^[\da-f-]{36}$/i.test(messageId)) {
      throw new Error('The tenant id or message id cannot be a file name; give the tenant another id.');
    }
    const { default: MailComposer } = await optional(
      'nodemailer',
      () => import('nodemailer/lib/mail-composer'),
    );
    const node = new MailComposer(mail).compile();
    node.keepBcc = true;
    const content = await node.build();
    signal.throwIfAborted();

    const directory = join(folder, tenant.id);
    const hidden = join(directory, `.${messageId}.${randomUUID()}`);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    try {
      await writeDurably(hidden, content);
      signal.throwIfAborted();
      await rename(hidden, join(directory, `${messageId}.eml`));
    } catch (error) {
      await rm(hidden, { force: true });
      throw error;
    }
    await flushDirectory(directory);
  };
}

async function writeDurably(path: string, content: Buffer): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The rename itself is durable only once its directory is. Windows has no such call and needs none. */
async function flushDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
