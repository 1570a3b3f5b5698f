/** Message headers that make a mail of the demo fail or take long. */
export const demoHeaders = {
  /** How many attempts fail before one succeeds. */
  failures: 'demo-failures',
  /** The time that sending takes, in milliseconds. */
  milliseconds: 'demo-milliseconds',
} as const;
