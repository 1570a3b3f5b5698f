import type { SendMailOptions } from 'nodemailer';
import type { HandlerContext, Message } from '../queue/handler.ts';

/** Brings a composed mail to where mails go. The message and context are those of the attempt. */
export type DeliverMail = (
  mail: SendMailOptions,
  message: Message<unknown>,
  context: HandlerContext,
) => Promise<void>;
