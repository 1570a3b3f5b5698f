// A plugin of TypeDoc: the documents get the titles of their first headings, and the groups that README.md lists them in.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Converter } from 'typedoc';

const root = path.join(import.meta.dirname, '../..');

/** The group of each document that a section of README's "Read on" links to, by its path. */
function groups() {
  const [, list] = readFileSync(path.join(root, 'README.md'), 'utf8').split('\n## Read on\n');
  const found = new Map();
  let group = '';
  for (const paragraph of list.split('\n\n')) {
    const [, title] = paragraph.match(/^\n*(Guides|How it works|Reference)[,:]/) ?? [];
    group = title ?? group;
    if (paragraph.trimStart().startsWith('[CONTRIBUTING.md]')) group = 'The project';
    for (const [, file] of paragraph.matchAll(/\]\(([^)#]+\.md)\)/g)) found.set(file, group);
  }
  return found;
}

/** The entry points by the names under which a program imports them. */
const entries = {
  src: 'multi-outbox',
  'handlers/public': 'multi-outbox/handlers',
  sources: 'multi-outbox/sources',
  console: 'multi-outbox/console',
  functions: 'multi-outbox/functions',
  testing: 'multi-outbox/testing',
};

/**
 * The text of the first heading; '' if there is none. Code and links in it are parts of their own.
 * @param {import('typedoc').CommentDisplayPart[]} content
 */
function titleOf(content) {
  const text = content.map((part) => part.text).join('');
  const [, title = ''] = text.match(/^\s*# ([^\n]*)\n/) ?? [];
  return title.replaceAll('`', '');
}

/** @param {import('typedoc').Application} app */
export function load(app) {
  const groupOf = groups();
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    const file = path
      .relative(root, document.project.files.getReflectionPath(document) ?? '')
      .split(path.sep)
      .join('/');
    document.frontmatter.group = file.startsWith('examples/') ? 'Examples' : (groupOf.get(file) ?? 'Guides');
    document.name = titleOf(document.content);
    if (document.name === '') throw new Error(`${file} does not begin with a heading.`);
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children ?? []) {
      const name = Object.entries(entries).find(
        ([file]) => module.name === file || module.name.endsWith(`/${file}`),
      );
      if (name !== undefined) module.name = name[1];
    }
  });
}
