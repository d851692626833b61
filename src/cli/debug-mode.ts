/** Whether `TOKENCTL_DEBUG` is set, to anything but 0. `--debug` sets it, and so reaches child processes. */
export const isDebugMode = (): boolean => !['', '0'].includes(process.env.TOKENCTL_DEBUG ?? '');

export const setDebugMode = (): void => {
  process.env.TOKENCTL_DEBUG = '1';
};
