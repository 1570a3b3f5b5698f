import { randomUUID } from 'node:crypto';
import { lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { optional } from '../optional-package.ts';
import type { DeliverMail } from './deliver-mail.ts';
import { TenantSlots } from './tenant-slots.ts';

/**
 * A write holds one of Node's four threads for files, which the whole process shares, for as long as the disk takes. Two
 * of them stay free for other work.
 */
const writesAtOnce = { total: 2, perTenant: 1 };

/**
 * Writes a mail to `<folder>/<tenant id>/<message id>.eml`, for development and for programs that collect mails there.
 *
 * The file appears complete or not at all: it is written under a hidden name, flushed and then renamed. A duplicate
 * replaces the file by an equal one. The file is durable before the message is settled as Done, so a power cut does not
 * lose it. Bcc stays in the file, because nothing else names those recipients. Mails hold personal data and secrets
 * such as reset links, so only the account of this process may read them.
 */
export function mailFolder(folder: string): DeliverMail {
  const slots = new TenantSlots(writesAtOnce);
  return async (mail, { messageId }, { tenant, signal }) => {
    // The ids were checked before, but here they become a path, so they are checked again.
    if (!/^[a-z0-9][a-z0-9._-]*$/i.test(tenant.id) || !/^[\da-f-]{36}$/i.test(messageId)) {
      throw new Error(
        'The tenant id or the message id cannot be used as a file name; give the tenant another id.',
      );
    }
    const { default: MailComposer } = await optional(
      'nodemailer',
      () => import('nodemailer/lib/mail-composer'),
    );
    const node = new MailComposer(mail).compile();
    node.keepBcc = true;
    const content = await node.build();
    signal.throwIfAborted();

    await slots.use(tenant.id, () => writeMail(join(folder, tenant.id), messageId, content, signal), signal);
  };
}

async function writeMail(directory: string, messageId: string, content: Buffer, signal: AbortSignal) {
  const hidden = join(directory, `.${messageId}.${randomUUID()}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // A link would lead the mails to another folder.
  if ((await lstat(directory)).isSymbolicLink())
    throw new Error('The mail folder of the tenant is a link; replace it with a folder.');
  try {
    await writeDurably(hidden, content);
    signal.throwIfAborted();
    await rename(hidden, join(directory, `${messageId}.eml`));
  } catch (error) {
    await rm(hidden, { force: true });
    throw error;
  }
  await flushDirectory(directory);
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

/** A rename is durable only after its directory is flushed. Windows has no such call and does not need one. */
async function flushDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
