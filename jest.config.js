const { availableParallelism } = require('node:os');

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  roots: ['<rootDir>/test'],
  // Most of a test with a Temporal server is waiting.
  maxWorkers: availableParallelism() + 1,
  // Generous: a server is started, or a bundle made, in some hooks. No test measures time.
  testTimeout: 60_000,
  // The SDK's native threads may outlive the last test by a while.
  forceExit: true,
  testMatch: ['**/*.test.ts'],
  // The long proofs have a configuration of their own.
  testPathIgnorePatterns: ['\\.long\\.test\\.ts$'],
  transform: {
    '^.+\\.(ts|js|mjs)$': ['@swc/jest', { jsc: { target: 'es2022' }, module: { type: 'commonjs' } }],
  },
  // jose ships ES modules only; Jest runs CommonJS.
  transformIgnorePatterns: ['/node_modules/(?!jose/)'],
};
