/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  roots: ['<rootDir>/test'],
  // Generous: a server is started, or a bundle made, in some hooks. No test measures time.
  testTimeout: 60_000,
  // The SDK's native threads may outlive the last test by a while.
  forceExit: true,
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.(ts|js|mjs)$': ['@swc/jest', { jsc: { target: 'es2022' }, module: { type: 'commonjs' } }],
  },
  // jose and cookie ship ES modules only; Jest runs CommonJS.
  transformIgnorePatterns: ['/node_modules/(?!(jose|cookie)/)'],
};
