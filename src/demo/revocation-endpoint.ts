import { type Answer, Refusal } from './answer.ts';
import { authenticateClient } from './client-authentication.ts';
import type { Form } from './form.ts';
import type { ServerState } from './token-endpoint.ts';

/**
 * RFC 7009: either token of a grant ends all of it. An unknown token is no error (section 2.2), and
 * the hint may be ignored (section 2.1), because tokens are looked up among both kinds.
 */
export const revokeToken = (
  { clients, families }: ServerState,
  authorization: string | undefined,
  form: Form,
): Answer => {
  const client = authenticateClient(clients, authorization, form);
  const token = form.get('token');
  if (token === undefined) {
    throw new Refusal('invalid_request', 'token is missing');
  }
  const family = families.findFamily(token);
  if (family !== undefined && family.clientId !== client.clientId) {
    throw new Refusal('invalid_grant', 'this token was not issued to this client');
  }
  if (family !== undefined) {
    families.revoke(family);
  }
  return { status: 200, headers: { 'cache-control': 'no-store' }, body: '' };
};
