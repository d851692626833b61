import type { Want } from './tool.ts';

export type KubectlWant = UserWant | ContextWant;

export interface UserWant extends Want {
  readonly kind: 'user';
  readonly name: string;
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
}

export interface ContextWant extends Want {
  readonly kind: 'context';
  readonly name: string;
  readonly user: string;
  /** The user it had; null for none. */
  readonly previous: string | null;
}

/** As kubectl writes it into every kubeconfig. */
export const HEADER = { apiVersion: 'v1', kind: 'Config' } as const;

export const userOf = ({ name, apiVersion, command, args }: UserWant) => ({
  name,
  user: {
    exec: {
      apiVersion,
      args: [...args],
      command,
      ...(apiVersion.endsWith('/v1') && { interactiveMode: 'Never' }),
      provideClusterInfo: true,
    },
  },
});
