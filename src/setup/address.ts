import { isHostOf, parseHostBinding } from '../hosts/binding.ts';
import { targetOfUrl } from '../hosts/target.ts';

/** Whether requests to this address go to `host[:port]`. */
export const isAt = (host: string, address: unknown): boolean => {
  const binding = parseHostBinding(host);
  const target = typeof address === 'string' ? targetOfUrl(address) : null;
  return target !== null && !('problem' in binding) && isHostOf(binding, target);
};
