/** Every mutant of a source file, made by rules, not picked by hand. Types, imports and prose are left as they are. */
import { parse } from '@babel/parser';
import { sqlMutations } from './sql-mutations.ts';

export interface Mutant {
  /** Path from the root, with forward slashes. */
  readonly file: string;
  readonly line: number;
  /** Character offsets in the file. */
  readonly start: number;
  readonly end: number;
  readonly original: string;
  readonly mutated: string;
  readonly site: Site;
}

/** The innermost statement of a block, or the arrow function's body, that must be reached before a mutant can matter. */
export interface Site {
  readonly start: number;
  /**
   * Null for a statement, because a call can stand before it. A body that is an expression also needs parentheses, so
   * its end is given.
   */
  readonly end: number | null;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly loc: { readonly start: { readonly line: number } };
  // biome-ignore lint/suspicious/noExplicitAny: each type has fields of its own
  readonly [field: string]: any;
}

const comparisons: Record<string, [boundary: string | null, opposite: string]> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': [null, '!=='],
  '!==': [null, '==='],
};
const operators: Record<string, string> = {
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '**': '*',
  '>>': '<<',
  '+=': '-=',
  '-=': '+=',
  '??=': '=',
  '||=': '=',
  '&&=': '=',
  '++': '--',
  '--': '++',
};
/** Methods that are easily confused, and those that can be left out: `x.sort()` becomes `x`. */
const methods = new Map([
  ['min', 'max'],
  ['max', 'min'],
  ['some', 'every'],
  ['every', 'some'],
  ['ceil', 'floor'],
]);
const steps = new Set(['filter', 'sort', 'toSorted', 'reverse', 'slice', 'trim']);
const tests = new Set([
  'IfStatement',
  'ConditionalExpression',
  'WhileStatement',
  'DoWhileStatement',
  'ForStatement',
]);
const removable = new Set(['ExpressionStatement', 'ThrowStatement', 'BreakStatement', 'ContinueStatement']);
const wrappers = new Set(['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression']);
const skipped = /^(Import|TS|ExportAll|Directive|InterpreterDirective)/;

/** The mutants of one file, in the order of the text. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const mutants: Mutant[] = [];

  function visit(node: Node, parent: Node, role: string, outer: Site): void {
    if ((skipped.test(node.type) && !wrappers.has(node.type)) || isListOfNames(node)) return;
    if (wrappers.has(node.type)) {
      visit(node.expression, parent, role, outer);
      return;
    }
    const isBody =
      role === 'body' && parent.type === 'ArrowFunctionExpression' && node.type !== 'BlockStatement';
    const site = isBody
      ? { start: node.start, end: node.end }
      : role === 'list'
        ? { start: node.start, end: null }
        : outer;
    const replaceSpan = (start: number, end: number, mutated: string) => {
      const original = source.slice(start, end);
      if (original === mutated) return;
      const line = source.slice(0, start).split('\n').length;
      mutants.push({ file, line, start, end, original, mutated, site });
    };
    mutate(node, parent, role, source, replaceSpan);
    for (const [field, value] of Object.entries(node)) {
      if (['loc', 'typeAnnotation', 'returnType', 'typeParameters', 'superTypeParameters'].includes(field))
        continue;
      const inList = (node.type === 'BlockStatement' || node.type === 'Program') && field === 'body';
      const isCase = node.type === 'SwitchCase' && field === 'consequent';
      for (const child of Array.isArray(value) ? value : [value]) {
        if (child !== null && typeof child === 'object' && typeof child.type === 'string')
          visit(child, node, inList || isCase ? 'list' : field, site);
      }
    }
  }

  const { program } = parse(source, { sourceType: 'module', plugins: ['typescript'] }) as unknown as {
    program: Node;
  };
  visit(program, program, 'program', { start: 0, end: null });
  return mutants.sort((one, other) => one.start - other.start || one.end - other.end);
}

/** A list of options' names. The compiler refuses every value but `true`, and nothing reads the values. */
function isListOfNames({ type, id }: Node): boolean {
  return type === 'VariableDeclarator' && id.typeAnnotation?.typeAnnotation.typeName?.name === 'NamesOf';
}

type Replace = (start: number, end: number, mutated: string) => void;

function mutate(node: Node, parent: Node, role: string, source: string, replace: Replace): void {
  const textOf = ({ start, end }: Node) => source.slice(start, end);
  const become = (text: string) => replace(node.start, node.end, text);
  const isTest = role === 'test' && tests.has(parent.type);
  if (isTest) {
    become('false');
    if (parent.type === 'IfStatement' || parent.type === 'ConditionalExpression') become('true');
  }
  if (removable.has(node.type) && node.expression?.callee?.type !== 'Super') become(';');
  // A condition that is the whole test, or a part of one, is already taken as true and as false.
  const isDecided = isTest || parent.type === 'LogicalExpression';
  const between = (left: Node, right: Node, from: string, to: string) => {
    const at = source.indexOf(from, left.end);
    if (at >= 0 && at < right.start) replace(at, at + from.length, to);
  };
  switch (node.type) {
    case 'LogicalExpression':
      become(`(${textOf(node.left)})`);
      become(`(${textOf(node.right)})`);
      break;
    case 'BinaryExpression': {
      const { left, right, operator } = node;
      const [boundary, opposite] = comparisons[operator] ?? [null, null];
      if (boundary !== null) between(left, right, operator, boundary);
      if (opposite !== null && !isDecided) between(left, right, operator, opposite);
      const isText = [left, right].some(({ type }) => type === 'StringLiteral' || type === 'TemplateLiteral');
      if (operator in operators && !isText) between(left, right, operator, operators[operator]!);
      break;
    }
    case 'AssignmentExpression':
      if (node.operator in operators)
        between(node.left, node.right, node.operator, operators[node.operator]!);
      break;
    case 'UpdateExpression': {
      const at = node.prefix ? node.start : node.end - 2;
      replace(at, at + 2, operators[node.operator]!);
      break;
    }
    case 'UnaryExpression':
      if ((node.operator === '!' && !isDecided) || node.operator === '-') become(textOf(node.argument));
      break;
    case 'OptionalMemberExpression':
    case 'OptionalCallExpression': {
      const target: Node = node.object ?? node.callee;
      if (node.optional && source.startsWith('?.', target.end))
        replace(target.end, target.end + 2, node.object && !node.computed ? '.' : '');
      break;
    }
    case 'CallExpression': {
      const { callee } = node;
      if (callee.type !== 'MemberExpression' || callee.computed) break;
      const other = methods.get(callee.property.name);
      if (other !== undefined) replace(callee.property.start, callee.property.end, other);
      if (steps.has(callee.property.name)) become(textOf(callee.object));
      break;
    }
    case 'ArrowFunctionExpression':
      if (node.body.type !== 'BlockStatement' && node.body.type !== 'BooleanLiteral')
        replace(node.body.start, node.body.end, 'undefined');
      break;
    case 'ArrayExpression':
      if (node.elements.length > 0) become('[]');
      break;
    case 'BooleanLiteral':
      become(String(!node.value));
      break;
    case 'NumericLiteral':
      become(node.value === 0 ? '1' : node.value === 1 ? '0' : `(2 * ${textOf(node)})`);
      break;
    case 'StringLiteral':
      mutateString(node, parent, role, become);
      for (const [start, end, text] of sqlMutations(textOf(node)))
        replace(node.start + start, node.start + end, text);
      break;
    case 'TemplateLiteral':
      for (const [start, end, text] of sqlMutations(textOf(node)))
        replace(node.start + start, node.start + end, text);
  }
}

/**
 * Codes, states and names. Text for people is prose, and the mutants of a comparison cover the values that it compares.
 */
function mutateString(node: Node, parent: Node, role: string, become: (text: string) => void): void {
  const isKey = role === 'key' || role === 'source' || parent.type.startsWith('TS');
  const isCompared = parent.type === 'BinaryExpression' && parent.operator in comparisons;
  if (isKey || isCompared || /\s/.test(node.value)) return;
  become(node.value === '' ? "'x'" : "''");
}

/** The source with a call `globalThis.reached?.(site)` at the mutants' sites, to see which tests get there. */
export function instrumented(source: string, mutants: readonly Mutant[]): string {
  const sites = new Map(mutants.map(({ file, site }) => [siteId(file, site), site]));
  const insertions: { at: number; text: string }[] = [];
  for (const [id, { start, end }] of sites) {
    const call = `globalThis.reached?.('${id}')`;
    insertions.push({ at: start, text: end === null ? `${call};` : `(${call}, ` });
    if (end !== null) insertions.push({ at: end, text: ')' });
  }
  let text = source;
  for (const { at, text: inserted } of insertions.sort((one, other) => other.at - one.at))
    text = text.slice(0, at) + inserted + text.slice(at);
  return text;
}

export const siteId = (file: string, { start }: Site): string => `${file}:${start}`;
