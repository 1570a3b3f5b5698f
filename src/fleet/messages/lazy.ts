/** The part `messages` of the library's interface, whose code is loaded at the first call, because plans and runs need none of it. */
import type { Messages, MessagesAccess } from './index.ts';

/** As `createMessages`. */
export function lazyMessages(access: MessagesAccess): Messages {
  let made: Promise<Messages> | undefined;
  const messages = () => {
    made ??= import('./index.ts').then(({ createMessages }) => createMessages(access));
    return made;
  };
  const operations = async () => (await messages()).operations;
  return {
    list: async (request) => (await messages()).list(request),
    count: async (request) => (await messages()).count(request),
    show: async (request) => (await messages()).show(request),
    errors: async (request) => (await messages()).errors(request),
    act: async (request) => (await messages()).act(request),
    edit: async (request) => (await messages()).edit(request),
    audit: async (request) => (await messages()).audit(request),
    operations: {
      create: async (request) => (await operations()).create(request),
      resume: async (id, options) => (await operations()).resume(id, options),
      cancel: async (id, options) => (await operations()).cancel(id, options),
      get: async (id) => (await operations()).get(id),
      list: async (request) => (await operations()).list(request),
    },
  };
}
