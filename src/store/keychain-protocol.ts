/** A request to the keychain's process: a line of JSON on its stdin. */
export interface KeychainRequest {
  readonly op: 'read' | 'write' | 'remove';
  readonly slot: string;
  readonly text?: string;
}

/** Its answer: JSON on stdout, on a line that begins with {@link ANSWER}. */
export type KeychainOutcome =
  | { readonly kind: 'ok'; readonly value: string }
  /** The keychain is there and open, and has no such entry. */
  | { readonly kind: 'missing' }
  | {
      /** `absent`: there is no keychain here. `slow`: no answer within the limit. */
      readonly kind: 'absent' | 'locked' | 'denied' | 'slow';
      /** As the platform says it; safe to print. */
      readonly what: string;
    };

/** A library that prints something of its own there does no harm. */
export const ANSWER = 'keychain: ';
