import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, jsonAnswer, Refusal, send } from './answer.ts';
import { answerWith, processes } from './fault-modes.ts';
import type { FaultPlan } from './fault-plan.ts';
import { type Form, readForm } from './form.ts';
import { answerAsResource } from './protected-resource.ts';
import { conclude, type RequestLog, type RequestLogEntry } from './request-log.ts';
import { revokeToken } from './revocation-endpoint.ts';
import { describe, grantTokens, type ServerState } from './token-endpoint.ts';

export type TokenRequestCallback = (entry: RequestLogEntry) => void | Promise<void>;

export interface Endpoints extends ServerState {
  readonly log: RequestLog;
  readonly faults: { readonly token: FaultPlan; readonly revocation: FaultPlan };
  readonly whenArrived: Set<TokenRequestCallback>;
  readonly whenRefreshed: Set<TokenRequestCallback>;
  /** Aborted when the server is closed: ends whatever still waits. */
  readonly signal: AbortSignal;
}

/** Hands each request to its endpoint. */
export const serve =
  (server: Endpoints): RequestListener =>
  (request, response) => {
    // A failure in here is a bug or a test's callback that threw: it surfaces as an unhandled rejection.
    void route(server, request, response).catch((error: unknown) => {
      if (!server.signal.aborted) {
        throw error;
      }
    });
  };

const route = async (
  server: Endpoints,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  switch (request.url?.split('?')[0]) {
    case '/token':
      return serveTokenRequest(server, request, response);
    case '/revoke':
      return serveRevocation(server, request, response);
    case '/me':
      server.counters.resourceRequests += 1;
      return send(response, answerAsResource(request, server.families));
    default:
      return send(response, jsonAnswer(404, { error: 'not_found' }));
  }
};

const serveTokenRequest = async (
  server: Endpoints,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const { settings, signal } = server;
  const entry = server.log.open();
  response.once('close', () => conclude(entry, response));
  const form = await readForm(request);
  if (form === null) {
    entry.outcome = 'aborted';
    return;
  }
  if (!(form instanceof Refusal)) {
    describe(server.families, form, entry);
  }
  await callAll(server.whenArrived, entry);
  await wait(settings.latencyBeforeMs, signal);
  const fault = server.faults.token.take();
  entry.fault = fault?.kind ?? null;
  if (fault !== null && !processes(fault)) {
    entry.outcome = 'fault';
  }
  const process = async () => {
    const answer = answerTokenRequest(server, request, form, entry);
    if (answer.status === 200 && entry.grantType === 'refresh_token') {
      await callAll(server.whenRefreshed, entry);
    }
    await wait(settings.latencyMs, signal);
    return answer;
  };
  await answerWith(fault, process, response, signal);
  if (response.writableEnded) {
    // Before the client can have seen the answer; `close` comes too late for whoever reads the log then.
    conclude(entry, response);
  }
};

const answerTokenRequest = (
  server: Endpoints,
  { headers }: IncomingMessage,
  form: Form | Refusal,
  entry: RequestLogEntry,
): Answer => {
  const answer = answered(form, (parameters) =>
    jsonAnswer(200, grantTokens(server, headers.authorization, parameters, entry)),
  );
  if (answer instanceof Refusal) {
    entry.outcome = entry.outcome === 'received' ? answer.code : entry.outcome;
    return answer.answer;
  }
  return answer;
};

const serveRevocation = async (
  server: Endpoints,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  server.counters.revocationRequests += 1;
  const form = await readForm(request);
  if (form === null) {
    return;
  }
  const process = async () => {
    const answer = answered(form, (parameters) =>
      revokeToken(server, request.headers.authorization, parameters),
    );
    return answer instanceof Refusal ? answer.answer : answer;
  };
  await answerWith(server.faults.revocation.take(), process, response, server.signal);
};

/** What `answer` makes of the form, or the refusal that it threw or that the form already is. */
const answered = (form: Form | Refusal, answer: (form: Form) => Answer): Answer | Refusal => {
  if (form instanceof Refusal) {
    return form;
  }
  try {
    return answer(form);
  } catch (error) {
    if (error instanceof Refusal) {
      return error;
    }
    throw error;
  }
};

const callAll = async (
  callbacks: ReadonlySet<TokenRequestCallback>,
  entry: RequestLogEntry,
): Promise<void> => {
  for (const callback of callbacks) {
    await callback(entry);
  }
};

const wait = async (ms: number, signal: AbortSignal): Promise<void> => {
  if (ms > 0) {
    await sleep(ms, undefined, { signal });
  }
};
