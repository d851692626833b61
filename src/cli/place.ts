import type { Credential } from '../credential.ts';
import { abbreviated, TokenctlError } from '../errors.ts';
import { PLACES, type Place } from '../kept.ts';
import { reportWarnings } from './report.ts';

export const PLACE_NAMES = PLACES.join(', ');

/** @throws {TokenctlError} `usage` */
export const parsePlace = (text: string, option: string): Place => {
  const place = PLACES.find((known) => known === text);
  if (place === undefined) {
    throw new TokenctlError(
      'usage',
      `${option} must be one of ${PLACE_NAMES}, and not ${JSON.stringify(abbreviated(text))}`,
    );
  }
  return place;
};

export const reportLeftovers = (login: string, record: Credential): void => {
  if ((record.kept?.leftovers.length ?? 0) > 0) {
    reportWarnings(login, [leftoverWarning(login, record)]);
  }
};

/** A copy of a refresh token that could not be removed is somebody's to find. */
export const leftoverWarning = (login: string, { kept }: Credential): string => {
  const slots = kept?.leftovers.map((slot) => `"${slot}"`).join(', ');
  const place = kept?.place ?? 'file';
  return `the keychain may still hold what was moved (service "tokenctl", ${slots}): tokenctl store ${login} --to ${place}`;
};
