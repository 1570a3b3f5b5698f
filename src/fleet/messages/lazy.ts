/** The part `messages` of the library's interface, whose code is loaded at the first call, because plans and runs need none of it. */
import type { Messages, MessagesAccess } from './index.ts';

/** As `createMessages`. */
export function lazyMessages(access: MessagesAccess): Messages {
  let made: Promise<Messages> | undefined;
  const messages = () => {
    made ??= import('./index.ts').then(({ createMessages }) => createMessages(access));
    return made;
  };
  return {
    list: async (request) => (await messages()).list(request),
    count: async (request) => (await messages()).count(request),
    show: async (request) => (await messages()).show(request),
    errors: async (request) => (await messages()).errors(request),
    act: async (request) => (await messages()).act(request),
    edit: async (request) => (await messages()).edit(request),
    audit: async (request) => (await messages()).audit(request),
  };
}
