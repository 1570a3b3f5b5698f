import type { SendMailOptions } from 'nodemailer';
import type { HandlerContext, Message } from '../queue/handler.ts';

/** Delivers a composed mail, by SMTP or to a folder. The message and context are those of the attempt. */
export type DeliverMail = (
  mail: SendMailOptions,
  message: Message<unknown>,
  context: HandlerContext,
) => Promise<void>;
