import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionLike, isGrpcServiceError } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { SEARCH_ATTRIBUTE_TYPES, SEARCH_ATTRIBUTES } from '../contract/names';
import { SafeError } from '../contract/safe-error';
import { GRPC_STATUS, reasonOf } from './grpc-status';

export const linkStateKey = defineSearchAttributeKey(SEARCH_ATTRIBUTES.linkState, 'KEYWORD');
export const linkStateSinceKey = defineSearchAttributeKey(SEARCH_ATTRIBUTES.linkStateSince, 'DATETIME');
export const linkJobsKey = defineSearchAttributeKey(SEARCH_ATTRIBUTES.linkJobs, 'KEYWORD_LIST');

const { IndexedValueType } = temporal.api.enums.v1;
const TYPES = {
  Keyword: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  KeywordList: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
  Datetime: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
} as const;

const WANTED: readonly { name: string; type: number; cliType: string }[] = SEARCH_ATTRIBUTE_TYPES.map(
  ([name, cliType]) => ({ name, type: TYPES[cliType], cliType }),
);

/** The search attributes are not there and could not be added. The message says what to do. */
export class SearchAttributesError extends SafeError {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'SearchAttributesError';
  }
}

/**
 * Registers the project's search attributes where they are missing, and waits until they can be used (servers cache a
 * namespace's attributes for some seconds). Names in `added` and `present`. Throws {@link SearchAttributesError}.
 */
export async function ensureSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
  { timeoutMs = 30_000 }: { timeoutMs?: number } = {},
): Promise<{ added: string[]; present: string[] }> {
  const deadline = Date.now() + timeoutMs;
  return connection.withDeadline(deadline, async () => {
    const known = await listKnown(connection, namespace);
    const missing = WANTED.filter(({ name }) => known[name] === undefined);
    const clash = WANTED.find(({ name, type }) => known[name] !== undefined && known[name] !== type);
    if (clash) {
      throw new SearchAttributesError(
        `Namespace "${namespace}" has a search attribute ${clash.name} that is not of type ${clash.cliType}. ` +
          'Use another namespace, or remove it where nothing else needs it:\n  ' +
          `temporal operator search-attribute remove --namespace ${namespace} --name ${clash.name}`,
      );
    }
    if (missing.length > 0) await add(connection, namespace, missing);
    await untilUsable(connection, namespace, deadline);
    const added = missing.map(({ name }) => name);
    return { added, present: WANTED.map(({ name }) => name).filter((name) => !added.includes(name)) };
  });
}

async function listKnown(connection: ConnectionLike, namespace: string): Promise<Record<string, number>> {
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return customAttributes;
  } catch (error) {
    throw explained(error, namespace);
  }
}

async function add(
  connection: ConnectionLike,
  namespace: string,
  missing: readonly { name: string; type: number }[],
): Promise<void> {
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map(({ name, type }) => [name, type])),
    });
  } catch (error) {
    // Another process of this project was quicker.
    if (isGrpcServiceError(error) && error.code === GRPC_STATUS.ALREADY_EXISTS) return;
    throw explained(error, namespace);
  }
}

/** A visibility query that names them is refused until the server has taken note of all of them. */
async function untilUsable(connection: ConnectionLike, namespace: string, deadline: number): Promise<void> {
  const query = WANTED.map(({ name }) => `${name} IS NOT NULL`).join(' AND ');
  for (;;) {
    try {
      await connection.workflowService.countWorkflowExecutions({ namespace, query });
      return;
    } catch (error) {
      const unknownYet = isGrpcServiceError(error) && error.code === GRPC_STATUS.INVALID_ARGUMENT;
      if (!unknownYet || Date.now() + 250 > deadline) throw explained(error, namespace);
    }
    await sleep(250);
  }
}

function explained(error: unknown, namespace: string): SearchAttributesError {
  const byHand = WANTED.map(
    ({ name, cliType }) =>
      `temporal operator search-attribute create --namespace ${namespace} --name ${name} --type ${cliType}`,
  ).join('\n  ');
  return new SearchAttributesError(
    `Search attributes of namespace "${namespace}" could not be set up: ${reasonOf(error)}\nAn operator can add them:\n  ${byHand}`,
    error,
  );
}
