/** Whoever sits in front of it, as far as signing in needs to know. */
export interface Person {
  /** A line for people, on stderr. */
  say(line: string): void;
  /** stdin and stderr are a terminal: questions can be asked. */
  readonly interactive: boolean;
  /** Asks for a line that is not shown while it is typed or pasted. Rejects when `signal` is aborted. */
  askHidden(prompt: string, signal: AbortSignal): Promise<string>;
  /** Shows a line in the place of the one before; nothing where there is no terminal. */
  progress(line: string): void;
  readonly env: NodeJS.ProcessEnv;
}
