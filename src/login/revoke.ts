import type { Credential } from '../credential.ts';
import { planRevocation } from '../oauth/revocation-plan.ts';
import { revoke } from '../oauth/revoke.ts';
import { systemClock } from '../platform/clock.ts';

/** Revokes tokens that nobody is going to keep, the provider's way. False: they may live on. */
export const revokeUnkept = async (
  record: Credential,
  env: NodeJS.ProcessEnv,
): Promise<boolean> => {
  const { client, refreshToken, accessToken, idToken } = record;
  const held = [refreshToken, accessToken, idToken].filter((token) => token !== null);
  try {
    const plan = await planRevocation(record, systemClock());
    if (plan.kind === 'impossible') {
      return false;
    }
    // The first is the refresh token, if there is one: without it nothing is renewed.
    const [first, ...rest] = plan.steps;
    const gone =
      first !== undefined && (await revoke(first, client, { env, held })).kind === 'dead';
    for (const step of rest) {
      await revoke(step, client, { env, held });
    }
    return gone;
  } catch {
    return false;
  }
};
