/** Reads the payload of `enqueue` and `receive`, byte for byte (Q14). */
import { readFile } from 'node:fs/promises';
import { UsageError } from './errors.ts';

/**
 * @param argument the payload, `@FILE`, or `-` for standard input; when absent, standard input if it is piped
 * @throws UsageError when the payload is missing, its file cannot be read, or its bytes are not UTF-8
 */
export async function readPayload(argument: string | undefined): Promise<string> {
  if (argument === undefined || argument === '-') {
    if (process.stdin.isTTY === true && argument === undefined) throw noPayload();
    const bytes = await readAll(process.stdin);
    if (bytes.length === 0 && argument === undefined) throw noPayload();
    return decodePayload(bytes, 'Standard input');
  }
  if (!argument.startsWith('@')) return argument;
  const file = argument.slice(1);
  if (file === '')
    throw new UsageError("The file name after '@' is missing; give @FILE, or '-' for standard input.");
  return decodePayload(await readPayloadFile(file), `File '${file}'`);
}

/** @throws UsageError for bytes that are not UTF-8, because storing them as text would change them */
function decodePayload(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UsageError(
      `${source} is not valid UTF-8, but a payload must be text; encode binary data first, for example as base64.`,
    );
  }
}

/** @throws UsageError that names the position but shows nothing of the payload */
export function requireJson(payload: string): void {
  try {
    JSON.parse(payload);
  } catch (error) {
    const position = /position (\d+)/.exec((error as Error).message)?.[1];
    const where = position === undefined ? '' : ` (at character ${Number(position) + 1})`;
    throw new UsageError(
      `The payload is not valid JSON${where}; correct it, or omit --require-json to store it as plain text.`,
    );
  }
}

function noPayload(): UsageError {
  return new UsageError(
    "The payload is missing; give it as an argument or as @FILE, or give '-' and pipe it in.",
  );
}

async function readPayloadFile(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const problem =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'EISDIR'
          ? 'is a folder'
          : `cannot be read (${code ?? (error as Error).message})`;
    throw new UsageError(
      `File '${file}' ${problem}; give the name of a readable file. If the payload itself begins with '@', give '-' and pipe it in.`,
    );
  }
}

async function readAll(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
