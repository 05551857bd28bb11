import { failureCodeOf, isFailureClass, isPassing, isProblemCode, PROBLEMS } from '../../contract/failures';
import { HttpProblem } from './problems';

/**
 * The problem that an error is answered with. What is not known to be ours, or to be the caller's fault, is an
 * `internal_error`: no word of it leaves the process.
 */
export function problemOf(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (!(error instanceof Error)) return new HttpProblem('internal_error', { cause: error });
  return ofLinkClient(error) ?? ofProvider(error) ?? ofFastify(error) ?? internal(error);
}

function internal(cause: unknown): HttpProblem {
  return new HttpProblem('internal_error', { cause });
}

function ofLinkClient(error: Error): HttpProblem | undefined {
  const code = 'code' in error ? error.code : undefined;
  if (!isProblemCode(code)) return undefined;
  const retryAfterSeconds = secondsOf('retryAfterMs' in error ? error.retryAfterMs : undefined);
  return new HttpProblem(code, {
    cause: error,
    ...(PROBLEMS[code].status < 500 && error.message !== '' && { detail: error.message }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}

/** A ProviderError, told by its shape: this room does not import the providers. */
function ofProvider(error: Error): HttpProblem | undefined {
  const failure = 'failure' in error ? error.failure : undefined;
  if (typeof failure !== 'object' || failure === null || !('failureClass' in failure)) return undefined;
  const { failureClass } = failure;
  if (!isFailureClass(failureClass)) return undefined;
  const providerCode = 'code' in failure && typeof failure.code === 'string' ? failure.code : '';
  const retryAfterSeconds = secondsOf('retryAfterMs' in failure ? failure.retryAfterMs : undefined);
  return new HttpProblem(failureCodeOf(failureClass, providerCode), {
    cause: error,
    ...(isPassing(failureClass) && retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}

function secondsOf(milliseconds: unknown): number | undefined {
  return typeof milliseconds === 'number' && milliseconds >= 0 ? Math.ceil(milliseconds / 1000) : undefined;
}

/** Fastify's own errors. Their messages can quote the request, so standing words replace them. */
function ofFastify(error: Error): HttpProblem | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if (!code.startsWith('FST_') && !(error instanceof SyntaxError)) return undefined;
  switch (status) {
    case 404:
      return new HttpProblem('not_found');
    case 413:
      return new HttpProblem('payload_too_large');
    case 415:
      return new HttpProblem('unsupported_media_type');
    case 400:
      return new HttpProblem('invalid_request', detailOf(code, error));
    default:
      return undefined;
  }
}

function detailOf(code: string, error: Error): { detail: string } | undefined {
  if (error instanceof SyntaxError || code === 'FST_ERR_CTP_INVALID_JSON_BODY') {
    return { detail: 'The body is not JSON, or has a key that is not allowed, such as __proto__.' };
  }
  if (code === 'FST_ERR_BAD_URL') return { detail: 'The path is not encoded correctly.' };
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH') {
    return { detail: 'The length of the body differs from Content-Length.' };
  }
  return undefined;
}
