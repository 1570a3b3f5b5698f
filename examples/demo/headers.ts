/** Message headers by which a mail of the demo asks for trouble. */
export const demoHeaders = {
  /** How many attempts fail before one succeeds. */
  failures: 'demo-failures',
  /** How long sending takes, in milliseconds. */
  milliseconds: 'demo-milliseconds',
} as const;
