import type { Credential } from './credential.ts';
import { freshness } from './credential.ts';
import { afterFailure } from './decide.ts';
import { errnoOf, TokenctlError } from './errors.ts';
import { keep } from './keep.ts';
import type { LeaseStep } from './lock/lease.ts';
import { noteFailure } from './note-failure.ts';
import { send, type Tried } from './send.ts';
import type { Stake } from './stake.ts';
import type { StoreLease } from './store/store.ts';
import { type Request, type Story, settle } from './story.ts';
import type { Token } from './token.ts';

/** Spends the refresh token, and saves what comes of it before anybody sees it. */
export const spend = async (
  story: Story,
  request: Request,
  stake: Stake,
): Promise<Token | 'again'> => {
  const { lease, record, decision } = stake;
  story.trace?.('decided: refresh', { reason: decision.reason, lost_sends: stake.lostSends });
  if ((await reserve(story, lease, record)) === 'lost') {
    return 'again';
  }
  const tried = await send(story, request, stake);
  if (tried === 'lost') {
    return 'again';
  }
  requireSoundEnvironment(story, tried);
  const result =
    tried.outcome.kind === 'granted'
      ? await keep(story, stake, tried, tried.outcome)
      : await noteFailure(story, stake, tried, tried.outcome);
  if (result === 'again' || 'accessToken' in result) {
    return result;
  }
  // The attempt may have outlasted the token that was still good when it began.
  const expired = freshness(record, story.clock()) === 'expired';
  const onFailure = expired ? 'fail' : decision.onFailure;
  return settle(story, record, afterFailure({ ...decision, onFailure }, result), []);
};

/** Proves that a new token can be saved, before the one that it will cost is spent. */
const reserve = async (
  { store: { login } }: Story,
  lease: StoreLease,
  record: Credential,
): Promise<LeaseStep> => {
  try {
    return await lease.reserve(record);
  } catch (error) {
    const why = `a new token could not be saved (${errnoOf(error) ?? 'unknown error'}), so none was asked for`;
    throw new TokenctlError('refused', why, {
      login,
      hint: 'make room, or its directory writable',
      shared: true,
      cause: error,
    });
  }
};

/** Faults of this process's own environment: nobody else shares them, and time does not mend them. */
const OWN_FAULTS: ReadonlySet<string> = new Set(['invalid_proxy', 'invalid_ca_file']);

const requireSoundEnvironment = ({ store }: Story, { outcome }: Tried): void => {
  if (outcome.kind === 'unavailable' && OWN_FAULTS.has(outcome.error)) {
    throw new TokenctlError('refused', `${outcome.error}: ${outcome.description}`, {
      login: store.login,
      hint: 'correct HTTPS_PROXY or SSL_CERT_FILE in the environment',
    });
  }
};
