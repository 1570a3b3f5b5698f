/** One suite, told apart by folder: unit, property, conformance, integration, chaos. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.(ts|js)$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  // uuid comes as ES modules alone.
  transformIgnorePatterns: ['/node_modules/(?!uuid/)'],
  extensionsToTreatAsEsm: [],
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  maxWorkers: 2,
  testTimeout: 30_000,
};
