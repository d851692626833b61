import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/chaos/**'],
    setupFiles: ['test/support/setup.ts'],
    // Whole-process tests start dozens of Node processes on whatever cores there are.
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
