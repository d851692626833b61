import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Behaviour, handOn, type Json, message } from './hostile-endpoint.ts';

/** Answers with this instead of asking the authorization server. */
export const answers =
  (status: string, body: string | Json = '', ...headers: string[]): Behaviour =>
  async ({ socket, receive }) => {
    await receive();
    const isText = typeof body === 'string';
    const type = isText ? 'text/html' : 'application/json';
    const text = isText ? body : JSON.stringify(body);
    socket.end(message(status, text, [`content-type: ${type}`, ...headers]));
  };

/** These bytes, whatever they are. */
export const bytes =
  (text: string): Behaviour =>
  async ({ socket, receive }) => {
    await receive();
    socket.end(text);
  };

/** A captive portal, say. 307 and 308 would repeat the request, token and all. */
export const redirects =
  (status: string): Behaviour =>
  async ({ socket, receive, elsewhere }) => {
    await receive();
    socket.end(message(status, '', [`location: ${elsewhere}`]));
  };

/** The authorization server has spent the refresh token, and this is made of its answer. */
export const rewrites =
  (
    edit: (json: Json, sent: URLSearchParams) => unknown,
    send: (body: string) => Buffer = (body) => message('200 OK', body),
  ): Behaviour =>
  async ({ socket, receive, process }) => {
    const { status, json } = await process();
    if (status !== 200) {
      // A refusal comes as it is.
      socket.end(message(`${status}`, JSON.stringify(json)));
      return;
    }
    const edited = edit(json, new URLSearchParams(await receive()));
    socket.end(send(typeof edited === 'string' ? edited : JSON.stringify(edited)));
  };

/** The authorization server has spent the refresh token, and its answer never comes. */
export const loses: Behaviour = async ({ socket, process }) => {
  await process();
  socket.resetAndDestroy();
};

/** Only the first time. */
export const once = (behave: Behaviour): Behaviour => {
  let asked = 0;
  return (exchange) => {
    asked += 1;
    return asked === 1 ? behave(exchange) : handOn(exchange);
  };
};

/** The head, and then the same again and again, as fast as it is taken. */
export const floods = (head: string, part: string, count = Number.POSITIVE_INFINITY): Behaviour =>
  streams(function* () {
    yield head;
    for (let sent = 0; sent < count; sent += 1) {
      yield part;
    }
  });

/** One byte a second. */
export const trickles = (text: string): Behaviour =>
  streams(async function* () {
    for (const byte of text) {
      yield byte;
      await sleep(1_000);
    }
  });

/** Ends the connection by a reset, before the request is read or after. */
export const resets =
  (when: 'unread' | 'read'): Behaviour =>
  async ({ socket, receive }) => {
    await (when === 'read' ? receive() : sleep(50));
    socket.resetAndDestroy();
  };

export const closes: Behaviour = async ({ socket, receive }) => {
  await receive();
  socket.end();
};

function streams(parts: () => Iterable<string> | AsyncIterable<string>): Behaviour {
  return async ({ socket, receive }) => {
    await receive();
    // Who has had enough hangs up.
    await pipeline(Readable.from(parts()), socket).catch(() => {});
  };
}
