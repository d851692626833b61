/** Whether a browser that is started here would be seen by whoever started it. */
export const hasDisplay = (
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): boolean => {
  if (env.BROWSER) {
    // Somebody has said what to start: an editor that passes it on to the other end, for one.
    return true;
  }
  if (env.SSH_CONNECTION || env.SSH_TTY) {
    // It would open at the other end, before nobody; a forwarded X display is slower than a code.
    return false;
  }
  return (
    platform === 'win32' || platform === 'darwin' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY)
  );
};
