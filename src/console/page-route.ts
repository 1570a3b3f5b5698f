/** The names of the routes that answer with the page's document begin so; `authorize` gets them. */
const prefix = 'page.';

export const pageRouteName = (path: string) =>
  `${prefix}${path.replaceAll('/', '.').replaceAll(':', '').slice(1) || 'pulse'}`;

/** Whether a browser shows the answer of this route to a person. */
export const isPage = (routeName: string) => routeName.startsWith(prefix);
