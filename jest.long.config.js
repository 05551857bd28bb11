/** @type {import('jest').Config} The proofs that take long: the same guarantees as in the other tests, in larger numbers. */
module.exports = {
  ...require('./jest.config.js'),
  // The model's test plays as many lives as MODEL_RUNS says.
  testMatch: ['**/*.long.test.ts', '**/test/model/link-model.test.ts'],
  testPathIgnorePatterns: [],
};
