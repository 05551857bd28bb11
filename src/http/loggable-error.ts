/** What a log may say of an error: an Axios error, for one, carries the request with its secrets. */
export interface LoggableError {
  name: string;
  message: string;
  code?: string | number;
  stack?: string;
  cause?: LoggableError;
}

const MAX_CAUSES = 3;

/** Allow-listed fields of an error and of its causes. */
export function loggableError(error: unknown, depth = 0): LoggableError {
  if (!(error instanceof Error)) return { name: 'NonError', message: typeof error };
  const code = 'code' in error ? error.code : undefined;
  return {
    name: error.name,
    message: error.message,
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    ...(error.stack !== undefined && { stack: error.stack }),
    ...(error.cause !== undefined && depth < MAX_CAUSES && { cause: loggableError(error.cause, depth + 1) }),
  };
}
