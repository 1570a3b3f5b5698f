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
  // Examples import the package by its name.
  moduleNameMapper: {
    '^multi-outbox$': '<rootDir>/src/index.ts',
    '^multi-outbox/handlers$': '<rootDir>/src/handlers/public.ts',
  },
  // uuid comes as ES modules alone.
  transformIgnorePatterns: ['/node_modules/(?!uuid/)'],
  extensionsToTreatAsEsm: [],
  // Of `npm run test:coverage`: kept by the workflow, not a bar to pass.
  coverageProvider: 'v8',
  coverageDirectory: 'coverage',
  collectCoverageFrom: ['{src,functions,examples}/**/*.ts'],
  coverageReporters: ['text-summary', 'html', 'lcovonly'],
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  maxWorkers: 2,
  testTimeout: 30_000,
};
