/**
 * Finds the parts of a JSON text without changing them. JSON.parse loses the text: numbers become doubles, integer keys
 * move to the front, and of equal keys only the last is kept. Every function expects text that JSON.parse accepts.
 */

/** The text of each element of a JSON array. */
export function jsonElements(json: string): string[] {
  const elements: string[] = [];
  for (let at = afterBlanks(json, json.indexOf('[') + 1); json[at] !== ']'; ) {
    const end = endOfValue(json, at);
    elements.push(json.slice(at, end));
    at = afterSeparator(json, end);
  }
  return elements;
}

/** The members of a JSON object, in their order. `value` is the text of the value. */
export function jsonMembers(json: string): { readonly name: string; readonly value: string }[] {
  const members: { name: string; value: string }[] = [];
  for (let at = afterBlanks(json, json.indexOf('{') + 1); json[at] !== '}'; ) {
    const endOfName = endOfText(json, at);
    const name = JSON.parse(json.slice(at, endOfName)) as string;
    const from = afterBlanks(json, afterBlanks(json, endOfName) + 1);
    const end = endOfValue(json, from);
    members.push({ name, value: json.slice(from, end) });
    at = afterSeparator(json, end);
  }
  return members;
}

/** The first name that two members share. */
export function repeatedName(members: readonly { readonly name: string }[]): string | undefined {
  const names = new Set<string>();
  return members.find(({ name }) => names.size === names.add(name).size)?.name;
}

function afterBlanks(json: string, at: number): number {
  let next = at;
  while (' \t\r\n'.includes(json[next] ?? '.')) next++;
  return next;
}

/** The position of the next element or member, or of the closing bracket. */
function afterSeparator(json: string, at: number): number {
  const next = afterBlanks(json, at);
  return json[next] === ',' ? afterBlanks(json, next + 1) : next;
}

const structure = /["[\]{}]/g;
const endOfWord = /[\s,\]}]|$/g;

/** This is a loop and not a recursion, because a text of a few megabytes can be nested a million deep. */
function endOfValue(json: string, from: number): number {
  if (json[from] === '"') return endOfText(json, from);
  if (json[from] !== '{' && json[from] !== '[') return find(endOfWord, json, from);
  let depth = 0;
  for (let at = from; ; at++) {
    at = find(structure, json, at);
    if (json[at] === '"') at = endOfText(json, at) - 1;
    else depth += json[at] === '{' || json[at] === '[' ? 1 : -1;
    if (depth === 0) return at + 1;
  }
}

function endOfText(json: string, quote: number): number {
  for (let at = json.indexOf('"', quote + 1); ; at = json.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (json[at - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
}

function find(pattern: RegExp, json: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(json)!.index;
}
