import { abbreviated, TokenctlError } from '../errors.ts';
import { findPaths } from '../paths.ts';
import type { Output, Protocol } from '../protocols/protocol.ts';
import { protocols } from '../protocols/protocols.ts';
import { keepAnswer } from '../store/answers.ts';
import { answerRequest, type CredentialOptions } from './credential-answer.ts';
import { readRequests } from './credential-input.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { print } from './io.ts';
import { useLightFetchTypes } from './light-fetch.ts';
import { asLine, reportError } from './report.ts';

/** Answers what another program asks for in its own protocol. Gives whether a token had to be refreshed. */
export const credential = async (
  kind: string,
  name: string,
  options: CredentialOptions,
): Promise<boolean> => {
  const protocol = Object.hasOwn(protocols, kind) ? protocols[kind] : undefined;
  if (protocol === undefined) {
    throw new TokenctlError('usage', `there is no protocol '${abbreviated(kind)}'`, {
      hint: `known: ${Object.keys(protocols).join(', ')}`,
    });
  }
  useLightFetchTypes();
  const operation = Object.hasOwn(protocol.operations, name)
    ? protocol.operations[name]
    : undefined;
  if (operation === undefined) {
    await write(protocol.unknown);
    return false;
  }
  if (protocol.greeting !== '') {
    await print(protocol.greeting);
  }
  let refreshed = false;
  await orFailure(protocol, async () => {
    for await (const input of readRequests(operation.input)) {
      await orFailure(protocol, async () => {
        const answer = await answerRequest(operation.read(input), options);
        await write(answer);
        refreshed ||= answer.refreshed ?? false;
        if (answer.kept !== undefined) {
          const login = options.login === undefined ? [] : ['--login', options.login];
          keepAnswer(findPaths(), { ...answer.kept, request: input, args: [kind, ...login, name] });
        }
      });
    }
  });
  return refreshed;
};

const write = async ({ stdout, code = 0 }: Output): Promise<void> => {
  if (stdout !== '') {
    await print(stdout);
  }
  process.exitCode = code;
};

/** What goes wrong is said in the protocol's own way, and else on stderr, with our own exit code. */
const orFailure = async (protocol: Protocol, action: () => Promise<void>): Promise<void> => {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof TokenctlError)) {
      throw error;
    }
    const output = protocol.failed({ code: error.code, message: asLine(error) });
    await write({ code: EXIT_CODES[error.code], ...output });
    if (output.stdout === '') {
      reportError(error, false);
    }
  }
};
