// One HTTP answer, or an error in words.

import { t } from './text.js';

/** What went wrong with a request: `code` is stable (`offline`, `timeout` and `server` are made here), `message` is for people. */
export class ApiError extends Error {
  /** @param {string} code @param {string} message @param {number} [status] @param {string} [hint] */
  constructor(code, message, status = 0, hint = '') {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
    this.hint = hint;
  }
}

/**
 * The answer, when its status is a good one; throws ApiError. A request that its caller aborts throws as fetch does.
 * @param {string} path @param {RequestInit} [options]
 */
export async function answerOf(path, options = {}) {
  const limit = AbortSignal.timeout(20_000);
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
  let response;
  try {
    response = await fetch(path, { ...options, signal });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    if (limit.aborted) throw new ApiError('timeout', t('The server took too long to answer. Try again in a moment.'));
    throw new ApiError('offline', t('The server cannot be reached from here. The cameras go on recording.'));
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

/** What an answer holds. It may break off on its way, or be another's than the server's: then ApiError. @template T @param {() => Promise<T>} read @returns {Promise<T>} */
export async function bodyOf(read) {
  try {
    return await read();
  } catch (error) {
    if (error instanceof SyntaxError) throw new ApiError('server', t('The answer of the server cannot be read. Try again in a moment.'));
    if (error instanceof TypeError || error instanceof DOMException) throw new ApiError('offline', t('The server cannot be reached from here. The cameras go on recording.'));
    throw error;
  }
}

/** @param {Response} response */
async function errorOf(response) {
  const text = await response.text().catch(() => '');
  try {
    const { code, message, hint } = JSON.parse(text);
    if (typeof code === 'string' && typeof message === 'string') return new ApiError(code, message, response.status, typeof hint === 'string' ? hint : '');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const words = response.status >= 500 ? t('The server has a problem. Try again in a moment.') : t('The server does not do that.');
  return new ApiError('server', words, response.status);
}
