import type { ClientRequest, IncomingMessage } from 'node:http';

export interface Answered {
  readonly kind: 'answered';
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The body was larger than the limit; `body` is its beginning. */
  readonly truncated: boolean;
}

/** Room for an access token of a megabyte: it is refused, and the refresh token beside it is kept. */
const MAX_BODY_BYTES = 2 * 1_048_576;
/** All that is read for one answer: interim answers and the sizes of tiny chunks cost as much as a body. */
const MAX_ANSWER_BYTES = 2 * MAX_BODY_BYTES;

/** Whether so much has come for one answer that no more of it is wanted. */
export const isTooMuch = ({ socket }: ClientRequest): boolean =>
  (socket?.bytesRead ?? 0) > MAX_ANSWER_BYTES;

/** Reads an answer to its end, or to its limit. */
export const receive = (
  request: ClientRequest,
  response: IncomingMessage,
  settle: (result: Answered) => void,
  fail: (error: Error) => void,
): void => {
  // Copied: a chunk of one byte would keep all that was read along with it.
  const body = Buffer.allocUnsafe(MAX_BODY_BYTES);
  let size = 0;
  const answer = (truncated: boolean) =>
    settle({
      kind: 'answered',
      status: response.statusCode ?? 0,
      headers: Object.fromEntries(
        Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
      ),
      body: body.toString('utf8', 0, size),
      truncated,
    });
  response.on('data', (chunk: Buffer) => {
    const copied = chunk.copy(body, size);
    size += copied;
    if (copied < chunk.length || isTooMuch(request)) {
      answer(true);
    }
  });
  response.on('end', () => answer(false));
  response.on('error', fail);
};
