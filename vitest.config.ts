import {configDefaults, defineConfig} from 'vitest/config';

const rig = ['test/rig/**/*.test.ts', 'test/bucket/**/*.test.ts'];
const story = ['test/end-to-end/**/*.test.ts'];
const rigTimeoutMs = 10 * 60_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...rig, ...story],
          // Many of them wait: for a time that comes, for a host that hangs.
          maxWorkers: 3,
          // Only to end what hangs: a machine may be slow.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: {groupOrder: 0},
        },
      },
      {
        // Real sshd, real proxies, a real object store: each file has namespaces and ports of its own.
        test: {
          name: 'rig',
          include: rig,
          maxWorkers: 2,
          testTimeout: rigTimeoutMs,
          hookTimeout: rigTimeoutMs,
          sequence: {groupOrder: 1},
        },
      },
      {
        // The main job under constant traffic, after everything else: both stories at once, since they mostly wait for leases to run out.
        test: {
          name: 'end-to-end',
          include: story,
          maxWorkers: 2,
          testTimeout: rigTimeoutMs,
          hookTimeout: rigTimeoutMs,
          sequence: {groupOrder: 2},
        },
      },
    ],
  },
});
