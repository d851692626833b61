import type { Credential } from '../credential.ts';
import { isObject } from '../json-members.ts';
import { SECRET_NAMES, type Secrets, secretsOf } from '../kept.ts';
import { Secret } from '../secret.ts';

/** What is kept apart, with what says of which record it is, and of which of its generations. */
export interface Envelope {
  readonly recordId: string;
  readonly generation: number;
  readonly secrets: Secrets;
}

export const envelopeOf = (record: Credential): Envelope => ({
  recordId: record.recordId,
  generation: record.generation,
  secrets: secretsOf(record),
});

export const serialiseEnvelope = ({ recordId, generation, secrets }: Envelope): string =>
  JSON.stringify({
    record_id: recordId,
    generation,
    secrets: Object.fromEntries([...secrets].map(([name, secret]) => [name, secret.reveal()])),
  });

/** null: it is none, or one of a later version. */
export const parseEnvelope = (text: string): Envelope | null => {
  const { record_id, generation, secrets } = parseObject(text);
  if (
    typeof record_id !== 'string' ||
    !Number.isSafeInteger(generation) ||
    !isObject(secrets) ||
    !Object.entries(secrets).every(isKnown)
  ) {
    return null;
  }
  return {
    recordId: record_id,
    generation: generation as number,
    secrets: new Map(
      Object.entries(secrets).map(([name, value]) => [name, new Secret(value as string)]),
    ),
  };
};

const isKnown = ([name, value]: [string, unknown]): boolean =>
  SECRET_NAMES.includes(name) && typeof value === 'string' && value !== '';

const parseObject = (text: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
};
