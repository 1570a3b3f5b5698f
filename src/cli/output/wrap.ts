import stringWidth from 'string-width';

/**
 * Breaks a line of text between words, or within a word that is wider than a line. Text of more than `lines` lines is
 * cut, and ends with …
 */
export function wrapped(text: string, width: number, lines = Number.POSITIVE_INFINITY): string[] {
  if (stringWidth(text) <= width) return [text];
  const broken: string[] = [];
  let line = '';
  const end = () => {
    broken.push(line.trimEnd());
    line = '';
  };
  // A hyphen is a place to break too, because ids and paths have no blanks.
  for (const word of text.match(/ |[^ -]*-+|[^ -]+/g) ?? []) {
    if (stringWidth(line + word.trimEnd()) > width && line !== '') end();
    if (word === ' ') {
      if (line === '') continue;
      if (stringWidth(line) >= width) {
        end();
        continue;
      }
    }
    for (const character of word) {
      if (stringWidth(line + character) > width) end();
      line += character;
    }
  }
  end();
  if (broken.length <= lines) return broken;
  const last = [...broken[lines - 1]!];
  while (stringWidth(last.join('')) >= width) last.pop();
  return [...broken.slice(0, lines - 1), `${last.join('').trimEnd()}…`];
}
