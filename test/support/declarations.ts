/** The type declarations of the package, as tsc emits them, and the declarations that their names refer to. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type ModuleItem, parseSync } from '@swc/core';

const root = path.join(__dirname, '../..');

/**
 * Emits the declarations of everything that the package exports.
 * @param folder outside the repository, for the declarations
 */
export function emitDeclarations(folder: string): void {
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', path.join(root, 'tsconfig.build.json'), '--outDir', folder]);
}

/** A declaration: the file that declares it, and its name there, whatever other names it has where it is imported. */
export interface Declaration {
  readonly file: string;
  readonly name: string;
  readonly nodes: readonly Node[];
}

/** A node of the syntax tree. Nodes have many kinds, but few of them matter here. */
export interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The origin of a name: an export of another file, or '*' for all its exports. */
interface Origin {
  readonly file: string;
  readonly name: string;
}

interface Module {
  readonly declared: ReadonlyMap<string, Node[]>;
  readonly imported: ReadonlyMap<string, Origin>;
  readonly exported: ReadonlyMap<string, Origin>;
  readonly stars: readonly string[];
}

/** Reads files of declarations, each once. */
export class Declarations {
  readonly #modules = new Map<string, Module>();

  /** The exports of a file, by name, without those that come from other packages. */
  exportsOf(file: string): Map<string, Declaration> {
    const { exported, stars } = this.#module(file);
    const all = new Map(stars.flatMap((star) => [...this.exportsOf(star)]));
    for (const [name, origin] of exported) {
      const declaration = this.#find(origin);
      if (declaration) all.set(name, declaration);
    }
    return all;
  }

  /** The declaration that a name in a file refers to; undefined for globals and for names from other packages. */
  resolve(file: string, name: string): Declaration | undefined {
    const { declared, imported } = this.#module(file);
    const nodes = declared.get(name);
    if (nodes !== undefined) return { file, name, nodes };
    const origin = imported.get(name);
    return origin && this.#find(origin);
  }

  /**
   * A file exports each of its declarations under the declaration's own name, unless an export gives it another one.
   */
  #find({ file, name }: Origin): Declaration | undefined {
    if (!existsSync(file)) return undefined;
    const { exported } = this.#module(file);
    const origin = exported.get(name);
    if (origin !== undefined && origin.file !== file) return this.#find(origin);
    return this.resolve(file, origin?.name ?? name);
  }

  #module(file: string): Module {
    let known = this.#modules.get(file);
    if (known === undefined) {
      known = readModule(file);
      this.#modules.set(file, known);
    }
    return known;
  }
}

function readModule(file: string): Module {
  const declared = new Map<string, Node[]>();
  const imported = new Map<string, Origin>();
  const exported = new Map<string, Origin>();
  const stars: string[] = [];
  const declare = (node: Node) => {
    for (const name of namesOf(node)) declared.set(name, [...(declared.get(name) ?? []), node]);
  };
  const { body } = parseSync(readFileSync(file, 'utf8'), { syntax: 'typescript' });
  for (const item of body as (ModuleItem & Node)[]) {
    if (item.type === 'ImportDeclaration') {
      for (const specifier of item.specifiers) {
        const name =
          'imported' in specifier && specifier.imported ? specifier.imported.value : specifier.local.value;
        imported.set(specifier.local.value, { file: targetOf(file, item.source.value), name });
      }
    } else if (item.type === 'ExportDeclaration') {
      const node = item.declaration as unknown as Node;
      declare(node);
      for (const name of namesOf(node)) exported.set(name, { file, name });
    } else if (item.type === 'ExportNamedDeclaration') {
      for (const specifier of item.specifiers) {
        if (specifier.type !== 'ExportSpecifier')
          throw new Error(`${file}: ${specifier.type} is not expected here`);
        const name = specifier.orig.value;
        const source = item.source ? targetOf(file, item.source.value) : file;
        exported.set(specifier.exported?.value ?? name, { file: source, name });
      }
    } else if (item.type === 'ExportAllDeclaration') {
      stars.push(targetOf(file, item.source.value));
    } else {
      declare(item);
    }
  }
  return { declared, imported, exported, stars };
}

/** The names that a declaration declares. */
function namesOf(node: Node): string[] {
  if (node.type === 'VariableDeclaration') {
    return (node.declarations as { id: { value: string } }[]).map(({ id }) => id.value);
  }
  const { value } = (node.id ?? node.identifier ?? {}) as { value?: string };
  return value === undefined ? [] : [value];
}

/** The file of declarations that a specifier in another file means. */
function targetOf(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return path.resolve(path.dirname(file), specifier.replace(/(?:\.d)?\.[jt]s$/, '.d.ts'));
}

/** The names of types in a declaration, without those of its own type parameters. */
export function typeNames({ nodes }: Declaration): Set<string> {
  const names = new Set<string>();
  const parameters = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    if (typeof value !== 'object' || value === null) return;
    const node = value as Node;
    // `typeof` stands for the type of a value, which an editor shows.
    if (node.type === 'TsTypeQuery') return;
    if (node.type === 'TsTypeParameter') parameters.add((node.name as { value: string }).value);
    if (node.type === 'TsTypeReference') names.add(leftmost(node.typeName as Node));
    if (node.type === 'TsExpressionWithTypeArguments') names.add(leftmost(node.expression as Node));
    if (node.type === 'ClassDeclaration' && node.superClass) names.add(leftmost(node.superClass as Node));
    for (const field of Object.values(node)) visit(field);
  };
  visit(nodes);
  return new Set([...names].filter((name) => !parameters.has(name)));
}

function leftmost(name: Node): string {
  if (name.type === 'TsQualifiedName') return leftmost(name.left as Node);
  if (name.type === 'MemberExpression') return leftmost(name.object as Node);
  return name.value as string;
}
