import { DefaultFailureConverter } from '@temporalio/common';

/**
 * Moves messages and stack traces of failures into a payload, where the codec encrypts them. A module of its own because
 * clients, workers and the workflow bundle each load it by path; it must stay safe for the workflow isolate.
 */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
