/**
 * One suite in seven folders: unit, property, conformance, simulation, integration, chaos, blocking. `npm run test:examples` runs
 * the eighth, which installs the packages of each example.
 */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/examples/'],
  transform: {
    '^.+\\.(ts|js)$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  // The examples import the package by its name.
  moduleNameMapper: {
    '^multi-outbox$': '<rootDir>/src/index.ts',
    '^multi-outbox/handlers$': '<rootDir>/src/handlers/public.ts',
  },
  // These have only ES modules.
  transformIgnorePatterns: ['/node_modules/(?!(uuid|kysely)/)'],
  extensionsToTreatAsEsm: [],
  // For `npm run test:coverage`. The workflow stores the report; no threshold applies.
  coverageProvider: 'v8',
  coverageDirectory: 'coverage',
  collectCoverageFrom: ['{src,functions,examples}/**/*.ts'],
  coverageReporters: ['text-summary', 'html', 'lcovonly'],
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  maxWorkers: 2,
  testTimeout: 30_000,
};
