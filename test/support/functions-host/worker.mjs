/**
 * A stand-in for the Functions host's Node.js worker: loads an app of the v4 model, lists its functions and invokes them.
 * `@azure/functions` is the real one, from the app's bundle. Like the worker, this file provides the module
 * `@azure/functions-core`.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';

const require = createRequire(import.meta.url);
const hooks = { appStart: [], appTerminate: [], preInvocation: [], postInvocation: [], log: [] };
const functions = new Map();
let programmingModel;

class Disposable {
  constructor(dispose) {
    this.dispose = dispose;
  }

  static from(...all) {
    return new Disposable(() => {
      for (const one of all) one.dispose();
    });
  }
}

const core = {
  version: '0.0.0',
  hostVersion: '4.0.0',
  Disposable,
  setProgrammingModel: (model) => {
    programmingModel = model;
  },
  getProgrammingModel: () => programmingModel,
  registerHook(name, callback) {
    hooks[name].push(callback);
    return new Disposable(() => hooks[name].splice(hooks[name].indexOf(callback), 1));
  },
  registerFunction(metadata, callback) {
    if (functions.has(metadata.name)) throw new Error(`There are two functions '${metadata.name}'.`);
    functions.set(metadata.name, { metadata, callback });
    return new Disposable(() => functions.delete(metadata.name));
  },
  log() {},
};

const { require: realRequire } = Module.prototype;
Module.prototype.require = function require(id) {
  return id === '@azure/functions-core' ? core : realRequire.call(this, id);
};

async function runHooks(name, context) {
  for (const hook of hooks[name]) await hook(context);
}

/**
 * @param {string} folder of package.json and host.json
 * @returns the capabilities that the app announces to the host
 */
export async function loadApp(folder) {
  const { main, type } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  // This repository's own package.json names the library; package.mjs packs this as the app's entry.
  const ours = path.join(folder, 'dist/functions/main.js');
  if (existsSync(ours)) require(ours);
  // Like the worker, it imports only ES modules, because an import of CommonJS takes longer than require.
  else if (type === 'module') await import(pathToFileURL(path.join(folder, main)).href);
  else require(path.join(folder, main));
  await runHooks('appStart', { hookData: {}, appHookData: {}, functionAppDirectory: folder });
  return programmingModel.getCapabilities({});
}

/** Each function with its bindings, as the host would read them. */
export function listFunctions() {
  return [...functions.values()].map(({ metadata }) => ({
    name: metadata.name,
    bindings: Object.entries(metadata.bindings).map(([name, binding]) => ({ ...binding, name })),
  }));
}

/**
 * Invokes a function as the worker does.
 * @param data what the trigger got, as the host sends it: {string}, {json} or {http}
 * @returns {{error?: Error, returnValue?: unknown, outputs: {queueName: string, text: string}[], logs: object[]}}
 */
export async function invoke(name, data, triggerMetadata = {}, invocationId = randomUUID()) {
  const { metadata, callback } = functions.get(name);
  const trigger = listFunctions()
    .find((one) => one.name === name)
    .bindings.find(({ type }) => /trigger$/i.test(type));
  const logs = [];
  const model = programmingModel.getInvocationModel({
    invocationId,
    metadata,
    state: undefined,
    request: {
      invocationId,
      functionId: name,
      inputData: [{ name: trigger.name, data }],
      triggerMetadata,
      traceContext: {
        traceParent: `00-${randomUUID().replaceAll('-', '')}-${randomUUID().slice(-12)}0000-01`,
        traceState: '',
        attributes: {},
      },
    },
    log: (level, category, message) => {
      if (category === 'user' || level === 'warning') logs.push({ level, message: format(message) });
    },
  });
  const result = { invocationId, name, logs, outputs: [] };
  try {
    const { context, inputs } = await model.getArguments();
    const before = {
      hookData: {},
      appHookData: {},
      invocationContext: context,
      functionCallback: callback,
      inputs,
    };
    await runHooks('preInvocation', before);
    const returned = await model.invokeFunction(context, before.inputs, before.functionCallback);
    const response = await model.getResponse(context, returned);
    result.returnValue = response.returnValue;
    result.outputs = response.outputData.flatMap((output) =>
      messagesOf(metadata.bindings[output.name], output.data),
    );
  } catch (error) {
    result.error = error;
  }
  return result;
}

/** Makes messages as the host does: an array becomes one message for each of its elements. */
function messagesOf({ queueName }, { json, string }) {
  const value = string ?? JSON.parse(json);
  return (Array.isArray(value) ? value : [value]).map((element) => ({
    queueName,
    text: typeof element === 'string' ? element : JSON.stringify(element),
  }));
}

/** Gives the app the host's notice of termination; resolves when the real worker's process would end. */
export async function terminate() {
  await runHooks('appTerminate', { hookData: {}, appHookData: {} });
}
