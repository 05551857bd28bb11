import axios, { type AxiosInstance, type AxiosRequestConfig } from 'axios';
import type { CallHttp } from '../http-call';

/** The body of an answer is over the cap. */
export class AnswerTooLarge extends Error {}

/**
 * What Plaid's client sends its requests by: an axios of which only `request` is used, over our own pool. Answers any
 * status; `data` is the parsed JSON, or the text of a body that is not JSON. Throws {@link AnswerTooLarge}, and what
 * `callHttp` throws.
 */
export function overHttp(callHttp: CallHttp, maxBytes: number): AxiosInstance {
  const request = async (config: AxiosRequestConfig) => {
    const { url, data, signal } = config;
    if (url === undefined || typeof data !== 'string' || !(signal instanceof AbortSignal)) {
      throw new Error("Plaid's client sends what it did not send before.");
    }
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(config.headers ?? {})) {
      if (typeof value === 'string') headers[name] = value;
    }
    const answer = await callHttp({ url, method: 'POST', headers, body: data, maxBytes, signal });
    if (answer.brokenOff !== undefined) throw answer.brokenOff;
    if (answer.bytes === undefined) throw new AnswerTooLarge();
    return { ...answer, data: jsonOrText(Buffer.from(answer.bytes).toString()) };
  };
  return Object.assign(axios.create(), { request });
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
