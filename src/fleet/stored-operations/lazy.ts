/** The part `operations` of the library's interface, whose code is loaded at the first call, because plans and runs need none of it. */
import type { Operations, OperationsAccess } from './index.ts';
import type { OperationRequest } from './requests.ts';

/** As `createOperations`. */
export function lazyOperations(access: OperationsAccess): Operations {
  let made: Promise<Operations> | undefined;
  const operations = () => {
    made ??= import('./index.ts').then(({ createOperations }) => createOperations(access));
    return made;
  };
  return {
    create: (async (request: OperationRequest) =>
      (await operations()).create(request as never)) as Operations['create'],
    resume: async (id, options) => (await operations()).resume(id, options),
    cancel: async (id, options) => (await operations()).cancel(id, options),
    get: async (id) => (await operations()).get(id),
    summary: async (id) => (await operations()).summary(id),
    list: async (request) => (await operations()).list(request),
  };
}
