import { TokenctlError } from '../errors.ts';
import { type Codec, parseJsonObject, present, textOf, unreadable } from './found.ts';

/** Application default credentials of a person (`"type": "authorized_user"`): a refresh token and its client. */
export const applicationDefault: Codec = (text) => {
  const json = parseJsonObject(text);
  if (json.type === 'service_account' || json.type === 'external_account') {
    throw new TokenctlError(
      'usage',
      `it is a ${json.type}, which has a key and no login to take over`,
    );
  }
  if (json.type !== 'authorized_user' || textOf(json.refresh_token) === null) {
    throw unreadable('"type": "authorized_user" and a refresh_token');
  }
  const { refresh_token, client_id, client_secret } = json;
  return [
    {
      account: textOf(json.account),
      host: null,
      clientId: textOf(client_id),
      tokens: present({ refresh_token, client_id, client_secret }),
    },
  ];
};
