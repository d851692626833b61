import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, send, writeHead } from './answer.ts';

type Headers = Readonly<Record<string, string>>;

/** How an endpoint can misbehave. Kinds that replace the processing leave all tokens as they are. */
export type Misbehaviour =
  /** An error, typically 429 or 5xx, instead of the processing. */
  | { kind: 'status'; status: number; headers?: Headers; body?: string | object }
  /** Never answers. */
  | { kind: 'hang'; after: Stage }
  /** Resets the connection. */
  | { kind: 'reset'; after: Stage }
  /** Any bytes instead of the processing. */
  | { kind: 'raw'; body: string; headers?: Headers; status?: number }
  /** Processes the request, then changes the JSON answer. A string is sent as it is. */
  | { kind: 'rewrite'; edit: (json: Record<string, unknown>) => unknown }
  /** Processes the request, then sends the answer at this speed. */
  | { kind: 'slow-body'; bytesPerSecond: number }
  /** An answer that never ends, instead of the processing. */
  | { kind: 'endless-body' }
  /** 307 (which repeats the POST, token and all) unless said otherwise. */
  | { kind: 'redirect'; location: string; status?: number }
  /** A page for people, as captive portals and gateways send it. */
  | { kind: 'html'; status?: number };

/** `half-answer`: the first half of the body of a processed request went out. */
export type Stage = 'before-rotation' | 'rotation' | 'half-answer';

/** `times`: for so many requests, then normal again; without it until another is set. */
export type Fault = Misbehaviour & { readonly times?: number };

/** Answers a request with the fault, if there is one. `process` is called at most once. */
export const answerWith = async (
  fault: Fault | null,
  process: () => Promise<Answer>,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> => {
  switch (fault?.kind) {
    case undefined:
      return send(response, await process());
    case 'status':
    case 'raw':
    case 'redirect':
    case 'html':
      return send(response, replacement(fault));
    case 'endless-body':
      response.writeHead(200, { 'content-type': 'application/json' });
      return stream(endless(), response);
    case 'rewrite':
      return send(response, rewritten(await process(), fault.edit));
    case 'slow-body': {
      const answer = await process();
      writeHead(response, answer);
      return stream(slowly(answer.body, fault.bytesPerSecond, signal), response);
    }
    case 'hang':
    case 'reset':
      return breakOff(fault, processes(fault) ? await process() : null, response);
  }
};

/** Whether a request is processed in spite of the fault. */
export const processes = (fault: Fault): boolean =>
  fault.kind === 'rewrite' ||
  fault.kind === 'slow-body' ||
  ((fault.kind === 'hang' || fault.kind === 'reset') && fault.after !== 'before-rotation');

const replacement = (
  fault: Extract<Fault, { kind: 'status' | 'raw' | 'redirect' | 'html' }>,
): Answer => {
  switch (fault.kind) {
    case 'html': {
      const body = '<!DOCTYPE html><title>Sign in to this network</title>';
      return { status: fault.status ?? 200, headers: { 'content-type': 'text/html' }, body };
    }
    case 'redirect':
      return { status: fault.status ?? 307, headers: { location: fault.location }, body: '' };
    default: {
      const { status = 200, body = '', headers = {} } = fault;
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      return { status, headers: { 'content-type': 'application/json', ...headers }, body: text };
    }
  }
};

const rewritten = (answer: Answer, edit: (json: Record<string, unknown>) => unknown): Answer => {
  const edited = edit(JSON.parse(answer.body) as Record<string, unknown>);
  return { ...answer, body: typeof edited === 'string' ? edited : JSON.stringify(edited) };
};

const breakOff = (
  fault: Extract<Fault, { kind: 'hang' | 'reset' }>,
  answer: Answer | null,
  response: ServerResponse,
): void => {
  const end = () => {
    if (fault.kind === 'reset') {
      response.socket?.resetAndDestroy();
    }
  };
  if (answer !== null && fault.after === 'half-answer') {
    writeHead(response, answer);
    response.write(answer.body.slice(0, answer.body.length / 2), end);
  } else {
    end();
  }
};

/** Clients give up on such a body, which is no error of ours. */
const stream = async (
  chunks: Iterable<string> | AsyncIterable<string>,
  response: ServerResponse,
): Promise<void> => {
  await pipeline(Readable.from(chunks), response).catch(() => response.destroy());
};

function* endless(): Generator<string> {
  yield '{"access_token":"';
  for (const chunk = 'x'.repeat(16_384); ; ) {
    yield chunk;
  }
}

async function* slowly(
  body: string,
  bytesPerSecond: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const step = Math.max(1, Math.round(bytesPerSecond / 10));
  for (let at = 0; at < body.length; at += step) {
    await sleep((step / bytesPerSecond) * 1000, undefined, { signal });
    yield body.slice(at, at + step);
  }
}
