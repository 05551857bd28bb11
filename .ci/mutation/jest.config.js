/** @type {import('jest').Config} The quick tests of the pure parts, for Stryker: without a Temporal server, one file after the other. */
module.exports = {
  ...require('../../jest.config.js'),
  rootDir: '../..',
  globalSetup: undefined,
  globalTeardown: undefined,
  maxWorkers: 1,
  testMatch: [
    '**/unit/{attention-facts,job-changes,link-state,link-view,next-step,notifications-of,operator-view,poll-schedule,step-failure,transition}.test.ts',
    '**/unit/{contract,plaid-error-class,provider-error,retry-after,safe-error}.test.ts',
    '**/unit/{atomic-signature,plaid-signature,webhook-events}.test.ts',
  ],
};
