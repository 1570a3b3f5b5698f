/** The pages in the navigation. */
export interface NavigationPage {
  readonly title: string;
  readonly path: string;
  /** Typed after g. */
  readonly key: string;
}

export const sections: readonly { readonly title: string; readonly pages: readonly NavigationPage[] }[] = [
  {
    title: 'Fleet',
    pages: [
      { title: 'Pulse', path: '/', key: 'p' },
      { title: 'Tenants', path: '/tenants', key: 't' },
      { title: 'Plans', path: '/plans', key: 'n' },
      { title: 'Hosts and leases', path: '/leases', key: 'l' },
    ],
  },
  {
    title: 'Messages',
    pages: [
      { title: 'Errors', path: '/errors', key: 'e' },
      { title: 'Topics', path: '/topics', key: 'i' },
    ],
  },
  {
    title: 'Record',
    pages: [
      { title: 'Operations', path: '/operations', key: 'o' },
      { title: 'Audit', path: '/audit', key: 'a' },
      { title: 'Doctor', path: '/doctor', key: 'd' },
      { title: 'About', path: '/about', key: 'b' },
    ],
  },
];
