import type { Body, Hop } from './redirect.ts';

/** So much of a `Request`'s body is kept, in case that it must be sent again. */
const MAX_KEPT_BYTES = 1024 * 1024;

/** What is sent as a body, and whether that can be done more than once. */
export const bodyOf = (body: unknown): Pick<Hop, 'body' | 'replayable'> => {
  if (body === undefined || body === null) {
    return { body: null, replayable: true };
  }
  const sent = body as Body;
  return { body: () => sent, replayable: !isOnce(body) };
};

/** A stream, or what is iterated over: read once, it is gone. */
const isOnce = (body: unknown): boolean =>
  body instanceof ReadableStream ||
  (typeof body === 'object' &&
    body !== null &&
    !ArrayBuffer.isView(body) &&
    !(body instanceof URLSearchParams) &&
    !(body instanceof FormData) &&
    Symbol.asyncIterator in body);

/**
 * The body of a `Request`, of which only a stream is to be had. A short one is read first, so that it can be
 * sent again; the rest of a long one is passed on as it comes.
 */
export const bodyOfRequest = async (
  stream: ReadableStream<Uint8Array>,
): Promise<Pick<Hop, 'body' | 'replayable'>> => {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size <= MAX_KEPT_BYTES) {
    const { done, value } = await reader.read();
    if (done) {
      return bodyOf(Buffer.concat(chunks));
    }
    chunks.push(value);
    size += value.length;
  }
  return bodyOf(continued(chunks, reader));
};

const continued = (
  chunks: Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> =>
  new ReadableStream({
    pull: async (controller) => {
      const kept = chunks.shift();
      const { done, value } =
        kept === undefined ? await reader.read() : { done: false, value: kept };
      if (done) {
        controller.close();
      } else {
        controller.enqueue(value);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
