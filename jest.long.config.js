/** @type {import('jest').Config} The proofs that take long: the same guarantees as in the other tests, in larger numbers. */
module.exports = {
  ...require('./jest.config.js'),
  globalSetup: '<rootDir>/test/support/global-setup-of-long-tests.ts',
  testMatch: ['**/*.long.test.ts'],
  testPathIgnorePatterns: [],
};
